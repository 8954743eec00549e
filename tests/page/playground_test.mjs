// SPDX-License-Identifier: Apache-2.0
// Ghost text: asked for after a pause, streamed, accepted whole or by word, dismissed, given up when typing goes elsewhere.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { editorText, ghost, launch, openPage, server, startMock, startTyping, until } from "./harness.mjs";

const suggestion = "0\n    return 0"; // page/mock/recorded/infill.txt
const slow = ['data: {"content":"ab","stop":false}\n\n', 'data: {"content":"cd ef","stop":false}\n\n'];

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function typing(run, { servers = [server("lab", "emulated")], infill = {}, ...options } = {}) {
  const mock = await startMock({ servers });
  Object.assign(mock.state.infill, infill);
  const tab = await openPage(browser, `${mock.url}#playground/${servers[0].name}`, options);
  try {
    await startTyping(tab.page);
    await run(tab.page, mock.state.infill);
    await tab.done();
  } finally {
    await mock.close();
  }
}

test("Tab accepts the whole suggestion", () =>
  typing(async (page, infill) => {
    await page.keyboard.type("x = ");
    await until("the whole suggestion is there", async () => (await ghost(page).count()) === 1 && (await ghost(page).textContent()) === suggestion);
    assert.match(await page.locator("#latency").innerText(), /first text .* ms, all .* ms, 5 tokens/);
    assert.match(await page.locator(".readout").innerText(), /BlindBox tiny Python/);
    await page.keyboard.press("Tab");
    await until("the text is in the document", async () => (await editorText(page)).includes("x = 0\n    return 0"));
    assert.equal(await ghost(page).count(), 0);
    const [asked] = infill.asked;
    assert.ok(asked.input_prefix.endsWith("x = "));
    assert.equal(asked.stream, true);
    // The next Tab has nothing to accept and leaves the editor.
    await page.keyboard.press("Tab");
    await until("the focus has left", () => page.evaluate(() => document.activeElement?.shadowRoot == null));
  }));

test("Control-Right accepts a word, typing along keeps the rest, Escape dismisses", () =>
  typing(async (page, infill) => {
    await page.keyboard.type("x = ");
    await until("the suggestion is whole", async () => (await ghost(page).count()) === 1 && (await ghost(page).textContent()) === suggestion);
    await page.keyboard.press("Control+ArrowRight");
    await until("a word is taken", async () => (await ghost(page).textContent()) === "\n    return 0");
    await page.keyboard.press("Enter");
    await until("the line break is typed along", async () => (await ghost(page).textContent()) === "return 0");
    await page.keyboard.type("ret");
    await until("so are letters", async () => (await ghost(page).textContent()) === "urn 0");
    assert.equal(infill.asked.length, 1, "nothing was asked again");
    await page.keyboard.press("Escape");
    await until("it is gone", async () => (await ghost(page).count()) === 0);
    assert.match(await editorText(page), /x = 0\n {4}ret$/);
  }));

test("typing something else gives up what is under way, to the server", () =>
  typing(
    async (page, infill) => {
      await page.keyboard.type("x");
      await until("text has come", async () => (await ghost(page).count()) === 1 && (await ghost(page).textContent()) === "abcd ef");
      await page.keyboard.type("!");
      await until("the suggestion is gone", async () => (await ghost(page).count()) === 0);
      await until("the request was aborted", () => infill.aborted === 1);
      await until("and another one asked", () => infill.asked.length === 2);
      assert.ok(infill.asked[1].input_prefix.endsWith("x!"));
    },
    { infill: { chunks: slow, hang: true } },
  ));

test("Escape stops a stream, and a click elsewhere too", () =>
  typing(
    async (page, infill) => {
      await page.keyboard.type("x");
      await ghost(page).waitFor();
      await page.keyboard.press("Escape");
      await until("the request was aborted", () => infill.aborted === 1);
      await page.keyboard.press("Alt+\\");
      await until("it was asked at once", () => infill.asked.length === 2);
      await ghost(page).waitFor();
      await page.keyboard.press("ArrowLeft");
      await until("the request was aborted", () => infill.aborted === 2);
      assert.equal(await ghost(page).count(), 0);
    },
    { infill: { chunks: slow, hang: true } },
  ));

test("what the proxy refuses is said in its words", () =>
  typing(
    async (page) => {
      await page.keyboard.type("x");
      await page.getByText("no completion: the server is not accepted").waitFor();
      assert.equal(await ghost(page).count(), 0);
    },
    { infill: { status: 502 }, expectFailures: true },
  ));

test("an answer that breaks off leaves no suggestion", () =>
  typing(
    async (page) => {
      await page.keyboard.type("x");
      await page.getByText("no completion: the answer broke off").waitFor();
      assert.equal(await ghost(page).count(), 0);
    },
    { infill: { chunks: slow } },
  ));

test("nothing is asked of a refused server", () =>
  typing(
    async (page, infill) => {
      await page.getByText("Nothing is sent in this state").waitFor();
      await page.keyboard.type("x");
      await page.keyboard.press("Alt+\\");
      await page.getByRole("link", { name: "Ledger" }).click(); // the pause has passed when this view stands
      await page.locator("#ledger-heading").waitFor();
      assert.equal(infill.asked.length, 0);
    },
    { servers: [server("lab", "refused-measurement")] },
  ));

for (const [language, keyword] of [["Java", "class"], ["Go", "func"], ["C++", "namespace"], ["Rust", "struct"]]) {
  test(`another language: ${language}`, () =>
    typing(async (page) => {
      await page.getByLabel("Language").selectOption(language);
      await startTyping(page);
      await page.keyboard.type(`${keyword} A {`);
      await until("it is coloured", () =>
        page.evaluate((word) => [...document.querySelector(".editor").shadowRoot.querySelectorAll(".cm-line span")].some((s) => s.textContent === word), keyword),
      );
    }));
}
