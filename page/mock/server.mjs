// SPDX-License-Identifier: Apache-2.0
// The proxy's interface with recorded verdicts, for development and for the browser tests; never part of a release.
// usage: node mock/server.mjs [PORT]    then open http://127.0.0.1:PORT/.blindbox/
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, "..", "dist");
const fields = JSON.parse(readFileSync(path.join(here, "..", "headers.json"), "utf8"));
const recorded = (name) => JSON.parse(readFileSync(path.join(here, "recorded", `${name}.json`), "utf8"));
const completion = readFileSync(path.join(here, "recorded", "infill.txt"), "utf8").split(/(?<=\n\n)/);
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const rfc3339 = (at) => `${new Date(at).toISOString().slice(0, 19)}Z`;
const modelHash = "45f448047762a88c364d9faddbf194b347f5673b32265269c10169a99dde1ae4";

function chainOf(verdict) {
  const found = (id) => verdict.checks.find((c) => c.id === id)?.actual ?? "";
  const product = found("sev_snp.product.allowed") || "Milan";
  return [
    { role: "root", title: `ARK-${product}`, detail: verdict.emulated ? "an emulator's root, trusted by name" : "AMD's root, pinned in this program", fingerprint: sha256(`ark ${product}`) },
    { role: "intermediate", title: `SEV-${product}`, detail: "AMD's signing key for this product", fingerprint: sha256(`ask ${product}`) },
    { role: "leaf", title: "SEV-VCEK", detail: "this chip, at the firmware that it reports", fingerprint: sha256(`vcek ${product}`) },
    { role: "report", title: "Attestation report", detail: "measurement of what was launched", fingerprint: found("sev_snp.measurement") },
    { role: "manifest", title: "Service manifest", detail: "blindbox 0.1.0, isolation none", fingerprint: sha256("manifest") },
    { role: "tls", title: "TLS 1.3 session", detail: "exporter and server key, in REPORT_DATA", fingerprint: found("sev_snp.report_data") },
    { role: "model", title: "BlindBox tiny Python", detail: "SHA-256 of the weights as loaded", fingerprint: modelHash },
  ];
}

/** One server of the status, from a recorded verdict. */
export function server(name, record, more = {}) {
  const { error = null, ...verdict } = record === null ? {} : recorded(record);
  const judged = record === null ? null : verdict;
  return {
    name,
    url: `https://${name}.example:8443`,
    state: judged?.verdict ?? "connecting",
    since: rfc3339(Date.now() - 240_000),
    emulated: judged?.emulated ?? false,
    verdict: judged,
    verdict_digest: judged === null ? null : sha256(JSON.stringify(judged)),
    attested_at: rfc3339(Date.now() - 134_000),
    next_attestation: rfc3339(Date.now() + 466_000),
    error,
    manifest: {
      isolation: { posture: "none", policy_sha256: sha256("") },
      model: { id: "BlindBox tiny Python", sha256: modelHash, tokenizer_sha256: sha256("tokenizer") },
      software: { name: "blindbox", version: "0.1.0" },
    },
    chain: judged === null || judged.checks.length < 10 ? [] : chainOf(judged),
    connections: { idle: judged?.verdict === "accepted" ? 3 : 0, busy: judged?.verdict === "accepted" ? 1 : 0 },
    requests: { total: 128, active: 0, held: 0 },
    ...more,
  };
}

function someEntries(servers, count) {
  return Array.from({ length: count }, (_, i) => {
    const refused = i % 7 === 5;
    return {
      time: rfc3339(Date.now() - 20_000 - i * 47_000),
      id: `r${count - i}`,
      server: servers[i % servers.length].name,
      verdict: sha256("verdict"),
      method: "POST",
      path: i % 3 === 0 ? "/v1/completions" : "/infill",
      status: refused ? 502 : 200,
      bytes_out: refused ? 0 : 900 + ((i * 7919) % 9000),
      bytes_in: refused ? 0 : 300 + ((i * 104729) % 2200),
      sha256: sha256(`body ${i}`),
      outcome: refused ? "refused" : "answered",
      findings: i % 11 === 3 ? ["aws-access-token"] : [],
    };
  });
}

/** Serves until close(); what a test changes in `state` is told to the page by tell(). */
export async function startMock({ servers, entries = 40, port = 0 }) {
  const state = {
    status: {
      version: "0.1.0",
      proxy: { listen: "127.0.0.1:8765", since: rfc3339(Date.now() - 3_600_000), paused: false },
      servers,
      active: [],
      scan: { mode: "warn", findings: 3 },
    },
    entries: someEntries(servers, entries),
    infill: { chunks: completion, pause: 4, status: 200, aborted: 0, asked: [] },
    attested: 0,
  };
  const streams = new Set();
  const send = (event, data) => {
    for (const stream of streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const sums = () => ({
    requests: state.entries.length,
    bytes_out: state.entries.reduce((sum, e) => sum + e.bytes_out, 0),
    bytes_in: state.entries.reduce((sum, e) => sum + e.bytes_in, 0),
    refused: state.entries.filter((e) => e.outcome === "refused").length,
  });
  const json = (answer, value, status = 200) => {
    answer.writeHead(status, { ...fields, "Content-Type": "application/json", "Cache-Control": "no-store" });
    answer.end(JSON.stringify(value));
  };

  const asset = (name, answer) => {
    const file = path.join(dist, name === "" ? "index.html" : name);
    try {
      if (!file.startsWith(dist)) throw new Error("outside");
      const body = readFileSync(file);
      answer.writeHead(200, { ...fields, "Content-Type": types[path.extname(file)] ?? "application/octet-stream", "Cache-Control": "no-cache" });
      answer.end(body);
    } catch {
      json(answer, { error: { code: 404, message: "there is nothing at this path" } }, 404);
    }
  };

  const infill = (request, body, answer) => {
    const plan = state.infill;
    plan.asked.push(JSON.parse(body));
    if (plan.status !== 200) return json(answer, { error: { code: plan.status, message: "the server is not accepted", type: "not_acceptable" } }, plan.status);
    answer.writeHead(200, { "Content-Type": "text/event-stream" });
    let next = 0;
    const timer = setInterval(() => {
      if (next < plan.chunks.length) return answer.write(plan.chunks[next++]);
      clearInterval(timer);
      if (plan.hang !== true) answer.end();
    }, plan.pause);
    answer.on("close", () => {
      clearInterval(timer);
      if (!answer.writableFinished) plan.aborted += 1;
    });
  };

  const post = (url, body, request, answer) => {
    if (url.pathname === "/infill") return infill(request, body, answer);
    if (request.headers["blindbox-page"] !== "1") return json(answer, { error: { code: 403, message: "the page's header is missing" } }, 403);
    if (url.pathname === "/.blindbox/api/pause") state.status.proxy.paused = JSON.parse(body).paused === true;
    else if (url.pathname === "/.blindbox/api/attest") state.attested += 1;
    else return json(answer, {}, 404);
    json(answer, {});
    send("status", state.status);
  };

  const get = (url, answer) => {
    if (url.pathname === "/.blindbox/api/status") return json(answer, state.status);
    if (url.pathname === "/.blindbox/api/ledger") {
      const before = url.searchParams.get("before");
      const from = before === null ? state.entries : state.entries.filter((e) => e.time < before);
      return json(answer, { entries: from.slice(0, Number(url.searchParams.get("limit") ?? 100)), sums: sums() });
    }
    if (url.pathname === "/.blindbox/api/events") {
      answer.writeHead(200, { ...fields, "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
      answer.write(`event: status\ndata: ${JSON.stringify(state.status)}\n\n`);
      streams.add(answer);
      return answer.on("close", () => streams.delete(answer));
    }
    if (url.pathname.startsWith("/.blindbox/")) return asset(url.pathname.slice("/.blindbox/".length), answer);
    answer.writeHead(302, { Location: "/.blindbox/" }).end();
  };

  const listener = http.createServer((request, answer) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (request.method === "GET") return get(url, answer);
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => post(url, Buffer.concat(pieces).toString(), request, answer));
  });
  await new Promise((resolve) => listener.listen(port, "127.0.0.1", resolve));
  return {
    state,
    url: `http://127.0.0.1:${listener.address().port}/.blindbox/`,
    tell: () => send("status", state.status),
    enter: (entry) => {
      state.entries.unshift(entry);
      send("ledger", entry);
    },
    close: () =>
      new Promise((resolve) => {
        listener.close(resolve);
        listener.closeAllConnections();
      }),
  };
}

export const examples = () => [
  server("tokyo", "accepted"),
  server("lab", "emulated"),
  server("staging", "refused-measurement"),
  server("old", "refused-debug"),
  server("strange", "refused-signature"),
  server("new", null),
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock({ servers: examples(), port: Number(process.argv[2] ?? 8790) });
  console.log(`mock: ${mock.url}`);
}
