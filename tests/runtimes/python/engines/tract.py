"""tract's Python package."""

from importlib import metadata

import numpy
import tract

BATCH = "dynamic"


def version():
    return metadata.version("tract")


def load(model, _):
    runnable = tract.onnx().load(model.path).into_model().into_runnable()
    return lambda z: runnable.run([numpy.ascontiguousarray(z)])[0].to_numpy()
