// The part of the protocol buffer wire format that an ONNX file needs: varints, 32-bit floats, strings, bytes and messages.

type Chunk = Uint8Array;
const text = new TextEncoder();

export interface ProtobufWriter {
  integer(field: number, value: number | bigint): void;
  float(field: number, value: number): void;
  string(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  message(field: number, write: (inner: ProtobufWriter) => void): void;
  finish(): Uint8Array;
}

export function protobufWriter(): ProtobufWriter {
  const chunks: Chunk[] = [];
  let sizeBytes = 0;
  const push = (chunk: Chunk) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
  };
  const lengthDelimited = (field: number, value: Uint8Array) => {
    push(varint((field << 3) | 2));
    push(varint(value.length));
    push(value);
  };
  return {
    integer(field, value) {
      push(varint(field << 3));
      push(varint(value));
    },
    float(field, value) {
      push(varint((field << 3) | 5));
      push(new Uint8Array(new Float32Array([value]).buffer));
    },
    string: (field, value) => lengthDelimited(field, text.encode(value)),
    bytes: lengthDelimited,
    message(field, write) {
      const inner = protobufWriter();
      write(inner);
      lengthDelimited(field, inner.finish());
    },
    finish() {
      const whole = new Uint8Array(sizeBytes);
      let at = 0;
      for (const chunk of chunks) {
        whole.set(chunk, at);
        at += chunk.length;
      }
      return whole;
    },
  };
}

/** Negative numbers are written in ten bytes, as two's complement of 64 bits. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
