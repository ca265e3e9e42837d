"""Compares dcgan-train's CPU step with PyTorch's on this machine, alternating, and prints the README's table.

    pip install torch
    python crates/dcgan-train/benches/compare.py [--rounds 3] [--iters 5] [--quick]

Each cell is the median over the rounds; ratios are of medians. Leave the machine alone meanwhile.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTHS = {
    "dcgan64": ["512", "256", "128", "64"],
    "dcgan64-small": ["128", "64", "32", "16"],
    "dcgan32": ["256", "128", "64"],
}
MODES = ["default", "channels_last", "bf16"]
CASES = [("dcgan64", batch, 2) for batch in (128, 16, 32, 64, 256)]
CASES += [("dcgan64", 128, 1), ("dcgan64-small", 128, 2), ("dcgan32", 128, 2)]


def build():
    command = ["cargo", "bench", "-p", "dcgan-train", "--bench", "step", "--no-run", "--message-format", "json"]
    lines = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    built = [json.loads(line) for line in lines]
    return next(m["executable"] for m in built if m.get("executable") and m["target"]["name"] == "step")


def images_per_second(command):
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"([\d.]+) images/s", output)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iters", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="dcgan64 at batch 128 alone")
    args = parser.parse_args()
    step = build()
    print("| network | batch | threads | dcgan-train | PyTorch | channels_last | bf16 | to channels_last | to bf16 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for arch, batch, threads in CASES[: 1 if args.quick else None]:
        size = ["--batch", str(batch), "--threads", str(threads), "--iters", str(args.iters)]
        commands = {"ours": [step, "--arch", arch, *size]}
        for mode in MODES:
            peer = [sys.executable, str(HERE / "pytorch_step.py"), *size, "--mode", mode]
            commands[mode] = [*peer, "--widths", *WIDTHS[arch]]
        found = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                found[name].append(images_per_second(command))
        speed = {name: statistics.median(values) for name, values in found.items()}
        cells = [f"{speed[name]:.0f}" for name in commands]
        cells += [f"{speed['ours'] / speed[mode]:.2f}" for mode in ("channels_last", "bf16")]
        print(f"| {arch} | {batch} | {threads} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
