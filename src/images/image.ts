/** A decoded picture: 8-bit RGB, rows from the top, no padding (height x width x 3 bytes). */
export interface Image {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Bounds of one decode. Whoever exceeds them is refused before memory or time is spent. */
export interface ImageLimits {
  /** Width times height; default 32 million (a 32-megapixel photograph is 96 MB of RGB). */
  maxPixels?: number;
  /** Encoded size; default 16 MiB, above every request body that an endpoint takes. */
  maxBytes?: number;
}

export const defaultMaxPixels = 32_000_000;
export const defaultMaxBytes = 16 * 1024 * 1024;

/** The bytes are no picture that can be decoded: damaged, too large, or of an unknown format. The caller's business: translate it. */
export class ImageError extends Error {
  readonly reason: ImageErrorReason;

  constructor(reason: ImageErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ImageError";
    this.reason = reason;
  }
}

export type ImageErrorReason = "damaged" | "tooLarge" | "unsupported";
