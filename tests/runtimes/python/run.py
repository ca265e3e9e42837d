"""Runs the exported files in one runtime: python run.py ENGINE JOB FOLDER.

ENGINE is a module of engines/ with
  BATCH     "dynamic": what is loaded once takes every batch; "fixed": it is loaded anew for each size of batch
  version() the runtime's version
  load(model, batch) a function from z [N, latent] to images [N, C, S, S]; batch is None unless BATCH is "fixed"

The images go to FOLDER/MODEL-BATCH.f32, what is known of the runtime to FOLDER/result.json. They are judged elsewhere.
"""

import sys

import numpy

import job


def main(engine, path, folder):
    work = job.read(path, folder)
    engine = job.module("engines", engine)
    for model in work.models:
        z = model.z()
        loaded = None if engine.BATCH == "fixed" else engine.load(model, None)
        for batch in work.batches:
            run = loaded or engine.load(model, batch)
            images = numpy.asarray(run(z[:batch]))
            if images.shape != model.image_shape(batch):
                sys.exit(f"{model.name}: images {images.shape}, expected {model.image_shape(batch)}")
            images.astype("<f4").tofile(work.folder / f"{model.name}-{batch}.f32")
    work.report(version=engine.version(), batch=engine.BATCH)


if __name__ == "__main__":
    main(*sys.argv[1:])
