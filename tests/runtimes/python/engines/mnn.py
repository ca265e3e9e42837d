"""MNN, by its converter and its Module interface."""

import subprocess
from importlib import metadata

import MNN
import numpy

BATCH = "dynamic"


def version():
    return metadata.version("MNN")


def load(model, _):
    converted = str(model.scratch / "model.mnn")
    convert = ["mnnconvert", "-f", "ONNX", "--modelFile", model.path, "--MNNModel", converted, "--bizCode", "dcgan"]
    subprocess.run(convert, check=True)
    settings = {"precision": "high", "backend": "CPU"}
    net = MNN.nn.load_module_from_file(converted, ["z"], ["image"], runtime_manager=manager(settings))

    def run(z):
        given = MNN.expr.placeholder(list(z.shape), MNN.expr.NCHW)
        given.write(numpy.ascontiguousarray(z))
        # MNN's own order of channels, C/4 H W 4, back to NCHW.
        images = MNN.expr.convert(net.onForward([given])[0], MNN.expr.NCHW)
        return numpy.array(images.read())

    return run


def manager(settings):
    return MNN.nn.create_runtime_manager((settings,))
