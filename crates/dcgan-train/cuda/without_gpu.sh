#!/usr/bin/env bash
# Runs the tests of the GPU where there is none: a driver and a cuBLAS that are the CPU stand in for NVIDIA's, while the
# kernels are compiled by the real NVRTC, and cudarc and dfdx are as on a GPU.
#
#   crates/dcgan-train/cuda/without_gpu.sh FOLDER        the folder of toolkit.sh, which is made where it is missing
#
# Programs built for CUDA run so, too: LD_LIBRARY_PATH=FOLDER/stand-in target/release/dcgan-train --device cuda ...
# Their GPU has STAND_IN_MIB of memory, 80 GiB where that is not set. With STAND_IN_REPORT=FILE, what they
# asked the driver for is counted in FILE, and the products of matrices in FILE.blas.
# It needs what toolkit.sh needs, and a C++ compiler.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $(basename "$0") FOLDER" >&2; exit 2; }
package=$(cd "$(dirname "$0")/.." && pwd)
[ -e "$1/env" ] || "$package/cuda/toolkit.sh" "$1"
folder=$(cd "$1" && pwd)
libraries=$folder/stand-in
mkdir -p "$libraries"

if [ ! -e "$libraries/libnvrtc.so.13" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    python3 -m pip download --quiet --no-deps --dest "$scratch" nvidia-cuda-nvrtc==13.0.88
    python3 -m zipfile -e "$scratch"/*.whl "$scratch/wheel"
    cp "$scratch"/wheel/nvidia/cu13/lib/libnvrtc{.so.13,-builtins.so.13.0} "$libraries/"
fi
library() { # library FILE SOURCE OPTIONS...
    c++ -std=c++17 -O2 -Wall -Wextra -shared -fPIC -Wl,-soname,"$1" -o "$libraries/$1" "$package/tests/stand_in/$2" "${@:3}"
}
# Hidden names, so that no other library takes ours for its own.
library libcuda.so.1 driver.cpp -U_FORTIFY_SOURCE -fvisibility=hidden -I "$package/src/cuda"
library libcublas.so.13 blas.cpp -O3 -fassociative-math -fno-signed-zeros -fno-trapping-math
c++ -std=c++17 -Wall -Wextra -o "$libraries/check" "$package/tests/stand_in/check.cpp" \
    "$libraries"/lib{cuda.so.1,cublas.so.13}
LD_LIBRARY_PATH=$libraries "$libraries/check"

# shellcheck source=/dev/null
source "$folder/env"
LD_LIBRARY_PATH=$libraries cargo test -p dcgan-train --features cuda --test gpu --test reference
