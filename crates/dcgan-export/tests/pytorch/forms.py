"""Compares dcgan-export's interpreter, which verifies what is written, with ONNX Runtime, on files of every form.

    pip install onnxruntime numpy
    python forms.py

Prints the largest difference for each kind of network and type of its weights and outputs, of values from -1 to 1 or in
levels of 255, and fails where one is larger than the two may round apart.
"""

import collections
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

LIMITS = {("f32", "f32"): 1e-5, ("f16", "f32"): 0.02, ("f32", "uint8"): 1, ("f16", "uint8"): 2}


def difference(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = session.get_inputs()[0]
    shape = [3 if not isinstance(size, int) else size for size in x.shape]
    values = np.fromfile(path.with_suffix(".input"), np.float32).reshape(shape)
    found = session.run(None, {x.name: values})[-1]
    expected = np.fromfile(path.with_suffix(".output"), np.float32).reshape(found.shape)
    return float(np.abs(found.astype(np.float32) - expected).max())


def main():
    worst, counts = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "run", "--quiet", "-p", "dcgan-export", "--example", "forms", "--", folder]
        subprocess.run(command, check=True, cwd=Path(__file__).parent)
        for path in sorted(Path(folder).glob("*.onnx")):
            kind, precision, output, *_ = path.stem.split("-")
            key = kind, precision, output
            worst[key], counts[key] = max(worst[key], difference(path)), counts[key] + 1
    print(f"ONNX Runtime {onnxruntime.__version__}\n\n| network | weights | output | files | largest difference |\n|---|---|---|---|---|")
    for (kind, precision, output), value in worst.items():
        print(f"| {kind} | {precision} | {output} | {counts[kind, precision, output]} | {value:.1e} |")
    wrong = [key for key, value in worst.items() if value > LIMITS[key[1:]]]
    sys.exit(f"too far apart: {wrong}" if wrong else 0)


if __name__ == "__main__":
    main()
