from .deserializers import BytesDeserializer
from .serializers import IdentitySerializer
from .session import Session


class Predictor:
    def __init__(self, endpoint_name, sagemaker_session=None, serializer=None, deserializer=None, **_):
        self.endpoint_name = endpoint_name
        self.sagemaker_session = sagemaker_session or Session()
        self.serializer = serializer or IdentitySerializer()
        self.deserializer = deserializer or BytesDeserializer()

    def predict(self, data, initial_args=None, target_variant=None, **_):
        request = dict(initial_args or {})
        request.setdefault("EndpointName", self.endpoint_name)
        request.setdefault("ContentType", self.serializer.content_type)
        request.setdefault("Accept", ", ".join(self.deserializer.ACCEPT))
        if target_variant:
            request.setdefault("TargetVariant", target_variant)
        answer = self.sagemaker_session.sagemaker_runtime_client.invoke_endpoint(
            Body=self.serializer.serialize(data), **request
        )
        return self.deserializer.deserialize(answer["Body"], answer.get("ContentType"))
