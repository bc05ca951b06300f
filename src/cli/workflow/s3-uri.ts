/** Splits `s3://bucket/key`; anything else is refused by name. */
export function parseS3Uri(uri: string): { bucket: string; key: string } {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri);
  if (!match) throw new Error(`"${uri}" is not an address of the form s3://bucket/key`);
  return { bucket: match[1] ?? "", key: match[2] ?? "" };
}
