"""Prints a config.pbtxt as JSON: python parse.py PACKAGES FILE, where pip installed requirements.txt into PACKAGES."""

import importlib.util
import sys
from pathlib import Path

packages, path = map(Path, sys.argv[1:])
sys.path.insert(0, str(packages))

from google.protobuf import json_format, text_format  # noqa: E402

# From its file: the package around it would need gRPC.
spec = importlib.util.spec_from_file_location("model_config_pb2", packages / "tritonclient/grpc/model_config_pb2.py")
schema = importlib.util.module_from_spec(spec)
spec.loader.exec_module(schema)

print(json_format.MessageToJson(text_format.Parse(path.read_text(), schema.ModelConfig())))
