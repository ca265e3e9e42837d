"""What dcgan-infer serve is compared with: FastAPI, uvicorn and onnxruntime, put together in the usual way.

    MODEL=g.onnx THREADS=2 uvicorn --app-dir crates/dcgan-infer/benches fastapi_server:app

answers /v1/images?seed=7&n=1 with a PNG, and a POST of latents to /infer with the images' numbers.
"""

import io
import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from PIL import Image

options = ort.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", os.cpu_count()))
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
z = session.get_inputs()[0]
app = FastAPI()


def draw(latents):
    return session.run(None, {z.name: latents})[0]


@app.get("/v1/images")
def images(seed: int = 0, n: int = 1):
    x = draw(np.random.default_rng(seed).standard_normal((n, z.shape[1])).astype(np.float32))
    x = ((x + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    pixels = np.concatenate(x.transpose(0, 2, 3, 1), axis=1).squeeze()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png")


@app.post("/infer")
async def infer(request: Request):
    latents = np.frombuffer(await request.body(), np.float32).reshape(-1, z.shape[1])
    x = await run_in_threadpool(draw, latents)
    return Response(x.tobytes(), media_type="application/octet-stream")
