"""ONNX's own checker in full, and shape inference that forgives nothing and agrees with the declared output."""

import onnx

BATCH = "N"


def version():
    return onnx.__version__


def check(model):
    proto = onnx.load(model.path)
    onnx.checker.check_model(proto, full_check=True)
    declared = dims(proto.graph.output[0])
    del proto.graph.output[0].type.tensor_type.shape.dim[:]
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    found = dims(inferred.graph.output[0])
    expected = [BATCH, *model.image_shape(0)[1:]]
    if declared != expected:
        return f"the output is declared as {declared}, expected {expected}"
    # Reshape's -1 hides the batch's name from inference, not the other sizes.
    if found[1:] != expected[1:]:
        return f"the output's inferred shape is {found}, expected {expected}"
    return None


def dims(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
