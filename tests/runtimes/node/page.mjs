// Runs a job in the page, with the backend that the address names.

import { batches, onnxruntime } from "./batches.mjs";

const BUNDLES = { wasm: "ort.wasm.bundle.min.mjs", webgpu: "ort.webgpu.bundle.min.mjs" };

const put = (path, body) => fetch(path, { method: "PUT", body });

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return response;
}

try {
  const provider = location.search.slice(1);
  const job = await (await get("/job")).json();
  const ort = await import(`/ort/${BUNDLES[provider]}`);
  const models = job.models.map((model, index) => ({ ...model, path: `/models/${index}`, latents: `/latents/${index}`, index }));
  const load = onnxruntime(ort, { executionProviders: [provider] });
  const read = async (path) => (await get(path)).arrayBuffer();
  await batches({ ...job, models }, read, load, (model, batch, images) => put(`/images/${model.index}/${batch}`, images));
  await put("/done", JSON.stringify({ agent: navigator.userAgent }));
} catch (error) {
  await put("/failed", `${error.message ?? error}`);
}
