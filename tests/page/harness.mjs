// SPDX-License-Identifier: Apache-2.0
// Chromium on the page, with what must hold in every test: no request to anybody else, nothing that the content security
// policy had to stop, no error of the page's script.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const source = process.env.BLINDBOX_PAGE_SOURCE;
assert.ok(source, "BLINDBOX_PAGE_SOURCE names the folder page/ of the repository");
export const { startMock, server, examples } = await import(pathToFileURL(path.join(source, "mock", "server.mjs")));

export const launch = () =>
  chromium.launch({ executablePath: process.env.BLINDBOX_CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });

/** Waits for what no locator can tell. */
export async function until(what, condition) {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not within ten seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A tab on url; done() asserts what must hold in every test, violations() lists what the policy stopped. */
export async function openPage(browser, url, { width = 1200, scheme = "light", expectFailures = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const origin = new URL(url).origin;
  const foreign = [];
  const errors = [];
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) foreign.push(request.url());
  });
  page.on("websocket", (socket) => foreign.push(socket.url()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // A refused or broken request is logged by the browser itself; tests that cause one say so.
    if (message.type() === "error" && !(expectFailures && /Failed to load resource/.test(message.text()))) errors.push(message.text());
  });
  await page.addInitScript(() => {
    window.stopped = [];
    document.addEventListener("securitypolicyviolation", (event) => window.stopped.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(url);
  const violations = () => page.evaluate(() => window.stopped);
  const done = async () => {
    assert.deepEqual(foreign, [], "requests to others");
    assert.deepEqual(await violations(), [], "stopped by the content security policy");
    assert.deepEqual(errors, [], "errors of the page");
    await context.close();
  };
  return { page, context, done, violations, errors };
}

/** What axe finds wrong, a line each. */
export async function accessibility(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] }),
  );
  return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary?.split("\n")[1]?.trim()}`));
}

export const editorText = (page) => page.evaluate(() => document.querySelector(".editor")?.shadowRoot?.querySelector(".cm-content")?.innerText ?? "");
export const ghost = (page) => page.locator(".cm-ghost");

/** The cursor at the end of the playground's text. */
export async function startTyping(page) {
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+End");
}
