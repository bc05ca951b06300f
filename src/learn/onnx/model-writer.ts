import { toHalf } from "./half-precision.ts";
import { elementType, type ReadModel } from "./model-reader.ts";
import { type ProtobufWriter, protobufWriter } from "./protobuf.ts";

// Writes ONNX models: nodes in order of use, constants cached by content, and only the operator sets that are used.

export type Attribute = number | { float: number } | { floats: readonly number[] } | string | readonly number[];
export type Dimension = number | string;

export interface NodeOptions {
  attributes?: Record<string, Attribute>;
  /** Absent: the standard operators. */
  domain?: "com.microsoft" | "com.microsoft.nchwc";
  /** How many outputs the node has; 1 when absent. */
  outputs?: number;
  /** Names for the outputs, where they matter. */
  names?: string[];
}

export class ModelWriter {
  readonly #nodes: ((graph: ProtobufWriter) => void)[] = [];
  readonly #initializers: ((graph: ProtobufWriter) => void)[] = [];
  readonly #inputs: { name: string; shape: readonly Dimension[] }[] = [];
  readonly #outputs: { name: string; shape: readonly Dimension[] }[] = [];
  readonly #constants = new Map<string, string>();
  readonly #domains = new Set<string>();
  readonly #graft: ReadModel | undefined;
  #count = 0;

  /** Of nothing, or around another model: its nodes and weights are taken over as they stand. */
  constructor(graft?: ReadModel) {
    this.#graft = graft;
    if (graft === undefined) return;
    for (const tensor of graft.initializers) this.#initializers.push((graph) => graph.bytes(5, tensor));
  }

  /** Appends the nodes of the other model; its inputs must be outputs of earlier nodes by then. */
  graftNodes(): void {
    for (const node of this.#graft?.nodes ?? []) this.#nodes.push((graph) => graph.bytes(1, node));
  }

  /** Appends a node and returns the names of its outputs. */
  nodes(operator: string, inputs: readonly string[], options: NodeOptions = {}): string[] {
    const serial = this.#count++;
    const outputs =
      options.names ??
      Array.from({ length: options.outputs ?? 1 }, (_, i) => `scones_${operator}_${serial}${i ? `_${i}` : ""}`);
    if (options.domain !== undefined) this.#domains.add(options.domain);
    this.#nodes.push((graph) =>
      graph.message(1, (node) => {
        for (const input of inputs) node.string(1, input);
        for (const output of outputs) node.string(2, output);
        node.string(3, `scones_node_${serial}`);
        node.string(4, operator);
        for (const [name, value] of Object.entries(options.attributes ?? {})) writeAttribute(node, name, value);
        if (options.domain !== undefined) node.string(7, options.domain);
      }),
    );
    return outputs;
  }

  /** Appends a node with one output and returns its name. */
  node(operator: string, inputs: readonly string[], options: NodeOptions = {}): string {
    return this.nodes(operator, inputs, options)[0]!;
  }

  floats(values: readonly number[] | Float32Array, shape: readonly number[] = [values.length]): string {
    const data = Float32Array.from(values);
    return this.#constant(elementType.float, shape, new Uint8Array(data.buffer));
  }

  /**
   * A constant under a name of its own, by which it is found again in the file; returns what nodes read it by. In half precision it takes
   * half the place: runtimes make floats of it once, when they load the model.
   */
  weight(name: string, values: Float32Array, { shape, isHalf }: { shape: readonly number[]; isHalf: boolean }): string {
    if (!isHalf) {
      this.#initialize(name, { type: elementType.float, shape, raw: new Uint8Array(Float32Array.from(values).buffer) });
      return name;
    }
    this.#initialize(name, { type: elementType.half, shape, raw: new Uint8Array(toHalf(values).buffer) });
    return this.node("Cast", [name], { attributes: { to: elementType.float } });
  }

  /** The value in half precision, as floats again. */
  roundedToHalf(value: string): string {
    const half = this.node("Cast", [value], { attributes: { to: elementType.half } });
    return this.node("Cast", [half], { attributes: { to: elementType.float } });
  }

  scalar(value: number): string {
    return this.floats([value], []);
  }

  integers(values: readonly number[]): string {
    return this.#constant(
      elementType.integer,
      [values.length],
      new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    );
  }

  input(name: string, shape: readonly Dimension[]): string {
    this.#inputs.push({ name, shape });
    return name;
  }

  /** Declares that `name`, the output of some node, is an output of the model. */
  output(name: string, shape: readonly Dimension[]): void {
    this.#outputs.push({ name, shape });
  }

  finish(): Uint8Array {
    const model = protobufWriter();
    model.integer(1, 8);
    model.string(2, "scones");
    model.message(7, (graph) => {
      for (const write of this.#nodes) write(graph);
      graph.string(2, "network");
      for (const write of this.#initializers) write(graph);
      for (const input of this.#inputs) writeValueInfo(graph, 11, input);
      for (const output of this.#outputs) writeValueInfo(graph, 12, output);
    });
    model.message(8, (set) => {
      set.string(1, "");
      set.integer(2, this.#graft?.operatorSet ?? 17);
    });
    for (const set of this.#graft?.otherSets ?? []) model.bytes(8, set);
    for (const domain of [...this.#domains].sort()) {
      model.message(8, (set) => {
        set.string(1, domain);
        set.integer(2, 1);
      });
    }
    return model.finish();
  }

  #constant(type: number, shape: readonly number[], raw: Uint8Array): string {
    // Only small ones are worth looking up: weights never repeat.
    const key = raw.length <= 4096 ? `${type}:${shape.join("x")}:${Buffer.from(raw).toString("base64")}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `scones_constant_${this.#initializers.length}`;
    this.#initialize(name, { type, shape, raw });
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  #initialize(name: string, { type, shape, raw }: { type: number; shape: readonly number[]; raw: Uint8Array }): void {
    this.#initializers.push((graph) =>
      graph.message(5, (tensor) => {
        for (const dimension of shape) tensor.integer(1, dimension);
        tensor.integer(2, type);
        tensor.string(8, name);
        tensor.bytes(9, raw);
      }),
    );
  }
}

function writeAttribute(node: ProtobufWriter, name: string, value: Attribute): void {
  node.message(5, (attribute) => {
    attribute.string(1, name);
    if (typeof value === "number") {
      attribute.integer(3, value);
      attribute.integer(20, 2);
    } else if (typeof value === "string") {
      attribute.string(4, value);
      attribute.integer(20, 3);
    } else if ("float" in value) {
      attribute.float(2, value.float);
      attribute.integer(20, 1);
    } else if ("floats" in value) {
      for (const one of value.floats) attribute.float(7, one);
      attribute.integer(20, 6);
    } else {
      for (const one of value) attribute.integer(8, one);
      attribute.integer(20, 7);
    }
  });
}

function writeValueInfo(
  graph: ProtobufWriter,
  field: number,
  value: { name: string; shape: readonly Dimension[] },
): void {
  graph.message(field, (info) => {
    info.string(1, value.name);
    info.message(2, (type) =>
      type.message(1, (tensor) => {
        tensor.integer(1, elementType.float);
        tensor.message(2, (shape) => {
          for (const dimension of value.shape) {
            shape.message(1, (one) =>
              typeof dimension === "number" ? one.integer(1, dimension) : one.string(2, dimension),
            );
          }
        });
      }),
    );
  });
}
