// SPDX-License-Identifier: Apache-2.0
// The real proxy and an accepted server in an emulated guest (started by real_test.py).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessibility, editorText, ghost, launch, openPage, startTyping, until } from "./harness.mjs";
import { keep } from "./screenshot.mjs";

const url = process.env.BLINDBOX_PAGE_URL;
let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("the address of the proxy is the page, and it tells a real verdict", async () => {
  const tab = await openPage(browser, url);
  assert.equal(new URL(tab.page.url()).pathname, "/.blindbox/");
  await tab.page.getByRole("heading", { level: 1, name: "Emulated, not a TEE" }).waitFor();
  const measurement = tab.page.locator(".check", { hasText: "sev_snp.measurement" });
  assert.match(await measurement.innerText(), /passed[^]*Expected[^]*Found[^]*AMD 56860/);
  assert.ok((await tab.page.locator(".check").count()) > 60);
  await keep(tab.page, "page-verdict");
  await tab.page.getByRole("link", { name: "Chain" }).click();
  await until("the chain is whole", async () => (await tab.page.locator("svg.chain .chain-node").count()) === 7);
  await tab.page.getByText("45f448047762a88c364d9faddbf194b347f5673b32265269c10169a99dde1ae4").waitFor();
  await keep(tab.page, "page-chain");
  assert.deepEqual(await accessibility(tab.page), []);
  await tab.done();
});

test("a completion from the enclave, accepted with Tab, and its line in the ledger", async () => {
  const tab = await openPage(browser, `${url}.blindbox/#playground/`, { scheme: "dark" });
  await startTyping(tab.page);
  await tab.page.keyboard.type("with open(path");
  await until("the suggestion is whole", async () => /tokens/.test(await tab.page.locator("#latency").innerText()));
  const suggested = await ghost(tab.page).textContent();
  assert.ok(suggested.length > 0);
  await keep(tab.page, "page-playground");
  await tab.page.keyboard.press("Tab");
  await until("it is in the document", async () => (await editorText(tab.page)).replace(/\n$/, "").includes(`with open(path${suggested}`.trimEnd()));
  await tab.page.getByRole("link", { name: "Ledger" }).click();
  await tab.page.getByRole("row", { name: /POST \/infill.*answered/ }).first().waitFor();
  await keep(tab.page, "page-ledger");
  await tab.done();
});

test("pause cuts the traffic off, resume verifies anew, verify again asks for evidence", async () => {
  const tab = await openPage(browser, url);
  await tab.page.getByRole("heading", { level: 1, name: "Emulated" }).waitFor();
  const digest = () => tab.page.evaluate(async () => (await (await fetch("/.blindbox/api/status")).json()).servers[0].verdict_digest);
  const first = await digest();
  await tab.page.getByRole("button", { name: "Pause" }).click();
  await tab.page.getByRole("heading", { level: 1, name: "Paused" }).waitFor();
  await tab.page.getByRole("button", { name: "Resume" }).click();
  await tab.page.getByRole("heading", { level: 1, name: "Emulated" }).waitFor();
  await tab.page.getByRole("button", { name: "Verify again" }).click();
  await until("there is another verdict", async () => (await digest()) !== first);
  await tab.done();
});
