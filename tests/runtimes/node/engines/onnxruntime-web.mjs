// ONNX Runtime as WebAssembly, under Node.js.

import { batches, onnxruntime } from "../batches.mjs";
import { read, require, version } from "../packages.mjs";

const ort = require("onnxruntime-web");

export async function run(job, put) {
  await batches(job, read, onnxruntime(ort, { executionProviders: ["wasm"] }), put);
  return { version: version("onnxruntime-web"), batch: "dynamic", note: `Node.js ${process.versions.node}` };
}
