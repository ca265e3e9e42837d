"""dcgan-infer against the onnxruntime package of Python, on the same model, library version and threads.

    pip install onnxruntime==1.32 numpy pillow
    cargo build --release && target/release/dcgan-infer install
    python crates/dcgan-infer/benches/compare.py --model g.onnx

prints images a second of `dcgan-infer bench` and of a bare loop of `session.run`, as medians of alternating rounds, and how
long each takes from its start to a PNG of 16 images on disk.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

LOOP = """
import sys, time
import numpy as np, onnxruntime as ort
model, batch, threads, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
name, size = session.get_inputs()[0].name, session.get_inputs()[0].shape[1]
z = np.random.default_rng(0).standard_normal((batch, size)).astype(np.float32)
def run(seconds):
    start, runs = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        session.run(None, {name: z})
        runs += 1
    return batch * runs / (time.perf_counter() - start)
run(0.5)
print(run(seconds))
"""

PICTURE = """
import sys
import numpy as np, onnxruntime as ort
from PIL import Image
model, output = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
z = np.random.default_rng(0).standard_normal((16, session.get_inputs()[0].shape[1])).astype(np.float32)
x = session.run(None, {session.get_inputs()[0].name: z})[0]
n, c, h, w = x.shape
x = ((x + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
x = x.reshape(4, 4, c, h, w).transpose(0, 3, 1, 4, 2).reshape(4 * h, 4 * w, c)
Image.fromarray(x.squeeze()).save(output)
"""


def ours(program, model, batch, threads, seconds):
    command = [program, "bench", "--model", model, "--engine", "onnxruntime", "--device", "cpu", "--json"]
    command += ["--batches", str(batch), "--threads", str(threads), "--seconds", str(seconds)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return report["rows"][0]["images_per_second"], report["engine"]


def theirs(model, batch, threads, seconds):
    command = [sys.executable, "-c", LOOP, model, str(batch), str(threads), str(seconds)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def timed(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--program", default="target/release/dcgan-infer")
    parser.add_argument("--batches", default="1,16,64")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    args = parser.parse_args()
    import onnxruntime

    print(f"onnxruntime {onnxruntime.__version__} in Python, {args.threads} threads, {args.rounds} rounds")
    print("| batch | dcgan-infer | session.run | ratio |\n|---|---|---|---|")
    for batch in map(int, args.batches.split(",")):
        rounds = []
        for _ in range(args.rounds):
            speed, engine = ours(args.program, args.model, batch, args.threads, args.seconds)
            rounds.append((speed, theirs(args.model, batch, args.threads, args.seconds)))
        a, b = (statistics.median(speeds) for speeds in zip(*rounds))
        ratio = statistics.median(a / b for a, b in rounds)
        print(f"| {batch} | {a:.1f} | {b:.1f} | {ratio:.3f} |", flush=True)
    print(f"\ndcgan-infer ran {engine}")
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "grid.png")
        rust = [args.program, "--model", args.model, "--num-images", "16", "--device", "cpu", "--output", output]
        python = [sys.executable, "-c", PICTURE, args.model, output]
        times = [(timed(rust), timed(python)) for _ in range(2 * args.rounds + 1)]
    a, b = (statistics.median(column) for column in zip(*times))
    print(f"from start to PNG: dcgan-infer {a:.3f} s, Python {b:.3f} s, ratio {a / b:.3f}")


if __name__ == "__main__":
    main()
