import boto3


class Session:
    def __init__(self, boto_session=None, sagemaker_client=None, sagemaker_runtime_client=None, **_):
        self.boto_session = boto_session or boto3.Session()
        self.boto_region_name = self.boto_session.region_name
        self.sagemaker_client = sagemaker_client or self.boto_session.client("sagemaker")
        self.sagemaker_runtime_client = sagemaker_runtime_client or self.boto_session.client("sagemaker-runtime")
