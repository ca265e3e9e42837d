// The packages of the environment, which NODE_PATH names: an import statement does not look there, require does.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const require = createRequire(import.meta.url);

/** The folder of a package. */
export function folder(name) {
  const part = join("node_modules", ...name.split("/"));
  const entry = require.resolve(name);
  return entry.slice(0, entry.lastIndexOf(part) + part.length);
}

/** The version that a package says it has. */
export function version(name) {
  return JSON.parse(readFileSync(join(folder(name), "package.json"))).version;
}

/** The bytes of a file. */
export function read(path) {
  return new Uint8Array(readFileSync(path)).buffer;
}
