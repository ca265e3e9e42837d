// ONNX Runtime's own library, under Node.js.

import { batches, onnxruntime } from "../batches.mjs";
import { read, require, version } from "../packages.mjs";

const ort = require("onnxruntime-node");

export async function run(job, put) {
  await batches(job, read, onnxruntime(ort), put);
  return { version: version("onnxruntime-node"), batch: "dynamic", note: `Node.js ${process.versions.node}` };
}
