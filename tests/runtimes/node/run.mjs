// Runs the exported files in one runtime: node run.mjs ENGINE JOB FOLDER.
//
// ENGINE is a module of engines/ whose run(job, put) draws all images of a job and gives what is known of the runtime.
// The images go to FOLDER/MODEL-BATCH.f32, the facts to FOLDER/result.json. They are judged elsewhere.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

// The runtime cannot be had on this machine, as in automake's tests.
const UNAVAILABLE = 77;

const [name, path, folder] = process.argv.slice(2);

async function engine() {
  try {
    return await import(`./engines/${name}.mjs`);
  } catch (error) {
    console.error(`cannot load: ${error.message}`);
    process.exit(UNAVAILABLE);
  }
}

async function put(model, batch, images) {
  const bytes = new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
  await writeFile(join(folder, `${model.name}-${batch}.f32`), bytes);
}

try {
  const facts = await (await engine()).run(JSON.parse(await readFile(path)), put);
  await writeFile(join(folder, "result.json"), JSON.stringify(facts));
  process.exit(0);
} catch (error) {
  console.error(error.stack);
  process.exit(error.unavailable ? UNAVAILABLE : 1);
}
