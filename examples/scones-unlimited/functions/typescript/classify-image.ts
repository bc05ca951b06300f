// Second step: asks the endpoint what the picture shows.
import { InvokeEndpointCommand, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";

interface Picture {
  image_data: string;
  s3_bucket: string;
  s3_key: string;
  inferences: number[];
}

const runtime = new SageMakerRuntimeClient();

export async function handler(picture: Picture) {
  const answer = await runtime.send(
    new InvokeEndpointCommand({
      EndpointName: process.env["ENDPOINT"],
      ContentType: "application/x-image",
      Body: Buffer.from(picture.image_data, "base64"),
    }),
  );
  const inferences: number[] = JSON.parse(answer.Body.transformToString());

  return { statusCode: 200, body: { ...picture, inferences } };
}
