// SPDX-License-Identifier: Apache-2.0
// The real proxy after its server was replaced by one with another measurement (started by real_test.py).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage, until } from "./harness.mjs";
import { keep } from "./screenshot.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("the replacement is refused, and why stands there", async () => {
  const tab = await openPage(browser, process.env.BLINDBOX_PAGE_URL);
  await tab.page.getByRole("button", { name: "Verify again" }).click();
  await tab.page.getByRole("heading", { level: 1, name: "Refused" }).waitFor();
  assert.equal(await tab.page.locator(".check-id").first().innerText(), "sev_snp.measurement");
  assert.ok((await tab.page.locator(".check").first().innerText()).includes("ab".repeat(48)));
  await keep(tab.page, "page-refused");
  await tab.page.getByRole("link", { name: "Playground" }).click();
  await until("nothing can be asked", async () => (await tab.page.getByText("Nothing is sent in this state").count()) === 1);
  await tab.done();
});
