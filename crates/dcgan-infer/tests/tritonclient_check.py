"""Asks a running `dcgan-infer serve` through Triton's own client, and checks the images against `/v1/images`.

    dcgan-infer serve --model models/shapes32.onnx --port 8080
    pip install 'tritonclient[http]' pillow
    python tritonclient_check.py 127.0.0.1:8080 shapes32
"""

import io
import json
import sys
import urllib.request

import numpy as np
import tritonclient.http as triton
from PIL import Image

address, name = sys.argv[1:]
client = triton.InferenceServerClient(address)


def fetch(path):
    return urllib.request.urlopen(f"http://{address}{path}").read()


assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready(name) and client.is_model_ready(name, "1") and not client.is_model_ready("none")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata(name)
(given,), (drawn,) = metadata["inputs"], metadata["outputs"]

z = np.float32(json.loads(fetch(f"/v1/latents?model={name}&seed=3&n=5"))["latents"])
expected = [
    np.array(Image.open(io.BytesIO(fetch(f"/v1/images?model={name}&seed={seed}")))).reshape(*drawn["shape"][2:], -1)
    for seed in range(3, 8)
]


def infer(binary_in, outputs, rows=z, **more):
    latents = triton.InferInput(given["name"], rows.shape, given["datatype"])
    latents.set_data_from_numpy(rows, binary_data=binary_in)
    return client.infer(name, [latents], outputs=outputs, **more)


def requested(binary):
    return [triton.InferRequestedOutput(drawn["name"], binary_data=binary)]


for binary_in in (False, True):
    for outputs in (None, requested(False), requested(True)):
        answer = infer(binary_in, outputs, request_id="7", model_version="1")
        images = answer.as_numpy(drawn["name"])
        assert answer.get_response()["id"] == "7"
        assert images.dtype == np.float32 and list(images.shape) == [5, *drawn["shape"][1:]]
        pixels = np.clip((images.transpose(0, 2, 3, 1) + 1) * 127.5, 0, 255)
        assert np.abs(pixels - np.stack(expected)).max() <= 0.501, "the images of /v1/images"

for wrong in (z[:, :-1], z[:0]):
    try:
        infer(True, None, wrong)
    except triton.InferenceServerException as error:
        assert "inputs: expected" in error.message(), error
    else:
        raise AssertionError(f"latents of shape {wrong.shape} were taken")

print(f"{name}: JSON and binary tensors, in and out, give the images of their seeds")
