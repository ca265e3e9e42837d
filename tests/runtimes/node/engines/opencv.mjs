// OpenCV's dnn module as WebAssembly, under Node.js.

import { batches } from "../batches.mjs";
import { read, require, version } from "../packages.mjs";

const PACKAGE = "@techstark/opencv-js";

export async function run(job, put) {
  const cv = await started(require(PACKAGE));
  await batches(job, read, (bytes, model) => load(cv, bytes, model), put);
  return { version: version(PACKAGE), batch: "dynamic", note: `Node.js ${process.versions.node}` };
}

async function started(cv) {
  if (cv instanceof Promise) return cv;
  if (!cv.Mat) await new Promise((resolve) => { cv.onRuntimeInitialized = resolve; });
  return cv;
}

/** A network takes its file from the memory file system of WebAssembly. */
function load(cv, bytes, model) {
  const name = `${model.name}.onnx`;
  cv.FS_createDataFile("/", name, bytes, true, false, false);
  const net = cv.readNetFromONNX(name);
  return (z, [batch, latent]) => {
    const given = cv.matFromArray(batch, latent, cv.CV_32F, z);
    net.setInput(given, "z");
    const images = net.forward("image");
    const copy = Float32Array.from(images.data32F);
    given.delete();
    images.delete();
    return copy;
  };
}
