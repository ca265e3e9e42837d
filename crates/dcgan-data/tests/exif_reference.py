"""What Pillow makes of each EXIF orientation: prints tests/exif_reference.txt.

    pip install pillow
    python exif_reference.py > exif_reference.txt

The image is 3 wide and 2 high, its pixels are 0 to 5 row by row. A line is: the orientation, width and height of the result,
and its pixels. 0 and 9 are no orientations.
"""

import io

from PIL import Image, ImageOps

for orientation in range(10):
    image = Image.new("L", (3, 2))
    image.putdata(range(6))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    turned = ImageOps.exif_transpose(Image.open(file))
    print(orientation, *turned.size, *turned.tobytes())
