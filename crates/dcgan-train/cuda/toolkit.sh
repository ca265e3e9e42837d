#!/usr/bin/env bash
# Makes a folder with all that `--features cuda` needs to build, on a machine with neither a GPU nor the CUDA toolkit.
#
#   crates/dcgan-train/cuda/toolkit.sh FOLDER [COMPUTE_CAPABILITY]     9.0 by default (H100, H200); 8.0 is an A100's
#   source FOLDER/env
#   cargo build --release -p dcgan-train --features cuda
#
# It needs cargo, Python 3 with pip, and a C compiler. In the folder, 270 MB:
#
# - bin, include, nvvm: nvcc 13.0 and its headers, from their packages for Python
# - lib: libraries to link to, whose functions exist and do nothing; the GPU's machine has the real ones
# - no-gpu: the same under the names that programs load, to run one as where a driver finds no GPU
# - bin/nvidia-smi: says the compute capability, which dfdx's build asks it for
set -euo pipefail

usage="usage: $(basename "$0") FOLDER [COMPUTE_CAPABILITY, such as 9.0]"
capability=${2:-9.0}
[ $# -ge 1 ] && [[ $capability =~ ^[0-9]+\.[0-9]$ ]] || { echo "$usage" >&2; exit 2; }
workspace=$(cd "$(dirname "$0")/../../.." && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The compiler: 13.0's PTX runs on drivers for CUDA 13.0 and later.
python3 -m pip download --quiet --no-deps --dest "$scratch" \
    nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 \
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
for wheel in "$scratch"/*.whl; do
    python3 -m zipfile -e "$wheel" "$scratch/wheels"
done
cp -r "$scratch/wheels/nvidia/cu13/." "$folder/"
chmod +x "$folder"/bin/* "$folder"/nvvm/bin/*
printf '#!/bin/sh\necho compute_cap\necho %s\n' "$capability" >"$folder/bin/nvidia-smi"
chmod +x "$folder/bin/nvidia-smi"

# The libraries: every function that cudarc declares, answering 100, which is the driver's CUDA_ERROR_NO_DEVICE.
manifest=$(cargo metadata --format-version 1 --locked --all-features --manifest-path "$workspace/Cargo.toml" |
    python3 -c 'import json, sys
print(*(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "cudarc"))')
mkdir -p "$folder/no-gpu"
stub() { # stub LIBRARY VERSION MODULE
    grep -hoE 'pub fn cu[A-Za-z0-9_]+|pub fn nvrtc[A-Za-z0-9_]+' "$(dirname "$manifest")/src/$3/sys.rs" | sort -u |
        awk '{ print "int " $3 "(void) { return 100; }" }' >"$scratch/$1.c"
    cc -w -shared -fPIC -Wl,-soname,"lib$1.so.$2" -o "$folder/lib/lib$1.so" "$scratch/$1.c"
    ln -sf "../lib/lib$1.so" "$folder/no-gpu/lib$1.so.$2"
}
stub cuda 1 driver
stub cublas 13 cublas
stub cublasLt 13 cublaslt
stub nvrtc 13 nvrtc

printf 'export CUDA_PATH=%q PATH=%q:$PATH\n' "$folder" "$folder/bin" >"$folder/env"
echo "next: source $folder/env"
