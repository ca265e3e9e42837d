"""emx-onnx-cgen: ONNX to C, compiled by the C compiler that is there."""

import ctypes
import subprocess
from importlib import metadata

import numpy

# Code for any N takes the batch after a Reshape to [-1, C, 4, 4] for -1 and computes nothing.
BATCH = "fixed"
FLOATS = numpy.ctypeslib.ndpointer(dtype="float32", flags="C_CONTIGUOUS")


def version():
    return metadata.version("emx-onnx-cgen")


def load(model, batch):
    source, library = model.scratch / f"generator{batch}.c", model.scratch / f"generator{batch}.so"
    options = ["--model-name", "generator", "--input-dim", f"N={batch}"]
    subprocess.run(["emx-onnx-cgen", "compile", *options, model.path, source], check=True)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
    code = ctypes.CDLL(str(library))
    code.generator.argtypes = [FLOATS, FLOATS]
    code.generator.restype = None
    if hasattr(code, "generator_load"):
        code.generator_load.restype = ctypes.c_bool
        # The weights, in a file that has the name of the model.
        if not code.generator_load(str(model.scratch / "generator.bin").encode()):
            raise RuntimeError("generator_load gave false")

    def run(z):
        images = numpy.empty(model.image_shape(len(z)), "float32")
        code.generator(numpy.ascontiguousarray(z), images)
        return images

    return run
