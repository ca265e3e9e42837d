"""Reads a run's event files with TensorBoard's own reader, and compares them with metrics.jsonl.

Run as `python3 read_tensorboard.py outputs` where the package tensorboard is installed, on the output folder of a run with
--tensorboard. It ends with an error where something is missing, differs, or cannot be decoded.
"""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {
    "loss_d": "loss/D",
    "loss_g": "loss/G",
    "d_x": "probability/D(x)",
    "d_g_z": "probability/D(G(z))",
    "grad_norm_d": "gradient norm/D",
    "grad_norm_g": "gradient norm/G",
    "images_per_second": "run/images per second",
    "memory_mib": "run/memory in MiB",
    "kid": "distance/KID",
    "kid_error": "distance/KID, standard error",
    "frechet": "distance/Frechet",
}


def main(outputs):
    reader = EventAccumulator(str(outputs / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    reader.Reload()
    lines = [json.loads(line) for line in (outputs / "metrics.jsonl").open()]
    for name, tag in TAGS.items():
        expected = {line["step"]: line[name] for line in lines if name in line}
        if not expected:
            continue
        found = {event.step: event.value for event in reader.Scalars(tag)}
        assert found.keys() == expected.keys(), (tag, sorted(found.keys() ^ expected.keys()))
        # The file's lines have one digit after the point of these.
        tolerance = 0.051 if tag.startswith("run/") else 0
        for step, value in expected.items():
            assert math.isclose(found[step], value, rel_tol=1e-6, abs_tol=tolerance), (tag, step, found[step], value)
        print(f"{tag}: {len(found)} steps as in metrics.jsonl")
    for tag in ("reals", "samples"):
        images = reader.Images(tag)
        assert all(image.encoded_image_string.startswith(b"\x89PNG") for image in images)
        sizes = {(image.width, image.height) for image in images}
        print(f"{tag}: {len(images)} pictures of {sizes} at steps {[image.step for image in images]}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
