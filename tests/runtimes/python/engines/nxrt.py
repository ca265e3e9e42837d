"""nxrt, a runtime in Rust with ONNX Runtime's interface."""

from importlib import metadata

import nxrt

BATCH = "dynamic"


def version():
    return metadata.version("nxrt")


def load(model, _):
    session = nxrt.InferenceSession(model.path)
    return lambda z: session.run(["image"], {"z": z})[0]
