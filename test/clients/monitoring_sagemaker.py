"""Model Monitor with the SageMaker Python SDK as it is published: baselines, schedules, executions, a script of one's own.

The last line printed is JSON: what was seen."""

import json
import os
import tempfile
import time

import boto3
import sagemaker
from sagemaker.model_monitor import (
    CronExpressionGenerator,
    DefaultModelMonitor,
    EndpointInput,
    ModelQualityMonitor,
)
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor

from watched_endpoints import deploy, labels_for, wait_for_captures

session = sagemaker.Session()
bucket = session.default_bucket()
role = sagemaker.get_execution_role()
by_day, in_the_dark = deploy(bucket)
records = wait_for_captures(bucket, by_day)
wait_for_captures(bucket, in_the_dark)
saw = {}

# A script of one's own, with the paths that it has on AWS.
folder = tempfile.mkdtemp()
script = os.path.join(folder, "count.py")
with open(script, "w") as file:
    file.write(
        "import os, sys\n"
        "lines = [line for at, _, names in os.walk('/opt/ml/processing/input/captures') for name in names\n"
        "         for line in open(os.path.join(at, name))]\n"
        "with open('/opt/ml/processing/output/count', 'w') as file: file.write('%d %s' % (len(lines), sys.argv[1]))\n"
    )
processor = ScriptProcessor(
    role=role,
    image_uri=sagemaker.image_uris.retrieve("sklearn", "us-east-1", version="1.2-1"),
    command=["python3"],
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
processor.run(
    code=script,
    inputs=[ProcessingInput("s3://%s/captured/%s" % (bucket, by_day), "/opt/ml/processing/input/captures")],
    outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output")],
    arguments=["captured"],
    logs=False,
)
counted = processor.latest_job.outputs[0].destination
saw["script"] = sagemaker.s3.S3Downloader.read_file(counted + "/count", sagemaker_session=session)


def watch(monitor, name, **more):
    """Runs once over the last hour."""
    monitor.create_monitoring_schedule(
        monitor_schedule_name=name,
        output_s3_uri="s3://%s/reports" % bucket,
        schedule_cron_expression=CronExpressionGenerator.now(),
        data_analysis_start_time="-PT1H",
        data_analysis_end_time="-PT0H",
        enable_cloudwatch_metrics=True,
        **more
    )
    for _ in range(300):
        last = monitor.describe_schedule().get("LastMonitoringExecutionSummary", {})
        if last.get("MonitoringExecutionStatus") not in (None, "Pending", "InProgress"):
            break
        time.sleep(0.2)
    return last["MonitoringExecutionStatus"]


def monitor_of(monitor_class):
    return monitor_class(role=role, instance_count=1, instance_type="ml.m5.xlarge", sagemaker_session=session)


monitor = monitor_of(DefaultModelMonitor)
monitor.suggest_baseline(
    baseline_dataset="s3://%s/captured/%s" % (bucket, by_day),
    dataset_format=DatasetFormat.sagemaker_capture_json(),
    output_s3_uri="s3://%s/baseline" % bucket,
    logs=False,
)
saw["features"] = [one["name"] for one in monitor.baseline_statistics().body_dict["features"]]
constraints = monitor.suggested_constraints()
saw["day"] = watch(monitor, "watch-by-day", endpoint_input=by_day, statistics=monitor.baseline_statistics(), constraints=constraints)
saw["dayViolations"] = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
saw["dayCount"] = monitor.latest_monitoring_statistics().body_dict["dataset"]["item_count"]
saw["alerts"] = [one.alert_status for one in monitor.list_monitoring_alerts()[0]]
saw["executions"] = len(monitor.list_executions())
monitor.get_latest_execution_logs()

dark = monitor_of(DefaultModelMonitor)
dark_input = EndpointInput(endpoint_name=in_the_dark, destination="/opt/ml/processing/input/endpoint")
saw["dark"] = watch(dark, "watch-in-the-dark", endpoint_input=dark_input, statistics=monitor.baseline_statistics(), constraints=constraints)
saw["darkViolations"] = [one["feature_name"] for one in dark.latest_monitoring_constraint_violations().body_dict["violations"]]
saw["darkAlerts"] = [one.alert_status for one in dark.list_monitoring_alerts()[0]]

# The model answers class 0 always; the labels say that every fifth was another.
quality = monitor_of(ModelQualityMonitor)
csv = os.path.join(folder, "baseline.csv")
with open(csv, "w") as file:
    file.write("prediction,label\n" + "".join("0,%d\n" % (0 if number % 10 else 1) for number in range(40)))
quality.suggest_baseline(
    baseline_dataset=csv,
    dataset_format=DatasetFormat.csv(header=True),
    problem_type="BinaryClassification",
    inference_attribute="prediction",
    ground_truth_attribute="label",
    output_s3_uri="s3://%s/quality" % bucket,
    logs=False,
)
labels_for(bucket, records)
quality_input = EndpointInput(endpoint_name=by_day, destination="/opt/ml/processing/input/endpoint")
saw["quality"] = watch(
    quality,
    "watch-answers",
    endpoint_input=quality_input,
    ground_truth_input="s3://%s/labels" % bucket,
    problem_type="BinaryClassification",
    constraints=quality.suggested_constraints(),
)
saw["qualityViolations"] = [one["metric_name"] for one in quality.latest_monitoring_constraint_violations().body_dict["violations"]]

# An hourly schedule: updated, stopped, started, found again, deleted.
monitor.update_monitoring_schedule(schedule_cron_expression=CronExpressionGenerator.hourly())
monitor.stop_monitoring_schedule()
saw["stopped"] = monitor.describe_schedule()["MonitoringScheduleStatus"]
monitor.start_monitoring_schedule()
again = DefaultModelMonitor.attach("watch-by-day", sagemaker_session=session)
saw["attached"] = [again.describe_schedule()["MonitoringScheduleConfig"]["ScheduleConfig"], again.image_uri == monitor.image_uri]
for one in (monitor, dark, quality):
    one.delete_monitoring_schedule()
saw["left"] = len(boto3.client("sagemaker").list_monitoring_schedules()["MonitoringScheduleSummaries"])
print("\n" + json.dumps(saw))
