// Reads the few kinds of values that the CIFAR archives hold, from Python's pickle format, protocols 2 to 4.
//
// K1. Nothing is executed: a pickle may name any Python function to be called, and only the five names below are
//     understood, each of which builds a value. Every other name and every unknown opcode is an error.

export type Pickled = number | bigint | string | boolean | null | Uint8Array | NumberArray | Pickled[] | PickledMap;
export type PickledMap = Map<string, Pickled>;

export interface NumberArray {
  kind: "array";
  shape: number[];
  /** Such as `u1`. */
  type: string;
  data: Uint8Array;
}

export class PickleError extends Error {
  override readonly name = "PickleError";
}

interface Constructor {
  kind: "constructor";
  name: string;
}
interface NumberType {
  kind: "type";
  type: string;
}
const mark = Symbol("mark");
type Value = Pickled | Constructor | NumberType | Value[] | Map<string, Value> | typeof mark;

const known: Record<string, string> = {
  "numpy.core.multiarray _reconstruct": "reconstruct",
  "numpy._core.multiarray _reconstruct": "reconstruct",
  "numpy ndarray": "ndarray",
  "numpy dtype": "dtype",
  "_codecs encode": "encode",
};

/** Reads one pickled value. Dictionary keys become strings, byte strings stay bytes. */
export function readPickle(bytes: Uint8Array): Pickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: Value[] = [];
  const memo = new Map<number, Value>();
  let at = 0;

  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > bytes.length)
      throw new PickleError(`the pickle ends in the middle, at byte ${bytes.length}`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const unsigned = (length: 1 | 2 | 4): number => {
    take(length);
    if (length === 1) return view.getUint8(at - 1);
    return length === 2 ? view.getUint16(at - 2, true) : view.getUint32(at - 4, true);
  };
  const long = (): number => {
    take(8);
    const value = Number(view.getBigUint64(at - 8, true));
    if (!Number.isSafeInteger(value)) throw new PickleError("a length in the pickle is too large");
    return value;
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw new PickleError("the pickle ends in the middle of a name");
    const text = latin1(bytes.subarray(at, end));
    at = end + 1;
    return text;
  };
  const pop = (): Value => {
    const value = stack.pop();
    if (value === undefined) throw new PickleError("the pickle takes more values than it gives");
    return value;
  };
  const popToMark = (): Value[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) throw new PickleError("the pickle lacks a mark");
    const values = stack.splice(from);
    return values.slice(1);
  };
  const top = (): Value => stack[stack.length - 1] ?? fail("the pickle changes a value that is not there");
  const append = (values: Value[]) => {
    const list = top();
    if (!Array.isArray(list)) throw new PickleError("the pickle appends to what is no list");
    // One by one: a list of 50,000 does not fit into the arguments of a call.
    for (const value of values) (list as Value[]).push(value);
  };
  const set = (values: Value[]) => {
    const map = top();
    if (!(map instanceof Map) || values.length % 2 !== 0)
      throw new PickleError("the pickle sets items of what is no dictionary");
    for (let i = 0; i < values.length; i += 2) (map as Map<string, Value>).set(keyOf(values[i]!), values[i + 1]!);
  };
  const remember = (index: number) => memo.set(index, top());
  const recall = (index: number) =>
    stack.push(memo.get(index) ?? fail(`the pickle recalls value ${index}, which is unknown`));
  const pushConstructor = (module: string, name: string) => {
    const meaning = known[`${module} ${name}`];
    if (meaning === undefined)
      throw new PickleError(`the pickle names ${module}.${name}, which is never executed here`);
    stack.push({ kind: "constructor", name: meaning });
  };

  for (;;) {
    const opcode = unsigned(1);
    switch (opcode) {
      case 0x80: // protocol
        if (unsigned(1) > 5) throw new PickleError("the pickle's protocol is newer than 5");
        break;
      case 0x95: // frame
        long();
        break;
      case 0x2e: {
        // stop
        const result = pop();
        if (stack.length > 0) throw new PickleError("the pickle leaves values behind");
        return result as Pickled;
      }
      case 0x28:
        stack.push(mark);
        break;
      case 0x4e:
        stack.push(null);
        break;
      case 0x88:
      case 0x89:
        stack.push(opcode === 0x88);
        break;
      case 0x4b:
        stack.push(unsigned(1));
        break;
      case 0x4d:
        stack.push(unsigned(2));
        break;
      case 0x4a:
        stack.push(unsigned(4) | 0);
        break;
      case 0x8a:
        stack.push(integerOf(take(unsigned(1))));
        break;
      case 0x47:
        take(8);
        stack.push(view.getFloat64(at - 8));
        break;
      case 0x55: // short and long byte strings of Python 2, then of Python 3
      case 0x43:
        stack.push(take(unsigned(1)));
        break;
      case 0x54:
      case 0x42:
        stack.push(take(unsigned(4)));
        break;
      case 0x8e:
        stack.push(take(long()));
        break;
      case 0x58:
        stack.push(utf8.decode(take(unsigned(4))));
        break;
      case 0x8c:
        stack.push(utf8.decode(take(unsigned(1))));
        break;
      case 0x7d:
        stack.push(new Map());
        break;
      case 0x5d:
      case 0x29:
        stack.push([]);
        break;
      case 0x61: {
        const value = pop();
        append([value]);
        break;
      }
      case 0x65:
        append(popToMark());
        break;
      case 0x73: {
        const value = pop();
        const key = pop();
        set([key, value]);
        break;
      }
      case 0x75:
        set(popToMark());
        break;
      case 0x74:
        stack.push(popToMark());
        break;
      case 0x85:
      case 0x86:
      case 0x87: {
        const values = Array.from({ length: opcode - 0x84 }, pop).reverse();
        stack.push(values);
        break;
      }
      case 0x71:
        remember(unsigned(1));
        break;
      case 0x72:
        remember(unsigned(4));
        break;
      case 0x94:
        remember(memo.size);
        break;
      case 0x68:
        recall(unsigned(1));
        break;
      case 0x6a:
        recall(unsigned(4));
        break;
      case 0x63: {
        const module = line();
        pushConstructor(module, line());
        break;
      }
      case 0x93: {
        const name = pop();
        const module = pop();
        pushConstructor(String(module), String(name));
        break;
      }
      case 0x52: {
        const given = pop();
        stack.push(construct(pop(), given));
        break;
      }
      case 0x62: {
        const state = pop();
        stack.push(build(pop(), state));
        break;
      }
      default:
        throw new PickleError(`the pickle has the unknown opcode 0x${opcode.toString(16)} at byte ${at - 1}`);
    }
  }
}

function construct(what: Value, given: Value): Value {
  if (!isKind(what, "constructor") || !Array.isArray(given))
    throw new PickleError("the pickle calls what is no known constructor");
  switch (what.name) {
    case "reconstruct":
      return { kind: "array", shape: [], type: "", data: new Uint8Array() };
    case "dtype":
      return { kind: "type", type: given[0] instanceof Uint8Array ? latin1(given[0]) : String(given[0]) };
    case "encode":
      return Uint8Array.from(Buffer.from(String(given[0]), "latin1"));
    default:
      throw new PickleError(`the pickle calls ${what.name}, which only names a type`);
  }
}

/** The state of a type is its byte order, which single bytes do not have; the state of an array is (version, shape, type, order, data). */
function build(what: Value, state: Value): Value {
  if (isKind(what, "type")) return what;
  if (!isKind(what, "array") || !Array.isArray(state))
    throw new PickleError("the pickle gives a state to what has none");
  const [, shape, type, isColumnMajor, data] = state;
  if (!Array.isArray(shape) || !isKind(type, "type") || isColumnMajor === true || !(data instanceof Uint8Array)) {
    throw new PickleError("the pickle holds an array of an unknown form");
  }
  // Changed in place: the memo may hold it already.
  return Object.assign(what, { shape: shape.map(Number), type: type.type, data });
}

function isKind<K extends string>(value: Value | undefined, kind: K): value is Extract<Value, { kind: K }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

function keyOf(value: Value): string {
  if (value instanceof Uint8Array) return latin1(value);
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new PickleError("the pickle has a dictionary key that is neither text nor number");
}

function integerOf(bytes: Uint8Array): number {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function fail(message: string): never {
  throw new PickleError(message);
}

const utf8 = new TextDecoder();
