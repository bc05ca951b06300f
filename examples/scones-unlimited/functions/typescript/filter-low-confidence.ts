// Third step: lets a picture pass only if the model is sure of at least one class, and fails loudly otherwise.

interface Picture {
  image_data: string;
  s3_bucket: string;
  s3_key: string;
  inferences: number[];
}

class ThresholdNotMet extends Error {
  // The name of the error that the state machine sees.
  override name = "THRESHOLD_CONFIDENCE_NOT_MET";
}

const threshold = Number(process.env["THRESHOLD"] ?? "0.93");

export async function handler(picture: Picture) {
  const confidence = Math.max(...picture.inferences);

  if (!(confidence >= threshold)) {
    throw new ThresholdNotMet(`the model is ${confidence.toFixed(4)} sure, and ${threshold} is asked for`);
  }

  return { statusCode: 200, body: picture };
}
