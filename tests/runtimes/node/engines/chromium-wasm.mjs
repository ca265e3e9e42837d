// ONNX Runtime's WebAssembly backend, in a page of a real browser without a window.

import { draw } from "../browser.mjs";

export const run = (job, put) => draw(job, put, "wasm");
