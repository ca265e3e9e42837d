// A page of a real browser that runs a job: the page asks a server on this machine for the files and puts the images.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { FLAGS, program } from "./chromium.mjs";
import { folder, version } from "./packages.mjs";

const TYPES = { ".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Draws all images of a job with a backend of onnxruntime-web. */
export async function draw(job, put, provider) {
  const profile = mkdtempSync(join(tmpdir(), "dcgan-chromium-"));
  const page = await serve(job, put);
  const browser = spawn(await program(), [...FLAGS, `--user-data-dir=${profile}`, `${page.url}?${provider}`], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise((_, reject) => {
    browser.on("error", (error) => reject(unavailable(`cannot start the browser: ${error.message}`)));
    browser.on("exit", (code) => reject(unavailable(`the browser exited with ${code} before the page was done`)));
  });
  try {
    const { agent } = await Promise.race([page.done, ended]);
    const chrome = /Chrome\/(\d+)/.exec(agent);
    return { version: version("onnxruntime-web"), batch: "dynamic", note: `Chromium ${chrome ? chrome[1] : agent}` };
  } finally {
    await end(browser);
    remove(profile);
  }
}

async function end(browser) {
  if (browser.exitCode !== null || browser.signalCode !== null) return;
  const gone = new Promise((resolve) => browser.once("exit", resolve));
  browser.kill();
  await gone;
}

/** A profile that the browser's children still write is left to the system. */
function remove(profile) {
  try {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  } catch (error) {
    console.error(error.message);
  }
}

function unavailable(message) {
  return Object.assign(new Error(message), { unavailable: true });
}

/** A server for the page; `done` is what the page says at its end. */
async function serve(job, put) {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const dist = join(folder("onnxruntime-web"), "dist");
  let finish;
  const done = new Promise((resolve, reject) => { finish = { resolve, reject }; });

  async function answer(request) {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const [, kind, index, batch] = path.split("/");
    const model = job.models[index];
    if (request.method === "PUT") return take(kind, model, Number(batch), await body(request));
    if (kind === "job") return Buffer.from(JSON.stringify(job));
    if (kind === "models") return readFile(model.path);
    if (kind === "latents") return readFile(model.latents);
    return readFile(kind === "ort" ? join(dist, index) : join(here, kind));
  }

  async function take(kind, model, batch, bytes) {
    if (kind === "images") await put(model, batch, bytes);
    else if (kind === "done") finish.resolve(JSON.parse(bytes));
    else finish.reject(new Error(bytes.toString()));
    return "";
  }

  const server = createServer((request, response) => {
    // A page that may share memory between threads, as wasm's need.
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    response.setHeader("Content-Type", TYPES[extname(request.url.split("?")[0])] ?? "application/octet-stream");
    answer(request).then((bytes) => response.end(bytes), (error) => response.writeHead(404).end(error.message));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}/page.html`, done };
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}
