"""What Pillow makes of some synthetic images of floats: prints tests/scale_reference.txt.

    pip install pillow numpy
    python scale_reference.py > scale_reference.txt

A line is: channels, height and width before, those after, and the result, channel by channel and row by row.
"""

import numpy as np
from PIL import Image

CASES = [
    # up, down, both, colour to gray, gray to colour, a side of one pixel
    ((3, 4, 5), (3, 9, 7)),
    ((1, 11, 13), (1, 5, 4)),
    ((1, 3, 10), (1, 8, 6)),
    ((3, 6, 6), (1, 4, 9)),
    ((1, 5, 4), (3, 3, 6)),
    ((1, 1, 7), (1, 4, 3)),
]

for before, (channels, height, width) in CASES:
    i = np.arange(np.prod(before))
    image = ((i * i * 31 + i * 57) % 256).astype(np.uint8).reshape(before)
    if (before[0], channels) == (3, 1):
        image = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L"))[None]
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in image]
    scaled = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
    values = np.broadcast_to(np.stack(scaled), (channels, height, width)).ravel()
    print(*before, channels, height, width, *(f"{value:.5f}" for value in values))
