// A visitor of the page in a real browser, who notices what is none of the page's business.

import assert from "node:assert/strict";
import { join } from "node:path";

import { FLAGS, program } from "../../../../tests/runtimes/node/chromium.mjs";
import { require } from "../../../../tests/runtimes/node/packages.mjs";

const puppeteer = require("puppeteer-core");
// How long the page may take for anything, in milliseconds: machines that test are slow.
const PATIENCE = 30_000;

const DESK = { width: 1200, height: 800 };
export const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
export const SMALL_PHONE = { ...PHONE, width: 320, height: 568 };

export async function launch() {
  try {
    return await puppeteer.launch({ executablePath: await program(), args: FLAGS, headless: "shell" });
  } catch (error) {
    throw new Error(`the page's test needs a browser, which does not start (on Debian, is libnss3 there?): ${error.message}`);
  }
}

export class Visitor {
  /** A new visitor at an address of the server `base`, with nothing remembered from other visits. */
  static async come(browser, base, address = "", { viewport = DESK, scheme = "light" } = {}) {
    const context = await browser.createBrowserContext();
    const visitor = new Visitor(await context.newPage(), base);
    await visitor.watch();
    await visitor.page.setViewport(viewport);
    await visitor.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await visitor.page.goto(base + address);
    return visitor;
  }

  constructor(page, base) {
    Object.assign(this, { page, base, complaints: [], refusals: 0, held: null });
    page.setDefaultTimeout(PATIENCE);
  }

  /** Notes errors, and requests to anywhere else, which are not let through. */
  async watch() {
    const { page } = this;
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      if (["error", "warn", "warning"].includes(message.type())) this.complaints.push(`console: ${message.text()}`);
    });
    page.on("response", (response) => { if (response.status() === 401) this.refusals += 1; });
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      const url = request.url();
      if (this.held && url.includes(this.held.part)) return this.held.requests.push(request);
      if (url.startsWith(`${this.base}/`) || /^(blob|data):/.test(url)) return request.continue();
      this.complaints.push(`a request to ${url}`);
      return request.abort();
    });
  }

  /** Goes away; nothing may have gone wrong but what was refused for want of a key. */
  async leave() {
    const refused = (complaint) => /^console: Failed to load resource: .*\b401\b/.test(complaint);
    const complaints = this.complaints.filter((complaint) => !refused(complaint) || this.refusals === 0);
    await this.page.browserContext().close();
    assert.deepEqual(complaints, []);
  }

  /** Keeps requests to addresses with this in them back, until they are let go. */
  hold(part) {
    this.held = { part, requests: [] };
  }

  async letGo() {
    const { requests } = this.held;
    this.held = null;
    assert.ok(requests.length > 0, "nothing was held back");
    await Promise.all(requests.map((request) => request.continue()));
    await this.page.waitForNetworkIdle();
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent);
  }

  property(selector, name) {
    return this.page.$eval(selector, (element, name) => element[name], name);
  }

  /** The parameters of the view in the address. */
  view() {
    return Object.fromEntries(new URLSearchParams(new URL(this.page.url()).hash.slice(1)));
  }

  /** Waits until a text is there, or an attribute has a value; says what was there instead. */
  async sees(selector, name, expected) {
    const reads = (selector, name, expected) => document.querySelector(selector)?.[name] === expected;
    try {
      await this.page.waitForFunction(reads, {}, selector, name, expected);
    } catch {
      assert.equal(await this.property(selector, name), expected, `${name} of ${selector}`);
    }
  }

  /** Waits until the large image is the one that its text says. */
  explores(alt) {
    return this.sees("#image", "alt", alt);
  }

  /** An image on the page as its size and a hash of its pixels. */
  pixels(selector) {
    return this.page.$eval(selector, async (image) => {
      // One that is replaced meanwhile is no error: then the next one is waited for.
      for (let source = null; source !== image.src; ) {
        source = image.src;
        await image.decode().catch((error) => { if (source === image.src) throw error; });
      }
      return globalThis.hashOfPixels(image, image.naturalWidth, image.naturalHeight);
    });
  }

  /** The same of an image that the server draws. */
  drawn(path, headers = {}) {
    return this.page.evaluate(async (path, headers) => {
      const image = await createImageBitmap(await (await fetch(path, { headers })).blob());
      return globalThis.hashOfPixels(image, image.width, image.height);
    }, path, headers);
  }

  async preparePixels() {
    await this.page.evaluate(() => {
      globalThis.hashOfPixels = (image, width, height) => {
        const drawing = new OffscreenCanvas(width, height).getContext("2d");
        drawing.drawImage(image, 0, 0);
        const bytes = drawing.getImageData(0, 0, width, height).data;
        return `${width}x${height} ${bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5) >>> 0}`;
      };
    });
  }

  /** Presses Tab until an element has the focus, which has to be seen then. */
  async tabTo(selector) {
    for (let presses = 0; presses < 100; presses += 1) {
      await this.page.keyboard.press("Tab");
      if (await this.page.evaluate((selector) => document.activeElement.matches(selector), selector)) {
        const width = await this.page.evaluate(() => parseFloat(getComputedStyle(document.activeElement).outlineWidth));
        assert.ok(width >= 2, `${selector} has the focus and does not show it`);
        return;
      }
    }
    assert.fail(`Tab does not reach ${selector}`);
  }

  /** A picture of the page for those who look, in the folder that SCREENSHOTS names. */
  async screenshot(name, options = {}) {
    if (process.env.SCREENSHOTS) {
      await this.page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), ...options });
    }
  }
}
