// SPDX-License-Identifier: Apache-2.0
// For everybody: axe finds nothing in light and dark, wide and at 400 pixels; the keyboard reaches everything.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessibility, editorText, examples, ghost, launch, openPage, server, startMock, until } from "./harness.mjs";

let browser;
let mock;
before(async () => {
  browser = await launch();
  mock = await startMock({ servers: examples() });
  mock.state.status.active = [{ id: "a", time: new Date().toISOString(), method: "POST", path: "/infill", server: "tokyo", bytes_out: 4120, bytes_in: 310 }];
});
after(async () => {
  await browser.close();
  await mock.close();
});

for (const scheme of ["light", "dark"]) {
  for (const width of [1200, 400]) {
    test(`axe finds nothing: ${scheme}, ${width} pixels`, async () => {
      const tab = await openPage(browser, mock.url, { width, scheme });
      const places = ["verdict/tokyo", "verdict/staging", "verdict/new", "chain/lab", "chain/staging", "traffic/lab", "ledger/lab", "playground/lab"];
      const found = [];
      for (const place of places) {
        await tab.page.evaluate((hash) => (location.hash = hash), place);
        await tab.page.locator(`#${place.split("/")[0]}-heading`).waitFor();
        if (place.startsWith("playground")) await tab.page.locator(".cm-content").waitFor();
        await until(`${place} stands`, async () => (await tab.page.title()).includes(place.split("/")[1]));
        const across = await tab.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(across <= width, `${place}: ${across} pixels across`);
        assert.deepEqual(await tab.violations(), []);
        found.push(...(await accessibility(tab.page)).map((line) => `${place}: ${line}`));
      }
      assert.deepEqual(found, []);
      await tab.context.close();
    });
  }
}

test("the switch between light and dark is kept", async () => {
  const tab = await openPage(browser, mock.url, { scheme: "light" });
  const paper = () => tab.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await tab.page.getByLabel("Colours").selectOption("dark");
  await until("it is dark", async () => (await paper()) !== light);
  const dark = await paper();
  await tab.page.reload();
  await until("it is dark again", async () => (await paper()) === dark);
  await tab.page.getByLabel("Colours").selectOption("light");
  await until("it is light", async () => (await paper()) === light);
  await tab.done();
});

// What has the focus, in the words that a screen reader has for it.
const focused = (page) =>
  page.evaluate(() => {
    const outer = document.activeElement;
    const element = outer?.shadowRoot?.activeElement ?? outer;
    return (element?.getAttribute("aria-label") ?? element?.innerText ?? "").trim();
  });

async function tabTo(page, wanted, most = 40) {
  const seen = [];
  for (let i = 0; i < most; i += 1) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    if (wanted.test(at)) return;
    seen.push(at.slice(0, 30));
  }
  assert.fail(`Tab never came to ${wanted}, but to ${seen.join(" | ")}`);
}

test("a walk with the keyboard alone", async (t) => {
  const one = await startMock({ servers: [server("lab", "emulated"), server("staging", "refused-measurement")] });
  t.after(() => one.close());
  const tab = await openPage(browser, one.url);
  const { page } = tab;
  await page.getByRole("heading", { level: 1 }).waitFor();
  await tabTo(page, /^Skip to the content$/, 1);
  await tabTo(page, /^Pause$/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Paused" }).waitFor();
  await page.keyboard.press("Enter"); // the focus is still on it, and it now says Resume
  await page.getByRole("heading", { level: 1, name: "Emulated" }).waitFor();
  await tabTo(page, /staging/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Refused" }).waitFor();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter"); // back to lab
  await page.getByRole("heading", { level: 1, name: "Emulated" }).waitFor();
  await tabTo(page, /^Ledger$/);
  await page.keyboard.press("Enter");
  await page.locator("#ledger-heading").waitFor();
  await tabTo(page, /^Refused$/);
  await page.keyboard.press("Space");
  await until("the filter is set", async () => (await page.locator('.choice [aria-pressed="true"]').innerText()) === "Refused");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab"); // over All and Sent back to the views
  assert.equal(await focused(page), "Playground");
  await page.keyboard.press("Enter");
  await page.locator(".cm-content").waitFor();
  await tabTo(page, /^Code to complete$/);
  await page.keyboard.press("Control+End");
  await page.keyboard.type("y");
  await until("there is a suggestion", async () => (await ghost(page).count()) === 1 && (await ghost(page).textContent()) === "0\n    return 0");
  await page.keyboard.press("Tab");
  await until("it is accepted", async () => (await editorText(page)).includes("y0\n    return 0"));
  await page.keyboard.press("Tab");
  assert.notEqual(await focused(page), "Code to complete", "Tab is no trap");
  await tab.done();
});
