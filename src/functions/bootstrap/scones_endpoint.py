"""Makes a boto3 from before 1.28 obey AWS_ENDPOINT_URL as newer ones do; those are left alone.

Without it such a boto3, Debian's for one, would call the real cloud. botocore is patched when, and only when, it is imported.
"""

import importlib.abc
import importlib.machinery
import os
import sys

# botocore reads AWS_ENDPOINT_URL itself from this version on.
FIRST_VERSION_THAT_KNOWS = (1, 31)
MODULE = "botocore.session"


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None and not knows_endpoint_url():
            spec.loader = Loader(spec.loader)
        return spec


class Loader(importlib.abc.Loader):
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.loader.exec_module(module)
        create_client = module.Session.create_client

        def with_endpoint(self, service_name, *args, **options):
            # The fifth positional argument, if anybody gives that many, is the endpoint.
            if len(args) < 5 and options.get("endpoint_url") is None:
                options["endpoint_url"] = endpoint_of(service_name)
            return create_client(self, service_name, *args, **options)

        module.Session.create_client = with_endpoint


def endpoint_of(service_name):
    own = "AWS_ENDPOINT_URL_" + service_name.upper().replace("-", "_").replace(" ", "_")
    return os.environ.get(own) or os.environ.get("AWS_ENDPOINT_URL")


def knows_endpoint_url():
    version = sys.modules["botocore"].__version__
    return tuple(int(part) for part in version.split(".")[:2]) >= FIRST_VERSION_THAT_KNOWS


def install():
    sys.meta_path.insert(0, Finder())
