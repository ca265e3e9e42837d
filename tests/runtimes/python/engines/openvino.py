"""OpenVINO on the CPU."""

import openvino

BATCH = "dynamic"


def version():
    return openvino.__version__.split("-")[0]


def load(model, _):
    # f32 is asked for: a processor with bf16 or f16 would use those.
    compiled = openvino.Core().compile_model(model.path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda z: compiled({"z": z})["image"]
