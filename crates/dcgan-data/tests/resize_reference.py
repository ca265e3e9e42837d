"""What torchvision makes of some synthetic images: prints tests/resize_reference.txt.

    pip install torch torchvision pillow numpy
    python resize_reference.py > resize_reference.txt

Made with torchvision 0.29.2 on Pillow 13.0.0. A line is: mode, width, height, size, and the size x size result
in hexadecimal, row by row, the channels of a pixel together.
"""

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

CASES = [
    # (mode, width, height, size): up, down, unchanged, both orientations, odd sizes, long thin ones, gray
    ("RGB", 8, 8, 16),
    ("RGB", 32, 32, 12),
    ("RGB", 9, 9, 9),
    ("RGB", 23, 12, 12),
    ("RGB", 31, 17, 8),
    ("RGB", 17, 31, 8),
    ("RGB", 7, 10, 15),
    ("RGB", 10, 7, 15),
    ("RGB", 300, 3, 9),
    ("RGB", 101, 203, 7),
    ("L", 8, 8, 13),
    ("L", 37, 21, 10),
]


def synthetic(width, height):
    """Noise above and smooth slopes below the diagonal, by a formula that the test repeats."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    noise = (x * x * 31 + y * 57 + x * y * (c + 3) * 13 + c * 91) % 256
    slopes = x * 255 // width * (c + 1) // 3
    return Image.fromarray(np.where(x * height > y * width, noise, slopes).astype(np.uint8))


for mode, width, height, size in CASES:
    image = synthetic(width, height).convert(mode)
    result = Compose([Resize(size), CenterCrop(size)])(image)
    print(mode, width, height, size, np.asarray(result).tobytes().hex())
