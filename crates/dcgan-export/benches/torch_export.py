"""Compares dcgan-export's file with those of torch.onnx.export, of the same weights, in ONNX Runtime on this machine.

    pip install torch onnx onnxruntime onnxscript safetensors numpy
    python crates/dcgan-export/benches/torch_export.py [--rounds 7] [--threads 2]

Prints size, nodes, largest difference from PyTorch's output, time to load, and images a second for each file: medians
over rounds that alternate between the files. Leave the machine alone meanwhile.
"""
import argparse
import json
import logging
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
WIDTHS = {"dcgan64": [512, 256, 128, 64], "dcgan32": [256, 128, 64]}
LATENT = 100
CHANNELS = 3
BATCHES = [1, 16, 64]


class Generator(torch.nn.Module):
    """The generator of dcgan_core::GeneratorSpec, under the names of its state dict."""

    def __init__(self, widths):
        super().__init__()
        self.widths = widths
        self.fc = torch.nn.Linear(LATENT, widths[0] * 16)
        for stage, (inputs, outputs) in enumerate(zip(widths, widths[1:] + [CHANNELS]), 1):
            setattr(self, f"tconv{stage}", torch.nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False))
            if stage < len(widths):
                setattr(self, f"bn{stage}", torch.nn.BatchNorm2d(outputs))

    def forward(self, z):
        x = self.fc(z).view(-1, self.widths[0], 4, 4)
        for stage in range(1, len(self.widths)):
            x = torch.relu(getattr(self, f"bn{stage}")(getattr(self, f"tconv{stage}")(x)))
        return torch.tanh(getattr(self, f"tconv{len(self.widths)}")(x))


def generator(widths):
    """Weights of unit gain, and BatchNorm statistics far from 0 and 1, so that images use the whole range."""
    torch.manual_seed(0)
    module = Generator(widths)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.2, 3.2)
        elif name.startswith("bn") and name.endswith(".weight"):
            tensor.uniform_(0.5, 2.0)
        elif name.startswith("tconv"):
            tensor.normal_(0, 1.5 / (4 * tensor.shape[0]) ** 0.5)
        elif tensor.is_floating_point():
            tensor.normal_(0, 1.5 / LATENT**0.5 if name == "fc.weight" else 0.5)
    return module.eval()


def ours(module, arch, folder):
    description = {
        "network": "generator", "arch": arch, "latent": LATENT, "widths": module.widths, "channels": CHANNELS,
        "training": {"steps": 0, "images_seen": 0, "options": {}},
    }
    checkpoint, path = folder / "generator.safetensors", folder / "ours.onnx"
    state = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, checkpoint, metadata={"dcgan": json.dumps(description)})
    command = ["cargo", "run", "--release", "--quiet", "-p", "dcgan-export", "--"]
    subprocess.run([*command, "--checkpoint", checkpoint, "--output", path], cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    return path


def torchs(module, folder, dynamo):
    path = folder / ("dynamo.onnx" if dynamo else "torchscript.onnx")
    z = torch.randn(2, LATENT)
    if dynamo:
        dynamic = {"dynamic_shapes": ({0: torch.export.Dim("N")},)}
    else:
        dynamic = {"dynamic_axes": {"z": {0: "N"}, "image": {0: "N"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (z,), path, input_names=["z"], output_names=["image"], dynamo=dynamo, verbose=False, **dynamic
        )
    return path


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def speeds(paths, rounds, threads):
    """Seconds to load and images a second at each batch, of each file: medians over alternating rounds."""
    sessions = {name: session(path, threads) for name, path in paths.items()}
    loads = {name: [] for name in paths}
    rates = {(name, batch): [] for name in paths for batch in BATCHES}
    names = list(paths)
    for turn in range(rounds):
        # Each file is first, in between and last equally often: what runs before a load takes part in its time.
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            loads[name].append(seconds(lambda: session(paths[name], threads)))
        for batch in BATCHES:
            z = np.random.default_rng(0).normal(size=(batch, LATENT)).astype(np.float32)
            repeats = max(1, 256 // batch)
            for name, running in sessions.items():
                running.run(None, {"z": z})
                spent = seconds(lambda: [running.run(None, {"z": z}) for _ in range(repeats)])
                rates[name, batch].append(batch * repeats / spent)
    median = statistics.median
    return {name: (median(loads[name]), [median(rates[name, batch]) for batch in BATCHES]) for name in paths}


def size(path):
    """With the weights that PyTorch may put into a file of their own."""
    files = [file for file in [path, path.with_name(path.name + ".data")] if file.exists()]
    size = f"{sum(file.stat().st_size for file in files):,}"
    return size if len(files) == 1 else f"{size} in {len(files)} files"


def difference(module, path):
    z = torch.randn(7, LATENT, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module(z).numpy()
    return np.abs(session(path, 0).run(None, {"z": z.numpy()})[0] - expected).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # of operators of torchvision, which nothing here has
    print(f"PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, {args.threads} threads\n")
    columns = ["network", "file", "opset", "bytes", "nodes", "largest difference", "load, ms"]
    columns += [f"images/s, batch {batch}" for batch in BATCHES]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for arch, widths in WIDTHS.items():
        with tempfile.TemporaryDirectory() as folder:
            folder, module = Path(folder), generator(widths)
            paths = {"dcgan-export": ours(module, arch, folder)}
            paths["torch.onnx.export, dynamo"] = torchs(module, folder, dynamo=True)
            paths["torch.onnx.export, TorchScript"] = torchs(module, folder, dynamo=False)
            measured = speeds(paths, args.rounds, args.threads)
            for name, path in paths.items():
                model, (load, rates) = onnx.load(path), measured[name]
                opset = next(entry.version for entry in model.opset_import if entry.domain == "")
                cells = [arch, name, opset, size(path), len(model.graph.node), f"{difference(module, path):.1e}"]
                print("|", " | ".join(map(str, [*cells, f"{load * 1e3:.1f}", *(f"{rate:.0f}" for rate in rates)])), "|")


if __name__ == "__main__":
    main()
