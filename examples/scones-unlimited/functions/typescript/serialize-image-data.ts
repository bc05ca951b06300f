// First step: reads a picture from S3 and passes it on as base64 text.
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";

interface Order {
  s3_bucket: string;
  s3_key: string;
}

const s3 = new S3Client();

export async function handler({ s3_bucket, s3_key }: Order) {
  const object = await s3.send(new GetObjectCommand({ Bucket: s3_bucket, Key: s3_key }));
  if (object.Body === undefined) throw new Error(`s3://${s3_bucket}/${s3_key} has no content`);
  const image_data = await object.Body.transformToString("base64");

  return { statusCode: 200, body: { image_data, s3_bucket, s3_key, inferences: [] } };
}
