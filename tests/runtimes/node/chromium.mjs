// A real browser without a window, for whatever needs one.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

import { require } from "./packages.mjs";

// Where macOS has it: on no PATH.
const MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
// Nothing but the page is wanted; software draws where there is no GPU.
export const FLAGS = [
  "--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-quic", "--disable-dev-shm-usage", "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
];

/** The browser that CHROME names, one of the system, or the one of the npm package. */
export async function program() {
  if (process.env.CHROME) return process.env.CHROME;
  const folders = process.env.PATH.split(delimiter);
  const found = folders.flatMap((path) => NAMES.map((name) => join(path, name))).find(existsSync);
  if (found) return found;
  if (existsSync(MACOS)) return MACOS;
  const { default: chromium } = await import(pathToFileURL(require.resolve("@sparticuz/chromium")));
  return chromium.executablePath();
}
