import { InferenceSession, Tensor } from "onnxruntime-node";

// The one door to ONNX Runtime. One thread per session where several train: several sessions side by side are faster than one with several threads,
// and a pool of threads that spins would eat the machine that is serving beside us.

export type Session = InferenceSession;

export function openSession(model: Uint8Array, threads = 1): Promise<Session> {
  return InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Memory laid out in advance for all activations of a step: a quarter to a third more than is needed, and no faster.
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: { session: { set_denormal_as_zero: "1", intra_op: { allow_spinning: "0" } } },
  });
}

export function floatTensor(values: Float32Array, shape: readonly number[]): Tensor {
  return new Tensor("float32", values, shape);
}

/** The values of an output that was allocated by the run. */
export function floatsOf(outputs: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const tensor = outputs[name] as Tensor | undefined;
  if (tensor === undefined) throw new Error(`the model has no output "${name}"`);
  return tensor.data as Float32Array;
}
