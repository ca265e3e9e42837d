"""What a runner is given: the exported files, their latents, and the folder for what comes out."""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy

# The runtime cannot be had on this machine, as in automake's tests.
UNAVAILABLE = 77


@dataclass(frozen=True)
class Model:
    """An exported file: z [N, latent] to images [N, channels, side, side]."""

    name: str
    path: str
    latents: str
    latent: int
    channels: int
    side: int
    # A folder for what a converter writes.
    scratch: Path

    def z(self):
        return numpy.fromfile(self.latents, dtype="<f4").reshape(-1, self.latent)

    def image_shape(self, batch):
        return (batch, self.channels, self.side, self.side)


@dataclass(frozen=True)
class Job:
    models: list
    batches: list
    folder: Path

    def report(self, **facts):
        (self.folder / "result.json").write_text(json.dumps(facts))


def read(job, folder):
    job, folder = json.loads(Path(job).read_text()), Path(folder)
    models = []
    for model in job["models"]:
        scratch = folder / model["name"]
        scratch.mkdir(parents=True, exist_ok=True)
        models.append(Model(scratch=scratch, **model))
    return Job(models, job["batches"], folder)


def module(package, name):
    """A module of engines or checks; one whose runtime does not load here is unavailable, not wrong."""
    try:
        return importlib.import_module(f"{package}.{name}")
    except (ImportError, OSError) as error:
        print(f"cannot load: {error}", file=sys.stderr)
        sys.exit(UNAVAILABLE)
