"""Apache TVM: ONNX to Relax to the machine's own code."""

import numpy
import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

BATCH = "dynamic"


def version():
    return tvm.__version__


def load(model, _):
    module = from_onnx(onnx.load(model.path), keep_params_in_input=False)
    device = tvm.cpu()
    machine = relax.VirtualMachine(tvm.compile(module, tvm.target.Target("llvm")), device)
    return lambda z: machine["main"](tvm.runtime.tensor(numpy.ascontiguousarray(z), device)).numpy()
