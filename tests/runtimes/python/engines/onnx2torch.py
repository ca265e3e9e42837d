"""PyTorch, by onnx2torch."""

from importlib import metadata

import onnx
import torch
from onnx2torch import convert

BATCH = "dynamic"


def version():
    return f"{metadata.version('onnx2torch')}, PyTorch {torch.__version__.split('+')[0]}"


def load(model, _):
    module = convert(onnx.load(model.path)).eval()

    def run(z):
        with torch.no_grad():
            return module(torch.from_numpy(z)).numpy()

    return run
