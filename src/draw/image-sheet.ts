import { decodeImage } from "../images/decode-image.ts";
import { ImageError } from "../images/image.ts";
import { encodePng } from "../images/png-encode.ts";
import { fitted, textWidth } from "./font.ts";
import { classColours, fontFamily, ink, mutedInk, paper, warning } from "./palette.ts";
import { escaped, num } from "./svg.ts";

/** One picture of the sheet with what the model said about it. */
export interface SheetPicture {
  /** As captured, in any format that can be decoded. */
  bytes: Uint8Array;
  className?: string;
  confidence?: number;
  /** A small line below, such as the time or what it really was. */
  note?: string;
}

export interface ImageSheet {
  title: string;
  classNames: readonly string[];
  threshold: number;
  /** Pictures side by side; default 8, fewer when there are fewer pictures. */
  columns?: number;
}

/** Pictures on one sheet; the rest is counted, not drawn. */
export const mostPictures = 200;

const cell = { picture: 128, gap: 18, text: 46 };
const margin = 28;
const header = 78;

/** Captured pictures with their prediction; those below the threshold carry a mark and a dashed frame. */
export function imageSheetSvg(
  pictures: readonly SheetPicture[],
  { title, classNames, threshold, columns = 8 }: ImageSheet,
): string {
  const shown = pictures.slice(0, mostPictures);
  const across = Math.max(1, Math.min(columns, shown.length));
  const rows = Math.ceil(shown.length / across);
  const low = pictures.filter(({ confidence }) => confidence !== undefined && confidence < threshold).length;
  const numbers =
    pictures.length === 0
      ? "no pictures"
      : `n = ${pictures.length} · ${low} below ${threshold} (${((100 * low) / pictures.length).toFixed(1)} %)${shown.length < pictures.length ? ` · the first ${shown.length} are shown` : ""}`;
  const width =
    Math.max(
      across * (cell.picture + cell.gap) - cell.gap,
      Math.min(900, Math.max(textWidth(title, 17, "bold"), textWidth(numbers, 12))),
    ) +
    2 * margin;
  const height = header + rows * (cell.picture + cell.text + cell.gap) + margin - cell.gap;
  const cells = shown.map((picture, i) => {
    const x = margin + (i % across) * (cell.picture + cell.gap);
    const y = header + Math.floor(i / across) * (cell.picture + cell.text + cell.gap);
    return `<g transform="translate(${x} ${y})">${cellSvg(picture, { classNames, threshold })}</g>`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${num(width)}" height="${num(height)}" viewBox="0 0 ${num(width)} ${num(height)}" font-family="${fontFamily}, sans-serif">`,
    `<rect width="100%" height="100%" fill="${paper}"/>`,
    `<text x="${margin}" y="36" font-size="17" font-weight="bold" fill="${ink}">${escaped(fitted(title, width - 2 * margin, { size: 17, style: "bold" }))}</text>`,
    `<text x="${margin}" y="57" font-size="12" fill="${mutedInk}">${escaped(numbers)}</text>`,
    ...cells,
    "</svg>",
  ].join("\n")}\n`;
}

function cellSvg(
  { bytes, className, confidence, note }: SheetPicture,
  { classNames, threshold }: { classNames: readonly string[]; threshold: number },
): string {
  const size = cell.picture;
  const isLow = confidence !== undefined && confidence < threshold;
  const place = className === undefined ? -1 : classNames.indexOf(className);
  const colour = place === -1 ? mutedInk : (classColours[place % classColours.length] as string);
  const name = fitted(className ?? "no prediction", confidence === undefined ? size : size - 44, {
    size: 11.5,
    style: "bold",
  });
  const parts = [
    pictureSvg(bytes, size),
    `<rect x="-1" y="-1" width="${size + 2}" height="${size + 2}" rx="5" fill="none" stroke="${isLow ? warning : colour}" stroke-width="${isLow ? 3 : 2}"${isLow ? ' stroke-dasharray="7 4"' : ""}/>`,
    `<text y="${size + 17}" font-size="11.5" font-weight="bold" fill="${ink}">${escaped(name)}</text>`,
  ];
  if (confidence !== undefined) {
    const share = Math.max(0, Math.min(1, confidence));
    parts.push(
      `<text x="${size}" y="${size + 17}" font-size="11.5" text-anchor="end" fill="${isLow ? warning : mutedInk}">${confidence.toFixed(3)}</text>`,
      `<rect y="${size + 24}" width="${size}" height="4" rx="2" fill="#E4E8ED"/><rect y="${size + 24}" width="${num(size * share)}" height="4" rx="2" fill="${isLow ? warning : colour}"/>`,
      `<path d="M${num(size * threshold)} ${size + 22}v8" stroke="${ink}" stroke-width="1.4"/>`,
    );
  }
  if (isLow)
    parts.push(
      `<g transform="translate(${size - 13} 13)"><circle r="9" fill="${warning}"/><path d="M0 -4.6V1M0 4.1V4.2" stroke="#FFFFFF" stroke-width="2.4" stroke-linecap="round"/></g>`,
    );
  if (note !== undefined)
    parts.push(
      `<text y="${size + 42}" font-size="9.5" fill="${mutedInk}">${escaped(fitted(note, size, { size: 9.5 }))}</text>`,
    );
  return parts.join("");
}

// Decoded and encoded again: what is embedded is certainly a picture, whatever was captured.
function pictureSvg(bytes: Uint8Array, size: number): string {
  try {
    const png = encodePng(decodeImage(bytes));
    return `<image width="${size}" height="${size}" preserveAspectRatio="xMidYMid slice" href="data:image/png;base64,${Buffer.from(png).toString("base64")}"/>`;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return `<rect width="${size}" height="${size}" fill="#F1F3F6"/><path d="M40 36L88 84M88 36L40 84" stroke="#C2CAD3" stroke-width="3"/><text x="${size / 2}" y="${size - 10}" font-size="10" text-anchor="middle" fill="${mutedInk}">not a picture</text>`;
  }
}
