// Which operations of which service the wire knows: what the services answer, and what they will answer next.
// An operation that is not here still gets a modelled error that names it.
const words = (text) => text.trim().split(/\s+/);

export const services = {
  states: { client: "@aws-sdk/client-sfn", operations: "all" },
  "sagemaker-runtime": { client: "@aws-sdk/client-sagemaker-runtime", operations: "all" },
  sagemaker: {
    client: "@aws-sdk/client-sagemaker",
    operations: words(`
      AddTags DeleteTags ListTags
      CreateTrainingJob DescribeTrainingJob ListTrainingJobs StopTrainingJob DeleteTrainingJob UpdateTrainingJob
      CreateModel DescribeModel ListModels DeleteModel
      CreateEndpointConfig DescribeEndpointConfig ListEndpointConfigs DeleteEndpointConfig
      CreateEndpoint DescribeEndpoint ListEndpoints UpdateEndpoint UpdateEndpointWeightsAndCapacities DeleteEndpoint
      CreateMonitoringSchedule DescribeMonitoringSchedule ListMonitoringSchedules UpdateMonitoringSchedule
      StartMonitoringSchedule StopMonitoringSchedule DeleteMonitoringSchedule ListMonitoringExecutions
      ListMonitoringAlerts ListMonitoringAlertHistory UpdateMonitoringAlert
      CreateDataQualityJobDefinition DescribeDataQualityJobDefinition ListDataQualityJobDefinitions DeleteDataQualityJobDefinition
      CreateModelQualityJobDefinition DescribeModelQualityJobDefinition ListModelQualityJobDefinitions DeleteModelQualityJobDefinition
      CreateProcessingJob DescribeProcessingJob ListProcessingJobs StopProcessingJob
      CreateTransformJob DescribeTransformJob ListTransformJobs StopTransformJob
      CreateHyperParameterTuningJob DescribeHyperParameterTuningJob ListHyperParameterTuningJobs StopHyperParameterTuningJob
      ListTrainingJobsForHyperParameterTuningJob
      CreateModelPackage DescribeModelPackage ListModelPackages UpdateModelPackage DeleteModelPackage
      CreateModelPackageGroup DescribeModelPackageGroup ListModelPackageGroups DeleteModelPackageGroup`),
  },
  s3: {
    client: "@aws-sdk/client-s3",
    operations: words(`
      ListBuckets CreateBucket HeadBucket DeleteBucket GetBucketLocation GetBucketVersioning PutBucketVersioning GetBucketAcl
      PutObject GetObject HeadObject CopyObject DeleteObject DeleteObjects ListObjects ListObjectsV2 ListObjectVersions
      GetObjectAttributes GetObjectAcl PutObjectAcl
      CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload AbortMultipartUpload ListParts ListMultipartUploads
      GetObjectTagging PutObjectTagging DeleteObjectTagging GetBucketTagging PutBucketTagging DeleteBucketTagging
      GetBucketNotificationConfiguration PutBucketNotificationConfiguration PutBucketCors GetBucketCors DeleteBucketCors
      GetBucketPolicy GetBucketPolicyStatus GetBucketLifecycleConfiguration GetBucketEncryption GetBucketOwnershipControls
      GetPublicAccessBlock GetBucketRequestPayment GetBucketLogging GetBucketWebsite GetBucketReplication
      GetObjectLockConfiguration GetBucketAccelerateConfiguration`),
  },
  lambda: {
    client: "@aws-sdk/client-lambda",
    operations: words(`
      CreateFunction UpdateFunctionCode UpdateFunctionConfiguration GetFunction GetFunctionConfiguration ListFunctions DeleteFunction
      Invoke InvokeWithResponseStream PublishVersion ListVersionsByFunction
      CreateAlias GetAlias UpdateAlias ListAliases DeleteAlias
      PutFunctionConcurrency GetFunctionConcurrency DeleteFunctionConcurrency
      PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig
      ListFunctionEventInvokeConfigs AddPermission RemovePermission GetPolicy
      CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping ListEventSourceMappings DeleteEventSourceMapping
      TagResource UntagResource ListTags GetAccountSettings`),
  },
  sns: {
    client: "@aws-sdk/client-sns",
    operations: words(`
      CreateTopic DeleteTopic ListTopics GetTopicAttributes SetTopicAttributes
      Subscribe ConfirmSubscription Unsubscribe ListSubscriptions ListSubscriptionsByTopic
      GetSubscriptionAttributes SetSubscriptionAttributes Publish PublishBatch
      TagResource UntagResource ListTagsForResource`),
  },
  sqs: {
    client: "@aws-sdk/client-sqs",
    operations: words(`
      CreateQueue DeleteQueue GetQueueUrl ListQueues GetQueueAttributes SetQueueAttributes PurgeQueue
      SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch ChangeMessageVisibility
      ChangeMessageVisibilityBatch ListDeadLetterSourceQueues ListQueueTags TagQueue UntagQueue`),
  },
  sts: {
    client: "@aws-sdk/client-sts",
    operations: words("GetCallerIdentity AssumeRole GetSessionToken GetAccessKeyInfo"),
  },
  iam: {
    client: "@aws-sdk/client-iam",
    operations: words(`
      CreateRole GetRole ListRoles DeleteRole UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy
      AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole SimulatePrincipalPolicy`),
  },
  logs: {
    client: "@aws-sdk/client-cloudwatch-logs",
    operations: words(`
      CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream DescribeLogStreams
      PutLogEvents GetLogEvents FilterLogEvents PutRetentionPolicy DeleteRetentionPolicy`),
  },
  events: {
    client: "@aws-sdk/client-eventbridge",
    operations: words(`
      PutEvents PutRule DescribeRule ListRules DeleteRule EnableRule DisableRule
      PutTargets ListTargetsByRule RemoveTargets ListRuleNamesByTarget TestEventPattern
      CreateEventBus DescribeEventBus ListEventBuses DeleteEventBus TagResource UntagResource ListTagsForResource`),
  },
  "application-autoscaling": {
    client: "@aws-sdk/client-application-auto-scaling",
    operations: words(`
      RegisterScalableTarget DescribeScalableTargets DeregisterScalableTarget
      PutScalingPolicy DescribeScalingPolicies DeleteScalingPolicy DescribeScalingActivities
      TagResource UntagResource ListTagsForResource`),
  },
  monitoring: {
    client: "@aws-sdk/client-cloudwatch",
    operations: words(`
      PutMetricData GetMetricData GetMetricStatistics ListMetrics
      PutMetricAlarm DescribeAlarms DescribeAlarmsForMetric DescribeAlarmHistory DeleteAlarms SetAlarmState
      EnableAlarmActions DisableAlarmActions TagResource UntagResource ListTagsForResource`),
  },
};
