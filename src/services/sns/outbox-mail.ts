import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";

export interface Mail {
  id: string;
  to: string;
  subject: string;
  text: string;
  sentMs: number;
}

/**
 * Mail that nobody sends: each message is a file that any mail program opens, in a folder that its owner reads.
 * A retry writes the same file again, so a crash makes no second letter.
 */
export async function writeMail(folder: string, mail: Mail): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${new Date(mail.sentMs).toISOString().replaceAll(":", "-")}-${mail.id}.eml`);
  const handle = await open(`${file}.new`, "w", 0o600);
  try {
    await handle.writeFile(asMessage(mail));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  return file;
}

/** RFC 5322, all in ASCII: words of other scripts are encoded. */
function asMessage({ id, to, subject, text, sentMs }: Mail): string {
  const body =
    Buffer.from(text)
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  const isPlain = /^[\t\n\r -~]*$/.test(text) && text.split("\n").every((line) => line.length < 990);
  return [
    "From: Scones notifications <no-reply@scones.local>",
    `To: <${to.replaceAll(/[\r\n<>]/g, "")}>`,
    `Subject: ${encodedWord(subject)}`,
    `Date: ${new Date(sentMs).toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}@scones.local>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=UTF-8",
    `Content-Transfer-Encoding: ${isPlain ? "7bit" : "base64"}`,
    "X-Scones-Note: written to the local outbox; nothing was sent",
    "",
    ...(isPlain ? text.split(/\r?\n/) : body),
    "",
  ].join("\r\n");
}

function encodedWord(text: string): string {
  const line = text.replaceAll(/[\r\n]+/g, " ");
  return /^[ -~]*$/.test(line) ? line : `=?UTF-8?B?${Buffer.from(line).toString("base64")}?=`;
}
