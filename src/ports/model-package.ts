/**
 * `model.json` inside a `model.tar.gz`: how a picture becomes the network's input and what its output means.
 * Training writes it, serving obeys it, and anyone with an ONNX classifier can write one by hand.
 */
export interface ModelManifest {
  format: "scones.image-classifier/1";
  /** The ONNX file's name inside the archive, and the SHA-256 (hex) of its bytes (M1: a model is loaded only if it matches). */
  model: { file: string; sha256: string };
  input: {
    /** Name of the graph's input: [N, channels, height, width], or [N, height, width, channels]. */
    name: string;
    /** Where the channels are; NCHW when absent. */
    layout?: "NCHW" | "NHWC";
    /** Their order; RGB when absent. `grey` is one channel of brightness. */
    channels?: "RGB" | "BGR" | "grey";
    /** float32 when absent. */
    type?: "float32" | "uint8";
    width: number;
    height: number;
    /** Only this much about the middle of the picture is seen, as shares of its shorter side; absent: all of it. */
    crop?: { height: number; width: number };
    /** The picture is resized to width x height; each value is (0..255 - mean[c]) / deviation[c], in the order of the channels. */
    mean: number[];
    deviation: number[];
  };
  output: {
    /** Name of the graph's output: float32 (or float64) [N, labels.length]. */
    name: string;
    kind: "probabilities" | "logits";
    /** Logits are divided by it before the softmax or sigmoid; 1 when absent. */
    temperature?: number;
    /** Whether each class has a probability of its own (a sigmoid of its logit), so that they do not add up to 1; not when absent. */
    isMultiLabel?: boolean;
  };
  /** Class names in the order of the output. */
  labels: string[];
  /** Where it came from: data digest, seed, metrics, versions. Free form, shown to people. */
  provenance?: Record<string, unknown>;
}
