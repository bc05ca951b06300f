import { fromHalf } from "./half-precision.ts";
import { ProtobufError, readFields, textOf } from "./protobuf-reader.ts";

/** TensorProto.DataType, as far as we write it. */
export const elementType = { float: 1, integer: 7, half: 10 } as const;

/** The parts of an ONNX model that another one is built around, and the weights that it holds. */
export interface ReadModel {
  /** Version of the standard operators. */
  operatorSet: number;
  inputs: string[];
  outputs: string[];
  /** NodeProto and TensorProto as they stand. */
  nodes: Uint8Array[];
  initializers: Uint8Array[];
  /** OperatorSetIdProto of all other domains. */
  otherSets: Uint8Array[];
}

/** Field numbers of onnx.proto: ModelProto graph 7, opset_import 8; GraphProto node 1, initializer 5, input 11, output 12. */
export function readModel(bytes: Uint8Array): ReadModel {
  const model = readFields(bytes);
  const graph = model.find(({ field }) => field === 7);
  if (graph === undefined) throw new ProtobufError("there is no graph: this is no ONNX model");
  const parts = readFields(graph.bytes);
  const all = (field: number) => parts.filter((part) => part.field === field).map((part) => part.bytes);
  const names = (field: number) => all(field).map((value) => nameOf(value, 1));
  const sets = model.filter(({ field }) => field === 8).map((one) => one.bytes);
  const domain = (set: Uint8Array) => nameOf(set, 1);
  const standard = sets.find((set) => domain(set) === "" || domain(set) === "ai.onnx");
  const initializers = all(5);
  const isInitializer = new Set(initializers.map((tensor) => nameOf(tensor, 8)));
  return {
    operatorSet: standard === undefined ? 1 : (readFields(standard).find(({ field }) => field === 2)?.integer ?? 1),
    inputs: names(11).filter((name) => !isInitializer.has(name)),
    outputs: names(12),
    nodes: all(1),
    initializers,
    otherSets: sets.filter((set) => set !== standard),
  };
}

/** The weights of a model by name, with their shapes. TensorProto: dims 1, data_type 2, name 8, raw_data 9. */
export function readWeights(bytes: Uint8Array): Map<string, { shape: number[]; values: Float32Array }> {
  const weights = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const tensor of readModel(bytes).initializers) {
    const fields = readFields(tensor);
    const raw = fields.find(({ field }) => field === 9);
    const type = fields.find(({ field }) => field === 2)?.integer;
    if (raw === undefined || (type !== elementType.float && type !== elementType.half)) continue;
    const shape = fields.filter(({ field }) => field === 1).map(({ integer }) => integer);
    const { buffer, length } = Uint8Array.from(raw.bytes); // aligned, and no view of the file
    const values =
      type === elementType.half
        ? fromHalf(new Uint16Array(buffer, 0, length >> 1))
        : new Float32Array(buffer, 0, length >> 2);
    weights.set(nameOf(tensor, 8), { shape, values });
  }
  return weights;
}

/** All names that nodes and initializers of a model use. */
export function namesIn({ nodes, initializers }: ReadModel): Set<string> {
  const names = new Set(initializers.map((tensor) => nameOf(tensor, 8)));
  for (const node of nodes) {
    for (const { field, bytes } of readFields(node)) if (field === 1 || field === 2) names.add(textOf(bytes));
  }
  return names;
}

function nameOf(message: Uint8Array, field: number): string {
  const found = readFields(message).find((one) => one.field === field);
  return found === undefined ? "" : textOf(found.bytes);
}
