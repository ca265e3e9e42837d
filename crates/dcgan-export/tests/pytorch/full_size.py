"""Trains the networks of two PyTorch programs at their full size, exports them, and compares the files with PyTorch.

    pip install torch==2.15.0 onnxruntime safetensors==0.8.0 numpy==2.4.6
    python full_size.py [--steps 30]

The programs are the one whose names dcgan-train's checkpoints have, and PyTorch's DCGAN example: 64 x 64 pixels, 100
latents, 64 to 512 channels, the paper's initialisation and optimiser. Each network goes the way that a user's goes:
`torch.save`, the line of Python that `dcgan-export --help` prints, dcgan-export, ONNX Runtime. Prints a row for each, and
fails where one differs from PyTorch's own output, in evaluation mode, by more than 1e-5.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from reference import ExampleDiscriminator, ExampleGenerator, LinearDiscriminator, LinearGenerator
from torch import nn

LIMIT = 1e-5
LATENT = 100
WIDTHS = [512, 256, 128, 64]
TRAINED_BATCH = 16
BATCHES = [1, 2, 7, 64]


def dcgan_export(*arguments):
    command = ["cargo", "run", "--quiet", "-p", "dcgan-export", "--", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent).stdout


def shapes(count):
    """Discs of any colour on a ground of any other, [count, 3, 64, 64] in [-1, 1]."""
    place, radius = torch.rand(2, count, 1, 1) * 40 + 12, torch.rand(count, 1, 1) * 12 + 6
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    inside = ((y - place[0]) ** 2 + (x - place[1]) ** 2 < radius**2)[:, None]
    disc, ground = torch.rand(2, count, 3, 1, 1) * 2 - 1
    return torch.where(inside, disc, ground)


def initialise(layer):
    if isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)
    elif hasattr(layer, "weight"):
        nn.init.normal_(layer.weight, 0.0, 0.02)


def train(generator, discriminator, steps):
    """A few steps of a GAN, so that weights and BatchNorm's statistics are those of training."""
    for module in (generator, discriminator):
        module.apply(initialise).train()
    adam = [torch.optim.Adam(module.parameters(), 2e-3, betas=(0.5, 0.999)) for module in (discriminator, generator)]
    loss, real, fake = nn.BCELoss(), torch.full((TRAINED_BATCH, 1), 0.9), torch.zeros(TRAINED_BATCH, 1)
    for _ in range(steps):
        images = generator(torch.randn(TRAINED_BATCH, LATENT))
        adam[0].zero_grad()
        losses = loss(discriminator(shapes(TRAINED_BATCH)), real) + loss(discriminator(images.detach()), fake)
        losses.backward()
        adam[0].step()
        adam[1].zero_grad()
        loss(discriminator(images), real).backward()
        adam[1].step()
    generator.eval(), discriminator.eval()


def line_of_help():
    lines = [line for line in dcgan_export("--help").splitlines() if "python3 -c" in line]
    assert len(lines) == 1 and lines[0].endswith("model.pth model.safetensors"), lines
    return lines[0]


def converted(module, line, folder):
    """What a user pastes, where `python3` is this one."""
    torch.save(module.state_dict(), folder / "model.pth")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(line, shell=True, check=True, cwd=folder, env={**os.environ, "PATH": path})
    return folder / "model.safetensors"


def difference(module, session, batch):
    generates = session.get_inputs()[0].name == "z"
    x = torch.randn(batch, LATENT) if generates else shapes(batch)
    with torch.no_grad():
        expected = module(x).numpy()
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})[-1]
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return np.abs(found - expected).max(), expected


def compare(name, module, line, flags):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        output = folder / "model.onnx"
        printed = dcgan_export("--checkpoint", converted(module, line, folder), "--output", output, *flags)
        session = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    found = [difference(module, session, batch) for batch in BATCHES]
    worst = max(difference for difference, _ in found)
    values = found[-1][1]
    verified = printed.split("largest difference ")[-1].strip()
    spread = f"{values.min():.3f} to {values.max():.3f}, {(np.abs(values) < 0.95).mean():.0%} within 0.95"
    cells = [name, " ".join(flags), f"{worst:.1e}", verified, spread]
    print("| " + " | ".join(cells) + " |", flush=True)
    return worst <= LIMIT


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(0)
    line = line_of_help()
    print(f"PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, {args.steps} steps, batches {BATCHES}\n")
    columns = ["network", "flags", "difference from PyTorch", "dcgan-export's own", "PyTorch's outputs"]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)
    programs = {
        "linear": (LinearGenerator(LATENT, WIDTHS, 3), LinearDiscriminator(WIDTHS[::-1], 3)),
        "example": (ExampleGenerator(LATENT, WIDTHS, 3), ExampleDiscriminator(WIDTHS[::-1], 3)),
    }
    fits = True
    for program, (generator, discriminator) in programs.items():
        train(generator, discriminator, args.steps)
        for kind, module in [("generator", generator), ("discriminator", discriminator)]:
            for flags in ([], ["--fold-batchnorm", "off"]):
                fits &= compare(f"{program} {kind}", module, line, flags)
    sys.exit(0 if fits else f"a difference is above {LIMIT}")


if __name__ == "__main__":
    main()
