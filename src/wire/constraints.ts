// The lengths, ranges, patterns and enums of the members that people get wrong. The schemas that the models are made of do
// not hold them; these rows were compared with the shapes of botocore, which does.
export interface Constraint {
  /** Anchored at both ends. */
  pattern?: RegExp;
  /** Length of text, lists, maps and bytes; value of numbers. */
  min?: number;
  max?: number;
  values?: readonly string[];
}

type Rows = Readonly<Record<string, Constraint>>;

const entityName = { min: 0, max: 63, pattern: /^(?:[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62})$/ };
const roleArn = { min: 20, max: 2048, pattern: /^(?:arn:aws[a-z-]*:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@/_-]+)$/ };
const monitoringTypes = ["DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"];
const stateMachineArn = { min: 1, max: 256 };
const functionName = {
  min: 1,
  max: 256,
  pattern:
    /^(?:(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?)$/,
};

// By service, then `Member` for every structure that has it, or `Structure.Member` for that one alone.
const tables: Readonly<Record<string, Rows>> = {
  states: {
    name: { min: 1, max: 80 },
    definition: { min: 1, max: 1_048_576 },
    stateMachineArn,
    executionArn: { min: 1, max: 256 },
    activityArn: { min: 1, max: 256 },
    roleArn: { min: 1, max: 256 },
    input: { max: 262_144 },
    maxResults: { min: 0, max: 1000 },
    "ValidateStateMachineDefinitionInput.maxResults": { min: 0, max: 100 },
    "CreateStateMachineInput.type": { values: ["STANDARD", "EXPRESS"] },
    statusFilter: { values: ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"] },
    taskToken: { min: 1, max: 2048 },
    "SendTaskSuccessInput.output": { max: 262_144 },
    "TestStateInput.inspectionLevel": { values: ["INFO", "DEBUG", "TRACE"] },
    "TestStateInput.stateName": { min: 1, max: 80 },
    "MockInput.fieldValidationMode": { values: ["STRICT", "PRESENT", "NONE"] },
    "TestStateConfiguration.retrierRetryCount": { min: 0 },
    "TestStateConfiguration.mapIterationFailureCount": { min: 0 },
    "LoggingConfiguration.level": { values: ["ALL", "ERROR", "FATAL", "OFF"] },
    error: { min: 0, max: 256 },
    cause: { min: 0, max: 32_768 },
  },
  sagemaker: {
    "CreateTrainingJobRequest.TrainingJobName": { ...entityName, min: 1 },
    "CreateTrainingJobRequest.RoleArn": roleArn,
    "CreateTrainingJobRequest.InputDataConfig": { min: 1, max: 20 },
    "CreateTrainingJobRequest.HyperParameters": { min: 0, max: 100 },
    "AlgorithmSpecification.TrainingInputMode": { values: ["Pipe", "File", "FastFile"] },
    "S3DataSource.S3DataType": {
      values: ["ManifestFile", "S3Prefix", "AugmentedManifestFile", "Converse"],
    },
    "S3DataSource.S3Uri": { max: 1024, pattern: /^(?:(https|s3):\/\/([^/]+)\/?(.*))$/ },
    "S3DataSource.S3DataDistributionType": { values: ["FullyReplicated", "ShardedByS3Key"] },
    "Channel.ChannelName": { min: 1, max: 64, pattern: /^(?:[A-Za-z0-9.\-_]+)$/ },
    "OutputDataConfig.S3OutputPath": { max: 1024, pattern: /^(?:(https|s3):\/\/([^/]+)\/?(.*))$/ },
    "ResourceConfig.VolumeSizeInGB": { min: 0 },
    "StoppingCondition.MaxRuntimeInSeconds": { min: 1 },
    WaitIntervalInSeconds: { min: 0, max: 3600 },
    TerminationWaitInSeconds: { min: 0, max: 3600 },
    MaximumExecutionTimeoutInSeconds: { min: 600, max: 28_800 },
    "TrafficRoutingConfig.Type": { values: ["ALL_AT_ONCE", "CANARY", "LINEAR"] },
    "CapacitySize.Type": { values: ["INSTANCE_COUNT", "CAPACITY_PERCENT"] },
    "CapacitySize.Value": { min: 1 },
    "AutoRollbackConfig.Alarms": { min: 1, max: 10 },
    "CreateModelInput.ModelName": { min: 0, max: 63, pattern: /^(?:[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)$/ },
    "CreateModelInput.ExecutionRoleArn": roleArn,
    // A command of ours may have blanks; the rest is as on AWS.
    "ContainerDefinition.Image": { max: 255, pattern: /^(?:[\S]+|process:.+)$/ },
    "CreateEndpointConfigInput.EndpointConfigName": entityName,
    "CreateEndpointConfigInput.ProductionVariants": { min: 1, max: 10 },
    "ProductionVariant.VariantName": entityName,
    "ProductionVariant.InitialInstanceCount": { min: 1 },
    "ProductionVariant.InitialVariantWeight": { min: 0 },
    "DataCaptureConfig.InitialSamplingPercentage": { min: 0, max: 100 },
    "DataCaptureConfig.DestinationS3Uri": { max: 512, pattern: /^(?:(https|s3):\/\/([^/]+)\/?(.*))$/ },
    "DataCaptureConfig.CaptureOptions": { min: 1, max: 32 },
    "CaptureOption.CaptureMode": { values: ["Input", "Output", "InputAndOutput"] },
    "CreateEndpointInput.EndpointName": entityName,
    "CreateEndpointInput.EndpointConfigName": entityName,
    "UpdateEndpointInput.EndpointName": entityName,
    "CreateProcessingJobRequest.ProcessingJobName": { ...entityName, min: 1 },
    "CreateProcessingJobRequest.RoleArn": roleArn,
    "CreateProcessingJobRequest.ProcessingInputs": { max: 10 },
    "ProcessingOutputConfig.Outputs": { max: 10 },
    "ProcessingS3Input.S3DataType": { values: ["ManifestFile", "S3Prefix"] },
    "ProcessingS3Input.S3InputMode": { values: ["Pipe", "File"] },
    "ProcessingS3Output.S3UploadMode": { values: ["Continuous", "EndOfJob"] },
    "MonitoringS3Output.S3UploadMode": { values: ["Continuous", "EndOfJob"] },
    "ProcessingStoppingCondition.MaxRuntimeInSeconds": { min: 1, max: 777_600 },
    "MonitoringStoppingCondition.MaxRuntimeInSeconds": { min: 1, max: 86_400 },
    "ProcessingClusterConfig.InstanceCount": { min: 1, max: 100 },
    "AppSpecification.ContainerEntrypoint": { min: 1, max: 100 },
    "AppSpecification.ContainerArguments": { min: 1, max: 100 },
    "CreateMonitoringScheduleRequest.MonitoringScheduleName": { ...entityName, min: 1 },
    "CreateDataQualityJobDefinitionRequest.JobDefinitionName": { ...entityName, min: 1 },
    "CreateModelQualityJobDefinitionRequest.JobDefinitionName": { ...entityName, min: 1 },
    "ScheduleConfig.ScheduleExpression": { min: 1, max: 256 },
    "MonitoringScheduleConfig.MonitoringType": { values: monitoringTypes },
    MonitoringTypeEquals: { values: monitoringTypes },
    "ModelQualityAppSpecification.ProblemType": {
      values: ["BinaryClassification", "MulticlassClassification", "Regression"],
    },
    "ListMonitoringExecutionsRequest.StatusEquals": {
      values: ["Pending", "Completed", "CompletedWithViolations", "InProgress", "Failed", "Stopping", "Stopped"],
    },
    "ListMonitoringSchedulesRequest.StatusEquals": { values: ["Pending", "Failed", "Scheduled", "Stopped"] },
    "ListProcessingJobsRequest.StatusEquals": {
      values: ["InProgress", "Completed", "Failed", "Stopping", "Stopped"],
    },
    DatapointsToAlert: { min: 1, max: 100 },
    EvaluationPeriod: { min: 1, max: 100 },
    "CreateModelPackageGroupInput.ModelPackageGroupName": { ...entityName, min: 1 },
    "CreateModelPackageInput.ModelPackageName": { ...entityName, min: 1 },
    ModelApprovalStatus: { values: ["Approved", "Rejected", "PendingManualApproval"] },
    ModelPackageType: { values: ["Versioned", "Unversioned", "Both"] },
    MaxResults: { min: 1, max: 100 },
    "ListTagsInput.MaxResults": { min: 50 },
    SortOrder: { values: ["Ascending", "Descending"] },
  },
  "sagemaker-runtime": {
    EndpointName: { max: 63, pattern: /^(?:[a-zA-Z0-9](-*[a-zA-Z0-9])*)$/ },
    CustomAttributes: { max: 1024 },
    TargetVariant: { max: 63, pattern: /^(?:[a-zA-Z0-9](-*[a-zA-Z0-9])*)$/ },
    InferenceId: { min: 1, max: 64 },
    ContentType: { max: 1024 },
    Accept: { max: 1024 },
  },
  lambda: {
    FunctionName: functionName,
    "CreateFunctionRequest.Role": {
      pattern: /^(?:arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_/]+)$/,
    },
    MemorySize: { min: 128, max: 32_768 },
    Timeout: { min: 1 },
    Handler: { max: 128, pattern: /^(?:[^\s]+)$/ },
    Description: { max: 256 },
    "InvocationRequest.InvocationType": { values: ["Event", "RequestResponse", "DryRun"] },
    "InvocationRequest.LogType": { values: ["None", "Tail"] },
    ReservedConcurrentExecutions: { min: 0 },
    "LoggingConfig.LogFormat": { values: ["JSON", "Text"] },
    "LoggingConfig.ApplicationLogLevel": { values: ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] },
    "LoggingConfig.SystemLogLevel": { values: ["DEBUG", "INFO", "WARN"] },
    BatchSize: { min: 1, max: 10_000 },
    MaximumBatchingWindowInSeconds: { min: 0, max: 300 },
    MaximumConcurrency: { min: 2, max: 1000 },
    MaximumEventAgeInSeconds: { min: 60, max: 21_600 },
    "PutFunctionEventInvokeConfigRequest.MaximumRetryAttempts": { min: 0, max: 2 },
    "UpdateFunctionEventInvokeConfigRequest.MaximumRetryAttempts": { min: 0, max: 2 },
    "InvokeWithResponseStreamRequest.LogType": { values: ["None", "Tail"] },
  },
  sqs: {},
  logs: {
    logGroupName: { min: 1, max: 512, pattern: /^(?:[.\-_/#A-Za-z0-9]+)$/ },
    logStreamName: { min: 1, max: 512, pattern: /^(?:[^:*]*)$/ },
    "DescribeLogStreamsRequest.limit": { min: 1, max: 50 },
    "DescribeLogGroupsRequest.limit": { min: 1, max: 50 },
    "GetLogEventsRequest.limit": { min: 1, max: 10_000 },
    "FilterLogEventsRequest.limit": { min: 1, max: 10_000 },
    filterPattern: { max: 1024 },
    orderBy: { values: ["LogStreamName", "LastEventTime"] },
    "PutLogEventsRequest.logEvents": { min: 1, max: 10_000 },
  },
  events: {
    "PutEventsRequest.Entries": { min: 1, max: 10 },
    "PutRuleRequest.Name": { min: 1, max: 64, pattern: /^(?:[.\-_A-Za-z0-9]+)$/ },
    "PutTargetsRequest.Targets": { min: 1, max: 100 },
    ScheduleExpression: { max: 256 },
    Limit: { min: 1, max: 100 },
    MaximumRetryAttempts: { min: 0, max: 185 },
    MaximumEventAgeInSeconds: { min: 60, max: 86_400 },
  },
  iam: {
    RoleName: { min: 1, max: 64, pattern: /^(?:[\w+=,.@-]+)$/ },
    AssumeRolePolicyDocument: { min: 1, max: 131_072 },
  },
  sts: {
    RoleArn: { min: 20, max: 2048 },
    RoleSessionName: { min: 2, max: 64, pattern: /^(?:[\w+=,.@-]*)$/ },
    "AssumeRoleRequest.DurationSeconds": { min: 900, max: 43_200 },
  },
  monitoring: {
    "PutMetricDataInput.Namespace": { min: 1, max: 255, pattern: /^(?:[^:].*)$/ },
    "PutMetricDataInput.MetricData": { max: 1000 }, // told by the manual alone
    "MetricDatum.MetricName": { min: 1, max: 255 },
    "PutMetricAlarmInput.AlarmName": { min: 1, max: 255 },
    AlarmDescription: { max: 1024 },
    AlarmActions: { max: 5 },
    OKActions: { max: 5 },
    InsufficientDataActions: { max: 5 },
    EvaluationPeriods: { min: 1 },
    DatapointsToAlarm: { min: 1 },
    ComparisonOperator: {
      values: [
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
        "LessThanLowerOrGreaterThanUpperThreshold",
        "LessThanLowerThreshold",
        "GreaterThanUpperThreshold",
      ],
    },
    Period: { min: 1 },
    Statistic: { values: ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] },
    ExtendedStatistics: { min: 1, max: 10 },
    StateValue: { values: ["OK", "ALARM", "INSUFFICIENT_DATA"] },
    StateReason: { max: 1023 },
    StateReasonData: { max: 4000 },
    MaxRecords: { min: 1, max: 100 },
    ScanBy: { values: ["TimestampDescending", "TimestampAscending"] },
    RecentlyActive: { values: ["PT3H"] },
    "ListMetricsInput.Dimensions": { max: 10 },
    "MetricDataQuery.Expression": { min: 1, max: 2048 },
  },
};

export function constraintOf(service: string, structure: string, member: string): Constraint | undefined {
  const rows = tables[service];
  return rows?.[`${structure}.${member}`] ?? rows?.[member];
}

/** Every row, for the test that compares them with an independent source. */
export function allConstraints(): [service: string, key: string, constraint: Constraint][] {
  return Object.entries(tables).flatMap(([service, rows]) => {
    return Object.entries(rows).map(([key, row]): [string, string, Constraint] => [service, key, row]);
  });
}
