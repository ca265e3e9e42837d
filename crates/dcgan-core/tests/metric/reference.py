"""Writes reference.json: features, KID and Frechet distances by NumPy and SciPy, which tests/metric.rs compares ours with.

Run as `python3 reference.py` in this folder; it was run with Python 3.11, NumPy 2.4 and SciPy 1.17.
"""

import json
import pathlib
import sys

import numpy as np
from scipy.linalg import sqrtm

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent.parent / "src"))
from latent import latent  # noqa: E402

FILTERS_SEED = 0x6463_6761_6E00


def normals(seed, *shape):
    return np.array(latent(seed, int(np.prod(shape)))).reshape(shape)


def filters(stream, count, inputs, side):
    w = stream[: count * inputs * side * side].reshape(count, -1).astype(np.float64)
    w -= w.mean(1, keepdims=True)
    w /= np.sqrt((w**2).sum(1, keepdims=True))
    return w.reshape(count, inputs, side, side)


def convolve(x, w):
    """A correlation of maps [C, H, W] with filters [K, C, s, s], the border repeated: [K, H, W]."""
    reach = w.shape[-1] // 2
    x = np.pad(x, [(0, 0), (reach, reach), (reach, reach)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[-2:], axis=(1, 2))  # [C, H, W, s, s]
    return np.einsum("chwij,kcij->khw", windows, w)


def halve(x):
    c, h, w = x.shape
    x = x[:, : h // 2 * 2, : w // 2 * 2]
    return x.reshape(c, h // 2, 2, w // 2, 2).mean((2, 4))


def cells(x, side):
    """Means of maps [C, H, W] over side x side cells: [C * side * side]."""
    _, h, w = x.shape
    edges = lambda n: [n * i // side for i in range(side + 1)]
    rows, columns = edges(h), edges(w)
    return np.array(
        [
            plane[rows[i] : rows[i + 1], columns[j] : columns[j + 1]].mean()
            for plane in x
            for i in range(side)
            for j in range(side)
        ]
    )


def features(image):
    """The features of one image [C, H, W] in [-1, 1]."""
    x = np.broadcast_to(image, (3, *image.shape[1:])).astype(np.float64)
    found = [cells(x, 4)]
    level = 0
    while min(x.shape[1:]) >= 8:
        stream = np.array(latent(FILTERS_SEED + level, 12 * 75 + 16 * 216))
        first = convolve(x, filters(stream, 12, 3, 5)) * 2
        first = np.concatenate([np.maximum(first, 0), np.maximum(-first, 0)])
        second = convolve(halve(first), filters(stream[12 * 75 :], 16, 24, 3)) * 4
        found += [cells(first, 1), cells(np.maximum(second, 0), 2)]
        x = halve(x)
        level += 1
    return np.concatenate(found)


def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def mmd(x, y):
    m, n = len(x), len(y)
    kxx, kyy, kxy = kernel(x, x), kernel(y, y), kernel(x, y)
    off = lambda k: (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))
    return off(kxx) + off(kyy) - 2 * kxy.sum() / (m * n)


def kid(x, y):
    """The distance, and its standard error by leaving out each sample once."""
    error = 0
    for leave_out in (lambda i: mmd(np.delete(x, i, 0), y), lambda i: mmd(x, np.delete(y, i, 0))):
        count = len(x) if error == 0 else len(y)
        values = np.array([leave_out(i) for i in range(count)])
        error += (count - 1) / count * ((values - values.mean()) ** 2).sum()
    return mmd(x, y), np.sqrt(error)


def frechet(x, y, root_trace):
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root_trace(a @ b)


def whitened(x, real):
    """ZCA by the covariance of `real`, with a thousandth of its largest eigenvalue added to each."""
    values, vectors = np.linalg.eigh(np.cov(real, rowvar=False))
    scale = 1 / np.sqrt(np.maximum(values, 0) + 1e-3 * values.max())
    return (x - real.mean(0)) @ (vectors * scale) @ vectors.T


def by_sqrtm(product):
    return np.trace(sqrtm(product)).real


def by_eigenvalues(product):
    """Where the covariances have no full rank, `sqrtm` is inaccurate."""
    return np.sqrt(np.maximum(np.linalg.eigvals(product).real, 0)).sum()


def main():
    image = lambda seed, *shape: np.clip(normals(seed, *shape) * np.float32(0.5), -1, 1)
    images = [image(1, 3, 16, 16), image(2, 3, 16, 16), image(3, 1, 9, 14)]
    sets = lambda first, n, d: np.array([normals(first + i, d) for i in range(n)])
    other = lambda n, d: (sets(200, n, d) * np.float32(0.5) + np.float32(0.25)).astype(np.float64)
    x, y = sets(100, 40, 6).astype(np.float64), other(50, 6)
    few_x, few_y = sets(100, 5, 8).astype(np.float64), other(6, 8)
    result = {
        "features": [features(image).tolist() for image in images],
        "kid": kid(x, y),
        "kid_few": kid(few_x, few_y),
        "frechet": frechet(x, y, by_sqrtm),
        "frechet_singular": frechet(few_x, few_y, by_eigenvalues),
        "whitened": whitened(y, x)[:3].tolist(),
        "whitened_singular": whitened(few_y, few_x).tolist(),
    }
    (HERE / "reference.json").write_text(json.dumps(result) + "\n")
    for name, value in result.items():
        print(name, value if name != "features" else [(len(row), np.std(row)) for row in value])


if __name__ == "__main__":
    main()
