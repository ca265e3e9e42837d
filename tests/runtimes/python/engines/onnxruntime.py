"""ONNX Runtime, of any version."""

import onnxruntime

BATCH = "dynamic"


def version():
    return onnxruntime.__version__


def load(model, _):
    session = onnxruntime.InferenceSession(model.path, providers=["CPUExecutionProvider"])
    return lambda z: session.run(["image"], {"z": z})[0]
