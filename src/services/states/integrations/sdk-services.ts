/** Services whose name in `aws-sdk:<name>` or in error texts is not simply that of their model. */
export const sdkServices: Readonly<Record<string, { model: string; name: string }>> = {
  s3: { model: "s3", name: "S3" },
  sfn: { model: "states", name: "Sfn" },
  sns: { model: "sns", name: "Sns" },
  sqs: { model: "sqs", name: "Sqs" },
  sts: { model: "sts", name: "Sts" },
  iam: { model: "iam", name: "Iam" },
  lambda: { model: "lambda", name: "Lambda" },
  sagemaker: { model: "sagemaker", name: "SageMaker" },
  sagemakerruntime: { model: "sagemaker-runtime", name: "SageMakerRuntime" },
  eventbridge: { model: "events", name: "EventBridge" },
  applicationautoscaling: { model: "application-autoscaling", name: "ApplicationAutoScaling" },
  cloudwatch: { model: "monitoring", name: "CloudWatch" },
  cloudwatchlogs: { model: "logs", name: "CloudWatchLogs" },
};
