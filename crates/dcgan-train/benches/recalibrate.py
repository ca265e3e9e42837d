"""How far a generator's images are from those that it draws with the statistics of a batch, as in training.

    pip install torch numpy safetensors
    python recalibrate.py generator_final.safetensors recalibrated.safetensors ...

Prints the mean difference in levels of 255 over 4096 latents. The statistics of a batch are those of these latents,
for the weights of each file. With `--statistics-of FILE`, the first file is drawn with another one's statistics.
"""
import argparse

import torch
from safetensors.torch import load_file


def images(state, z, training):
    x = torch.nn.functional.linear(z, state["fc.weight"], state["fc.bias"])
    x = x.view(len(z), -1, 4, 4)
    stages = sum(name.startswith("tconv") for name in state)
    for i in range(1, stages + 1):
        x = torch.nn.functional.conv_transpose2d(x, state[f"tconv{i}.weight"], stride=2, padding=1)
        if i < stages:
            mean, var, weight, bias = (
                state[f"bn{i}.{part}"].clone() for part in ("running_mean", "running_var", "weight", "bias")
            )
            x = torch.relu(torch.nn.functional.batch_norm(x, mean, var, weight, bias, training))
    return torch.tanh(x)


parser = argparse.ArgumentParser()
parser.add_argument("checkpoints", nargs="+")
parser.add_argument("--statistics-of")
arguments = parser.parse_args()
for index, path in enumerate(arguments.checkpoints):
    state = load_file(path)
    if arguments.statistics_of and index == 0:
        other = load_file(arguments.statistics_of)
        state |= {name: value for name, value in other.items() if "running" in name}
    torch.manual_seed(0)
    z = torch.randn(4096, state["fc.weight"].shape[1])
    with torch.no_grad():
        difference = (images(state, z, False) - images(state, z, True)).abs().mean() * 255 / 2
    print(f"{path}: {difference:.2f}")
