"""ncnn, by way of pnnx."""

import shutil
import subprocess

import ncnn
import numpy

# It has no dimension for a batch.
BATCH = "single"


def version():
    return ncnn.__version__


def load(model, _):
    copy = model.scratch / "model.onnx"
    shutil.copy(model.path, copy)
    subprocess.run(["pnnx", copy, f"inputshape=[1,{model.latent}]", "fp16=0"], check=True)
    net = ncnn.Net()
    for half in ["use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"]:
        setattr(net.opt, half, False)
    net.load_param(str(model.scratch / "model.ncnn.param"))
    net.load_model(str(model.scratch / "model.ncnn.bin"))

    def run(z):
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(numpy.ascontiguousarray(z[0])))
        _, image = extractor.extract("out0")
        return numpy.array(image)[None]

    return run
