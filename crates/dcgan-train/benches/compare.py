"""Compares dcgan-train's CPU step with PyTorch's on this machine, alternating, and prints the README's table.

    pip install torch
    python crates/dcgan-train/benches/compare.py [--rounds 3] [--iters 5] [--quick]

Each cell is the median over the rounds; ratios are of medians. Leave the machine alone meanwhile.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
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


def ours(step, arch, batch, threads):
    """Images a second, from the median step that criterion finds."""
    with tempfile.TemporaryDirectory() as home:
        command = [step, "--bench", "--exact", f"{arch}/{batch} images/{threads} threads"]
        environment = {**os.environ, "CRITERION_HOME": home}
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
        [estimates] = Path(home).glob("**/new/estimates.json")
        return batch / (json.loads(estimates.read_text())["median"]["point_estimate"] / 1e9)


def pytorch(mode, arch, batch, threads, iters):
    command = [sys.executable, HERE / "pytorch_step.py", "--mode", mode, "--widths", *WIDTHS[arch]]
    command += ["--batch", str(batch), "--threads", str(threads), "--iters", str(iters)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"([\d.]+) images/s", output)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iters", type=int, default=5, help="steps of PyTorch's runs; ours are 10 or more")
    parser.add_argument("--quick", action="store_true", help="dcgan64 at batch 128 with two threads alone")
    args = parser.parse_args()
    step = build()
    print("| network | batch | threads | dcgan-train | PyTorch | channels_last | bf16 | to channels_last | to bf16 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES[: 1 if args.quick else None]:
        found = {name: [] for name in ["ours", *MODES]}
        for _ in range(args.rounds):
            found["ours"].append(ours(step, *case))
            for mode in MODES:
                found[mode].append(pytorch(mode, *case, args.iters))
        speed = {name: statistics.median(values) for name, values in found.items()}
        cells = [*case, *(f"{value:.0f}" for value in speed.values())]
        cells += [f"{speed['ours'] / speed[mode]:.2f}" for mode in ("channels_last", "bf16")]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
