// Reads the protocol buffer wire format without knowing the message: a list of fields, each with its bytes. Everything is bounded by
// the bytes given; what does not fit them is refused.

export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

export interface ProtobufField {
  field: number;
  /** Of a varint; 0 for other kinds. */
  integer: number;
  /** Of a string, bytes or message; empty for other kinds. */
  bytes: Uint8Array;
}

export function readFields(message: Uint8Array): ProtobufField[] {
  const fields: ProtobufField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new ProtobufError("a number is cut off");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
    throw new ProtobufError("a number has more than ten bytes");
  };
  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > message.length) throw new ProtobufError("a field is cut off");
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const [field, kind] = [tag >> 3, tag & 7];
    const nothing = new Uint8Array(0);
    if (kind === 0) fields.push({ field, integer: varint(), bytes: nothing });
    else if (kind === 1) fields.push({ field, integer: 0, bytes: take(8) });
    else if (kind === 2) fields.push({ field, integer: 0, bytes: take(varint()) });
    else if (kind === 5) fields.push({ field, integer: 0, bytes: take(4) });
    else throw new ProtobufError(`a field of the unknown kind ${kind}`);
  }
  return fields;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
