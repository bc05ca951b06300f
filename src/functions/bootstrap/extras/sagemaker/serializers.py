import json


class IdentitySerializer:
    CONTENT_TYPE = "application/octet-stream"

    def __init__(self, content_type=None):
        self.content_type = content_type or self.CONTENT_TYPE

    def serialize(self, data):
        return data


class JSONSerializer(IdentitySerializer):
    CONTENT_TYPE = "application/json"

    def serialize(self, data):
        return json.dumps(data)
