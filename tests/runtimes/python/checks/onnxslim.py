"""onnxslim, which finds nothing to slim."""

import onnx
import onnxslim

from checks.same import difference


def version():
    return onnxslim.__version__


def check(model):
    return difference(onnx.load(model.path), onnxslim.slim(model.path))
