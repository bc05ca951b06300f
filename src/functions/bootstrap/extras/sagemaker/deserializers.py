import json


class BytesDeserializer:
    ACCEPT = ("*/*",)

    def deserialize(self, stream, content_type):
        try:
            return stream.read()
        finally:
            stream.close()


class JSONDeserializer(BytesDeserializer):
    ACCEPT = ("application/json",)

    def deserialize(self, stream, content_type):
        return json.loads(super().deserialize(stream, content_type))
