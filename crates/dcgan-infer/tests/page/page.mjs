// Visits the page of `dcgan-infer serve` with clicks, keys and fingers: node page.mjs, with the servers in the environment.
//
// OPEN is the address of a server of two models, shapes32 and other; KEYED that of one that asks for KEY.

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { PHONE, SMALL_PHONE, Visitor, launch } from "./visitor.mjs";

const { OPEN, KEYED, KEY } = process.env;
// Images of 32x32 pixels are shown at this scale in the explorer, and at this one in the gallery.
const [LARGE, SMALL] = [12, 4];

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** A test with a visitor at an address. */
function visit(name, base, address, settings, look) {
  test(name, async () => {
    const visitor = await Visitor.come(browser, base, address, settings);
    await visitor.preparePixels();
    await look(visitor, visitor.page);
    await visitor.leave();
  });
}

const gallery = (k) => `#gallery li:nth-child(${k + 1}) button`;

visit("the gallery has an image of each seed, and a click explores around one", OPEN, "/#seed=7", {}, async (visitor, page) => {
  await visitor.explores("Seed 7");
  const names = await page.$$eval("#gallery img", (images) => images.map((image) => image.alt));
  assert.deepEqual(names, Array.from({ length: 48 }, (_, k) => `Seed ${7 + k}`));
  for (const k of [0, 5]) {
    assert.equal(await visitor.pixels(`${gallery(k)} img`), await visitor.drawn(`/v1/images?seed=${7 + k}&scale=${SMALL}`));
  }
  assert.equal(await visitor.pixels("#image"), await visitor.drawn(`/v1/images?seed=7&scale=${LARGE}`));

  await page.click(gallery(5));
  await visitor.explores("Seed 12");
  assert.equal(await visitor.pixels("#image"), await visitor.drawn(`/v1/images?seed=12&scale=${LARGE}`));
  assert.equal(await visitor.text("#around"), "Around seed 12");
  assert.deepEqual(await page.$$eval("#gallery [aria-pressed=true]", (all) => all.map((one) => one.title)), ["Seed 12"]);
  assert.deepEqual(visitor.view(), { seed: "7", at: "12", model: "shapes32" });
  await visitor.screenshot("light");
});

visit("arrows and seeds lead to other images", OPEN, "/#seed=7", {}, async (visitor, page) => {
  await visitor.explores("Seed 7");
  await page.click("#after");
  await visitor.sees(`${gallery(0)} img`, "alt", "Seed 55");
  await page.click("#before");
  await page.click("#before");
  // Before seed 0 is the largest.
  await visitor.sees(`${gallery(0)} img`, "alt", `Seed ${2n ** 64n - 41n}`);
  await visitor.sees(`${gallery(41)} img`, "alt", "Seed 0");
  await page.click("#any");
  const any = await visitor.property("#seed", "value");
  assert.ok(/^\d+$/.test(any) && visitor.view().seed === any, any);
  await page.click("#seed", { count: 3 });
  await page.keyboard.type("-1\n");
  await visitor.sees("#message", "textContent", "A seed is a whole number from 0 to 18446744073709551615.");
  assert.equal(await visitor.property("#seed", "value"), any);
});

visit("sliders and the pad move along directions, and back", OPEN, "/#seed=7&at=12", {}, async (visitor, page) => {
  await visitor.explores("Seed 12");
  const start = await visitor.pixels("#image");
  const seen = new Set([start]);
  const isNew = async (what) => {
    const image = await visitor.pixels("#image");
    assert.ok(!seen.has(image), `${what} changes no pixel`);
    seen.add(image);
  };

  const pad = await (await page.$("#pad")).boundingBox();
  await page.mouse.click(pad.x + 0.75 * pad.width, pad.y + 0.25 * pad.height);
  await page.waitForFunction(() => /moved by 1(\.0\d)?, (1(\.0\d)?|0\.9\d), 0, 0/.test(document.querySelector("#image").alt));
  await isNew("a click on the pad");
  await page.mouse.move(pad.x + 0.75 * pad.width, pad.y + 0.25 * pad.height);
  await page.mouse.down();
  // Beyond its edge is its edge.
  await page.mouse.move(pad.x + pad.width + 50, pad.y + pad.height + 50, { steps: 4 });
  await page.mouse.up();
  await visitor.explores("Seed 12, moved by 2, -2, 0, 0");
  await isNew("dragging on the pad");

  await page.focus("#slider2");
  await page.keyboard.press("End");
  await visitor.explores("Seed 12, moved by 2, -2, 2, 0");
  await isNew("a slider");
  const slider = await (await page.$("#slider3")).boundingBox();
  await page.mouse.click(slider.x + 2, slider.y + slider.height / 2);
  await visitor.explores("Seed 12, moved by 2, -2, 2, -2");
  await isNew("another slider");
  assert.equal(visitor.view().move, "2,-2,2,-2");

  await page.click("#turn");
  await page.waitForFunction((turn) => new URLSearchParams(location.hash.slice(1)).get("turn") === turn, {}, "1");
  await page.waitForNetworkIdle();
  await isNew("other directions");
  await page.click("#back");
  await visitor.explores("Seed 12");
  assert.equal(await visitor.pixels("#image"), start);
  assert.deepEqual(visitor.view(), { seed: "7", at: "12", model: "shapes32", turn: "1" });
});

visit("the last click counts, whatever is answered last", OPEN, "/#seed=7", {}, async (visitor, page) => {
  await visitor.explores("Seed 7");
  visitor.hold("/v1/latents?model=shapes32&seeds=8%2C");
  await page.click(gallery(1));
  await page.click(gallery(5));
  await visitor.explores("Seed 12");
  await visitor.letGo();
  await page.focus("#slider0");
  await page.keyboard.press("End");
  await visitor.explores("Seed 12, moved by 2, 0, 0, 0");
  await page.click("#back");
  await visitor.explores("Seed 12");
  assert.equal(await visitor.pixels("#image"), await visitor.drawn(`/v1/images?seed=12&scale=${LARGE}`));
});

visit("two picked images are gone through, there and back", OPEN, "/#seed=7", {}, async (visitor, page) => {
  await visitor.explores("Seed 7");
  await page.click("#pick");
  assert.equal(await visitor.text("#picked"), "Seed 7 is picked: pick another one.");
  assert.equal(await visitor.text("#pick"), "Picked");
  await page.click(gallery(5));
  await visitor.explores("Seed 12");
  await page.click("#pick");
  assert.equal(await visitor.text("#picked"), "From seed 7 to seed 12 and back.");
  await page.waitForFunction(() => document.querySelector("#animation").naturalWidth === 192);
  assert.equal(visitor.view().picks, "7,12");
  assert.equal(await visitor.property("#save-moving", "download"), "shapes32-7-12.webp");
  const frames = await page.$eval("#save-moving", async (link) => {
    const bytes = new Uint8Array(await (await fetch(link.href)).arrayBuffer());
    return new TextDecoder("latin1").decode(bytes).split("ANMF").length - 1;
  });
  assert.equal(frames, 48);
  await visitor.screenshot("between", { fullPage: true });

  await page.click("#forget");
  assert.equal(await visitor.text("#picked"), "Pick two images.");
  assert.equal(await page.$eval("#moving", (element) => element.checkVisibility()), false);
});

visit("the address reproduces the view", OPEN, "/#seed=7", {}, async (visitor, page) => {
  await visitor.explores("Seed 7");
  await page.click("#pick");
  await page.click(gallery(5));
  await visitor.explores("Seed 12");
  await page.click("#pick");
  await page.click("#turn");
  await page.focus("#pad");
  for (const key of ["ArrowRight", "ArrowRight", "ArrowUp"]) await page.keyboard.press(key);
  await page.focus("#slider3");
  await page.keyboard.press("Home");
  const alt = "Seed 12, moved by 0.2, 0.1, 0, -2";
  await visitor.explores(alt);
  const [image, address] = [await visitor.pixels("#image"), page.url()];

  const isTheSame = async (other) => {
    await other.explores(alt);
    await other.preparePixels();
    assert.equal(await other.pixels("#image"), image);
    assert.equal(await other.property("#slider3", "value"), "-2");
    assert.equal(await other.text("#picked"), "From seed 7 to seed 12 and back.");
    assert.equal(await other.property(`${gallery(0)} img`, "alt"), "Seed 7");
    assert.equal(other.page.url(), address);
  };
  await page.reload();
  await isTheSame(visitor);
  const guest = await Visitor.come(browser, OPEN, address.slice(OPEN.length));
  await isTheSame(guest);
  await guest.leave();
  // An address that is typed over is followed.
  await page.evaluate(() => { location.hash = "seed=3&at=4"; });
  await visitor.explores("Seed 4");
  assert.equal(await visitor.text("#picked"), "Pick two images.");
});

visit("an address that makes no sense shows what it can", OPEN, "/#seed=x&at=-1&move=9,NaN&picks=,a&turn=1e9&model=none", {},
  async (visitor) => {
    await visitor.explores("Seed 0, moved by 2, 0, 0, 0");
    assert.equal(await visitor.text("#name"), "shapes32");
    assert.equal(await visitor.text("#picked"), "Pick two images.");
  });

visit("a download is the image that is seen", OPEN, "/#seed=7&at=12&move=0.5,0,0,0", {}, async (visitor, page) => {
  const folder = await mkdtemp(join(tmpdir(), "dcgan-page-"));
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", {
    behavior: "allow", downloadPath: folder, eventsEnabled: true, browserContextId: page.browserContext().id,
  });
  const save = async (selector, name) => {
    const done = new Promise((resolve) => session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve()));
    await page.click(selector);
    await done;
    assert.ok((await readdir(folder)).includes(name), `${name}: ${await readdir(folder)}`);
    const file = (await readFile(join(folder, name))).toString("base64");
    return page.evaluate(async (file) => {
      const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      return globalThis.hashOfPixels(image, image.width, image.height);
    }, file);
  };
  await visitor.explores("Seed 12, moved by 0.5, 0, 0, 0");
  assert.equal(await save("#save", "shapes32-12-0.5_0_0_0.png"), await visitor.pixels("#image"));
  assert.equal(await save("#save-all", "shapes32-7.png"), await visitor.drawn(`/v1/images?seed=7&n=48&scale=${SMALL}`));
  await rm(folder, { recursive: true });
});

visit("all of it is reached by keys, and the focus is seen", OPEN, "/", {}, async (visitor, page) => {
  await visitor.explores("Seed 0");
  await visitor.tabTo("#seed");
  await page.keyboard.type("100\n");
  await visitor.sees(`${gallery(0)} img`, "alt", "Seed 100");
  await visitor.tabTo(`${gallery(2)}`);
  await page.keyboard.press("Enter");
  await visitor.explores("Seed 102");
  await visitor.tabTo("#pad");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.down("Shift");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.up("Shift");
  await visitor.explores("Seed 102, moved by -0.1, -0.5, 0, 0");
  await visitor.screenshot("focus");
  await page.keyboard.press("Home");
  await visitor.explores("Seed 102");
  await visitor.tabTo("#slider2");
  for (let k = 0; k < 3; k += 1) await page.keyboard.press("ArrowRight");
  await visitor.explores("Seed 102, moved by 0, 0, 0.03, 0");
  for (const selector of ["#back", "#turn", "#pick"]) await visitor.tabTo(selector);
  await page.keyboard.press("Space");
  assert.equal(await visitor.text("#picked"), "Seed 102 is picked: pick another one.");
  await visitor.tabTo("#save");
});

for (const [name, viewport] of [["phone", PHONE], ["small phone", SMALL_PHONE]]) {
  visit(`a ${name} shows it without scrolling sideways`, OPEN, "/#seed=7&picks=7,12", { viewport }, async (visitor, page) => {
    await visitor.explores("Seed 7");
    await page.waitForFunction(() => document.querySelector("#animation").naturalWidth > 0);
    await page.tap(gallery(47));
    await visitor.explores("Seed 54");
    assert.ok(await (await page.$("#image")).isIntersectingViewport(), "what was tapped is out of sight");
    await page.tap(gallery(5));
    await visitor.explores("Seed 12");
    const pad = await page.$("#pad");
    await pad.scrollIntoView();
    const box = await pad.boundingBox();
    await page.touchscreen.tap(box.x + box.width / 2, box.y + 2);
    await page.waitForFunction(() => /^Seed 12, moved by -?0(\.0\d)?, (2|1\.9\d), 0, 0$/.test(document.querySelector("#image").alt));
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.equal(...widths, "it is wider than the phone");
    const small = await page.$$eval("button, a.button, input, select", (all) => all.filter((one) => one.checkVisibility())
      .filter((one) => Math.min(one.offsetWidth, one.offsetHeight) < 24).map((one) => one.id));
    assert.deepEqual(small, [], "no finger hits these");
    await visitor.screenshot(name.replace(" ", "-"), { fullPage: true });
  });
}

for (const scheme of ["light", "dark"]) {
  visit(`it is ${scheme} where that is wanted, and can be read`, OPEN, "/#seed=7&picks=7,12", { scheme }, async (visitor, page) => {
    await visitor.explores("Seed 7");
    // Contrast as WCAG 2 has it, of every text that is seen.
    const [background, worst] = await page.evaluate(() => {
      const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      const luminance = (color) => {
        const [r, g, b] = color.match(/[\d.]+/g).map((value) => channel(value / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const isClear = (color) => /^rgba\(.*, 0\)$/.test(color);
      const behind = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return isClear(color) && element.parentElement ? behind(element.parentElement) : color;
      };
      const texts = [...document.querySelectorAll("h1, h2, label, p, button, a, input, select")];
      const contrasts = texts.filter((one) => one.checkVisibility()).map((one) => {
        const [a, b] = [luminance(getComputedStyle(one).color), luminance(behind(one))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      });
      return [luminance(getComputedStyle(document.body).backgroundColor), Math.min(...contrasts)];
    });
    assert.ok(scheme === "dark" ? background < 0.05 : background > 0.8, `the background's luminance is ${background}`);
    assert.ok(worst >= 4.5, `a contrast of ${worst}`);
    await page.waitForFunction(() => document.querySelector("#animation").naturalWidth > 0);
    await page.waitForNetworkIdle();
    await visitor.screenshot(`page-${scheme}`, { fullPage: true });
  });
}

visit("another model is chosen by its name", OPEN, "/#seed=7", {}, async (visitor, page) => {
  await visitor.explores("Seed 7");
  assert.equal(await visitor.text("#name"), "shapes32");
  await page.select("#model", "other");
  await visitor.sees("#name", "textContent", "other");
  await page.waitForFunction((selector) => document.querySelector(selector)?.naturalWidth === 80, {}, `${gallery(0)} img`);
  await visitor.explores("Seed 7");
  assert.equal(visitor.view().model, "other");
  await page.reload();
  await visitor.sees("#name", "textContent", "other");
});

visit("a key is asked for, and opens all of it", KEYED, "/#seed=7", {}, async (visitor, page) => {
  await page.waitForSelector("#locked", { visible: true });
  await visitor.sees("#message", "textContent", "This server asks for a key.");
  assert.equal(await page.$eval("main", (element) => element.checkVisibility()), false);
  await visitor.screenshot("locked");
  // The focus is where the key is wanted.
  await page.keyboard.type("wrong\n");
  await visitor.sees("#message", "textContent", "This is not the key of this server.");
  assert.equal(await page.$eval("main", (element) => element.checkVisibility()), false);
  await page.click("#key", { count: 3 });
  await page.keyboard.type(`${KEY}\n`);
  await visitor.explores("Seed 7");
  const headers = { Authorization: `Bearer ${KEY}` };
  assert.equal(await visitor.pixels("#image"), await visitor.drawn(`/v1/images?seed=7&scale=${LARGE}`, headers));
  await page.waitForFunction((selector) => document.querySelector(selector).naturalWidth > 0, {}, `${gallery(5)} img`);
  assert.equal(await visitor.pixels(`${gallery(5)} img`), await visitor.drawn(`/v1/images?seed=12&scale=${SMALL}`, headers));
  await page.click("#pick");
  await page.click(gallery(5));
  await visitor.explores("Seed 12");
  await page.click("#pick");
  await page.waitForFunction(() => document.querySelector("#animation").naturalWidth === 192);
  await page.waitForFunction(() => document.querySelector("#save-moving").href.startsWith("blob:"));
  assert.ok(!page.url().includes(KEY), "the key is in the address");
});
