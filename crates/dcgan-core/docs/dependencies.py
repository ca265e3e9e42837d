"""Writes dependencies.md: what each dependency is for, and what it costs in build time.

    cargo build --release --workspace --timings --target-dir target/cold   # an empty folder: everything is compiled
    python crates/dcgan-core/docs/dependencies.py target/cold/cargo-timings/cargo-timing.html

Seconds are those of the compiler's units, added up: on N cores a build takes as little as an Nth of them.
"""

import json
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).with_suffix(".md")
START, END = "<!-- written by dependencies.py -->", "<!-- to here -->"

PURPOSES = {
    "anyhow": "errors of the programs, with what was attempted",
    "axum": "`serve`: routes, queries, JSON bodies",
    "clap": "flags and `--help`",
    "console": "the width and colours of the terminal",
    "crc32c": "the checksum of TensorBoard's event files",
    "dejavu": "the font of the loss plot",
    "dfdx": "tensors whose shapes the compiler checks; the CUDA path",
    "dirs": "where a user's files are cached, such as ONNX Runtime",
    "fast_image_resize": "a dataset's images to the network's size",
    "flate2": "MNIST's and CIFAR-10's archives",
    "gemm": "matrix products of the CPU's kernels",
    "half": "`--precision f16`",
    "hyper": "`serve`: connections, with a limit on a request's head",
    "hyper-util": "`serve`: connections that end when their answers are sent",
    "image": "PNG, JPEG, WebP, BMP and GIF",
    "indicatif": "the bars of progress",
    "libc": "memory of the kernels, in huge pages",
    "libloading": "whether a file is ONNX Runtime, and of which version",
    "libm": "latents that are the same bits on every machine",
    "md-5": "the published checksums of the datasets",
    "memory-stats": "memory, in `metrics.jsonl`",
    "nalgebra": "eigenvalues of the metric's covariances",
    "ndarray": "the arrays that pass between the crates",
    "ndarray-npy": "`.npy` and `.npz` files",
    "ort": "ONNX Runtime",
    "ort-tract": "tract, the embedded engine, behind ort's interface",
    "plotters": "the loss plot",
    "prometheus": "`/metrics`",
    "prost": "ONNX files",
    "prost-build": "Rust of `proto/onnx.proto`",
    "protox": "`proto/onnx.proto` without `protoc`",
    "rayon": "threads of the kernels, and of the features of the metric",
    "safetensors": "checkpoints",
    "serde": "settings, headers, metrics",
    "serde_json": "`metrics.jsonl`, headers, JSON over HTTP",
    "sha2": "checksums of checkpoints and models",
    "shlex": "the command that goes on, quoted for a shell",
    "signal-hook": "Ctrl-C and SIGTERM",
    "strsim": "the flag or name that was meant",
    "subtle": "`--api-key`, compared in constant time",
    "tar": "CIFAR-10's archive",
    "tempfile": "outputs that take their place when they are whole",
    "thiserror": "errors of the libraries",
    "tokio": "`serve`: sockets, timers, signals",
    "toml": "`config.toml`",
    "tracing": "`serve`: the log",
    "tracing-subscriber": "`serve`: the log as text or JSON",
    "ureq": "downloads",
    "wait-timeout": "`doctor`: an engine that hangs",
    "zip": "`.npz` files",
}


def units(report):
    """Seconds of all units of each package, by (name, version)."""
    data = re.search(r"const UNIT_DATA = (\[.*?\]);\s*\n", report, re.S)[1]
    seconds = {}
    for unit in json.loads(data):
        key = (unit["name"], unit["version"])
        seconds[key] = seconds.get(key, 0) + unit["duration"]
    return seconds


def graph():
    """The members, and what each package depends on, without dependencies of tests: package IDs."""
    host = re.search(r"host: (.*)", subprocess.check_output(["rustc", "-vV"], text=True))[1]
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    names = {package["id"]: (package["name"], package["version"]) for package in metadata["packages"]}
    edges = {
        node["id"]: {d["pkg"] for d in node["deps"] if any(kind["kind"] != "dev" for kind in d["dep_kinds"])}
        for node in metadata["resolve"]["nodes"]
    }
    return set(metadata["workspace_members"]), edges, names


def reached(members, edges, without=None):
    """Everything that the members need, but for the package `without` and what only it needs."""
    seen, todo = set(), list(members)
    while todo:
        package = todo.pop()
        if package != without and package not in seen:
            seen.add(package)
            todo.extend(edges[package])
    return seen


def rows(seconds):
    members, edges, names = graph()
    everything = reached(members, edges)
    direct = set().union(*(edges[member] for member in members)) - members
    cost = lambda packages: sum(seconds.get(names[package], 0) for package in packages)
    for package in direct:
        users = sorted(names[m][0].removeprefix("dcgan-") for m in members if package in edges[m])
        alone = everything - reached(members, edges, without=package)
        yield cost(alone), names[package][0], names[package][1], users, cost([package]), len(alone) - 1
    yield cost(members), "", "", [], cost(members), len(members)


def main():
    seconds = units(pathlib.Path(sys.argv[1]).read_text())
    *packages, ours = rows(seconds)
    unknown = {row[1] for row in packages} ^ PURPOSES.keys()
    if unknown:
        sys.exit(f"PURPOSES and the manifests differ in: {', '.join(sorted(unknown))}")
    lines = ["| dependency | version | of | for | itself, s | with all that it alone brings, s | packages that it alone brings |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for alone, name, version, users, own, others in sorted(packages, key=lambda row: (-row[0], row[1])):
        users = ", ".join(user for user in users if user != "tests" or len(users) == 1)
        lines.append(f"| {name} | {version} | {users} | {PURPOSES[name]} | {own:.1f} | {alone:.1f} | {others} |")
    shared = sum(seconds.values()) - ours[0] - sum(row[0] for row in packages)
    lines += ["", f"In all {sum(seconds.values()):.0f} s of {len(seconds)} packages: {ours[0]:.0f} s for the project's own"
              f" {ours[5]}, and {shared:.0f} s for packages that several of the dependencies need."]
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text("\n".join([before + START, "", *lines, "", END + rest.split(END)[1]]))


if __name__ == "__main__":
    main()
