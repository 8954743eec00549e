// SPDX-License-Identifier: Apache-2.0
// What the page shows, and what it never claims. The verdicts are real ones, recorded.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { examples, launch, openPage, server, startMock, until } from "./harness.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function on(servers, place, run, options = {}) {
  const { entries, breach, ...rest } = options;
  const mock = await startMock({ servers, entries });
  try {
    const tab = await openPage(browser, mock.url + place, rest);
    await run(tab.page, mock, tab);
    if (breach !== true) await tab.done();
  } finally {
    await mock.close();
  }
}
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

test("an accepted server, every check with what was expected, found and prevented", () =>
  on([server("tokyo", "accepted")], "", async (page) => {
    await heading(page, "Accepted");
    assert.equal(await page.locator(".banner").getAttribute("class"), "banner accepted");
    assert.equal(await page.locator(".check").count(), 75);
    const check = page.locator(".check", { hasText: "sev_snp.policy.debug_disabled" });
    for (const text of ["Keeps the host from decrypting", "Expected", "0 (POLICY 0x3001f)", "AMD 56860 rev. 1.58, Table 10, bit 19", "passed"]) {
      assert.ok((await check.innerText()).includes(text), text);
    }
    // What the verdict leaves open stands beside the word.
    assert.match(await page.locator(".banner").innerText(), /no expected software was given/);
    assert.match(await page.title(), /✓ Accepted: tokyo/);
  }));

test("filters by outcome and by words", () =>
  on([server("lab", "refused-measurement")], "#verdict/lab", async (page) => {
    await page.getByRole("button", { name: /^failed/ }).click();
    await until("one check is left", async () => (await page.locator(".check-id").count()) === 1);
    assert.deepEqual(await page.locator(".check-id").allInnerTexts(), ["sev_snp.measurement"]);
    await page.getByRole("button", { name: /^All/ }).click();
    await page.getByRole("searchbox", { name: "Filter checks" }).fill("debug host");
    await until("one check is left", async () => (await page.locator(".check").count()) === 1);
    await page.getByRole("searchbox").fill("no such thing");
    await page.getByText("No check matches.").waitFor();
  }));

test("a refusal: what failed first, whole, with what to do", () =>
  on([server("staging", "refused-measurement")], "", async (page) => {
    await heading(page, "Refused");
    const banner = await page.locator(".banner").innerText();
    assert.match(banner, /Nothing is sent/);
    assert.match(banner, /the measurement is not in the policy/);
    assert.match(banner, /review what changed/);
    const first = await page.locator(".check").first().innerText();
    assert.match(first, /failed/);
    assert.match(first, /b1eb57b476504765d63d71aef3bd1b72303986c59df01ceb9a5d41aa930e287168ee34ec6230c03506ab14422f490def/);
    assert.match(first, /a0eb57b476504765d63d71aef3bd1b72303986c59df01ceb9a5d41aa930e287168ee34ec6230c03506ab14422f490def/);
    await page.getByRole("link", { name: "Chain" }).click();
    await page.getByText("Attestation report ✕ does not hold").waitFor();
  }));

test("evidence that nobody signed", () =>
  on([server("strange", "refused-signature")], "", async (page) => {
    await heading(page, "Refused");
    assert.equal(await page.locator(".check-id").first().innerText(), "sev_snp.signature");
    assert.equal(await page.locator(".stage h3").first().innerText(), "Authenticate Did the processor's maker vouch for it?");
  }));

test("an emulated server is never merely accepted", () =>
  on([server("lab", "emulated")], "", async (page) => {
    await heading(page, "Emulated, not a TEE");
    assert.doesNotMatch(await page.locator(".banner").innerText(), /Accepted/);
    await page.getByRole("link", { name: "Playground" }).click();
    await page.getByText("Emulated, not a TEE: type nothing").waitFor();
  }));

test("the chain from the root to the model, in its order", () =>
  on([server("lab", "emulated")], "#chain/lab", async (page) => {
    await until("the chain is whole", async () => (await page.locator(".chain-list .label").count()) === 7);
    const labels = await page.locator(".chain-list .label").allInnerTexts();
    assert.deepEqual(labels, ["The silicon's root", "Its signing authority", "This chip's key", "Attestation report", "Service manifest", "TLS session", "Model weights"]);
    assert.equal(await page.locator("svg.chain .chain-node").count(), 7);
    assert.equal(await page.locator("svg.chain .chain-link").count(), 6);
    await page.getByText("45f448047762a88c364d9faddbf194b347f5673b32265269c10169a99dde1ae4").waitFor();
  }));

test("several servers, each with its own standing", () =>
  on(examples(), "", async (page) => {
    await heading(page, "Accepted");
    await page.getByRole("navigation", { name: "Servers" }).getByRole("link", { name: /old/ }).click();
    await heading(page, "Refused");
    await page.getByText("the guest can be debugged").waitFor();
    await page.getByRole("navigation", { name: "Servers" }).getByRole("link", { name: /new/ }).click();
    await heading(page, "Verifying");
  }));

test("a server that stops being acceptable turns red without a reload", () =>
  on([server("lab", "emulated")], "", async (page, mock) => {
    await heading(page, "Emulated, not a TEE");
    mock.state.status.servers[0] = server("lab", "refused-measurement");
    mock.tell();
    await heading(page, "Refused");
  }));

test("what contradicts itself is not accepted", () =>
  on([server("lab", "refused-measurement", { state: "accepted", error: null })], "", (page) => heading(page, "Unknown")));

test("a proxy that is gone leaves nothing accepted", () =>
  on(
    [server("tokyo", "accepted")],
    "",
    async (page, mock) => {
      await heading(page, "Accepted");
      await mock.close();
      await heading(page, "No word from the proxy");
      assert.ok(await page.getByRole("button", { name: "Pause" }).isDisabled());
    },
    { expectFailures: true },
  ));

test("pause, resume, verify again", () =>
  on([server("tokyo", "accepted")], "", async (page, mock) => {
    await page.getByRole("button", { name: "Pause" }).click();
    await heading(page, "Paused");
    assert.equal(mock.state.status.proxy.paused, true);
    await page.getByRole("button", { name: "Resume" }).click();
    await heading(page, "Accepted");
    await page.getByRole("button", { name: "Verify again" }).click();
    await page.getByText("asked for new evidence").waitFor();
    assert.equal(mock.state.attested, 1);
  }));

test("traffic as it is", () =>
  on([server("tokyo", "accepted", { requests: { total: 130, active: 1, held: 2 } })], "#traffic/tokyo", async (page, mock) => {
    await page.getByRole("img", { name: "1 connections busy, 3 idle" }).waitFor();
    assert.match(await page.locator(".banner").innerText(), /2 requests are held back/);
    await page.getByText("Nothing is under way.").waitFor();
    mock.state.status.active = [{ id: "a", time: new Date().toISOString(), method: "POST", path: "/infill", server: "tokyo", bytes_out: 4120, bytes_in: 310 }];
    mock.tell();
    await page.getByRole("row", { name: /POST \/infill tokyo .* 4.1 kB 310 B/ }).waitFor();
  }));

test("the ledger: sums, filters, live entries", () =>
  on([server("tokyo", "accepted")], "#ledger/tokyo", async (page, mock) => {
    const rows = page.locator(".ledger tbody tr");
    await until("the entries are there", async () => (await rows.count()) === 40);
    await page.getByRole("button", { name: "Refused", exact: true }).click();
    await until("the refused ones are left", async () => (await rows.count()) === 5);
    await page.getByRole("button", { name: "With secrets" }).click();
    await until("those with findings are left", async () => (await rows.count()) === 4);
    assert.match(await rows.first().innerText(), /aws-access-token/);
    await page.getByRole("button", { name: "All" }).click();
    const entry = { ...mock.state.entries[0], id: "fresh", time: new Date().toISOString(), path: "/v1/fresh" };
    mock.enter(entry);
    await page.getByText("POST /v1/fresh").waitFor();
    assert.match(await page.locator(".sums").innerText(), /Requests\s+41/);
  }));

test("earlier requests on demand", () =>
  on(
    [server("tokyo", "accepted")],
    "#ledger/tokyo",
    async (page) => {
      const rows = page.locator(".ledger tbody tr");
      await until("the first page is there", async () => (await rows.count()) === 200);
      await page.getByRole("button", { name: "Earlier requests" }).click();
      await until("all are there", async () => (await rows.count()) === 230);
      assert.equal(await page.getByRole("button", { name: "Earlier requests" }).count(), 0);
    },
    { entries: 230 },
  ));

test("hostile text stays text", () => {
  const markup = "<img src=x onerror=alert(1)><script>alert(2)</script>";
  const evil = server(`evil ${markup}`, "refused-measurement", { error: { what: `${markup}\u202egnorw`, detail: markup, hint: "javascript:alert(3)" } });
  evil.verdict.checks = evil.verdict.checks.map((c) => ({ ...c, actual: `${markup}\u202e`, purpose: markup, id: `${c.id}.${markup}` }));
  evil.chain = evil.chain.map((c) => ({ ...c, title: markup, detail: markup, fingerprint: markup, role: `${c.role}` }));
  evil.manifest.model.id = markup;
  return on([evil, server("b", "accepted")], "", async (page) => {
    await heading(page, "Refused");
    for (const view of ["Verdict", "Chain", "Traffic", "Ledger", "Playground"]) {
      await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: view }).click();
      await page.locator(`#${view.toLowerCase()}-heading`).waitFor();
      assert.equal(await page.locator("img[src], #page script, iframe, object").count(), 0);
    }
    assert.match(await page.locator(".banner").innerText(), /⟨U\+202E⟩gnorw/);
    assert.match(await page.locator(".banner").innerText(), /<img src=x onerror=alert\(1\)>/);
  });
});

test("the policy is in force: no inline script, no code from text, no other host", () =>
  on(
    [server("tokyo", "accepted")],
    "",
    async (page, mock, tab) => {
      await heading(page, "Accepted");
      const outcome = await page.evaluate(async () => {
        await new Promise((resolve) => setTimeout(resolve)); // what the debugger itself evaluates may do more
        const said = [];
        const attempt = async (name, run) => {
          try {
            await run();
            said.push(`${name}: went through`);
          } catch {
            said.push(`${name}: stopped`);
          }
        };
        await attempt("markup", () => (document.body.innerHTML = "<p>x</p>"));
        await attempt("eval", () => window.eval("1"));
        await attempt("fetch", () => fetch("http://192.0.2.1/", { mode: "no-cors" }));
        await attempt("inline", () => {
          const script = document.createElement("script");
          script.append("window.ran = true");
          document.body.append(script);
          if (window.ran !== true) throw new Error("stopped");
        });
        return said;
      });
      assert.deepEqual(outcome, ["markup: stopped", "eval: stopped", "fetch: stopped", "inline: stopped"]);
      assert.ok((await tab.violations()).length >= 3);
    },
    { breach: true },
  ));
