// SPDX-License-Identifier: Apache-2.0
// The proxy's JSON as values. Much of its text was a server's, so nothing is taken for granted: what is missing or of
// another type becomes the value that claims least, and lists and texts have caps.
import type {
  ActiveRequest,
  ChainPart,
  Check,
  Ledger,
  LedgerEntry,
  Outcome,
  Problem,
  Server,
  ServerState,
  Stage,
  Status,
  Verdict,
} from "./types";

const textCap = 8192;
const listCap = 1000;

type Members = Record<string, unknown>;

function members(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

function text(value: unknown): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value.slice(0, textCap) : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0;
}

function list<T>(value: unknown, of: (item: unknown) => T): T[] {
  return Array.isArray(value) ? value.slice(0, listCap).map(of) : [];
}

function one<T extends string>(value: unknown, known: readonly T[], otherwise: T): T {
  return known.find((word) => word === value) ?? otherwise;
}

const outcomes: readonly Outcome[] = ["passed", "failed", "not_requested"];
const stages: readonly Stage[] = ["parse", "authenticate", "appraise"];
const states: readonly ServerState[] = ["accepted", "refused", "connecting", "unreachable", "paused"];

function check(value: unknown): Check {
  const m = members(value);
  return {
    id: text(m.id),
    stage: one(m.stage, stages, "appraise"),
    outcome: one(m.outcome, outcomes, "failed"), // an outcome that we do not know is no pass
    expected: text(m.expected),
    actual: text(m.actual),
    reference: text(m.reference),
    purpose: text(m.purpose),
  };
}

export function verdict(value: unknown): Verdict | null {
  if (typeof value !== "object" || value === null) return null;
  const m = members(value);
  return {
    verdict: one(m.verdict, ["accepted", "refused"] as const, "refused"),
    stage: text(m.stage),
    emulated: m.emulated !== false, // unless it is said to be real, it is not
    judged_at: text(m.judged_at),
    checks: list(m.checks, check),
    notes: list(m.notes, text),
  };
}

function problem(value: unknown): Problem | null {
  if (typeof value !== "object" || value === null) return null;
  const m = members(value);
  return { what: text(m.what), detail: text(m.detail), hint: text(m.hint) };
}

function chainPart(value: unknown): ChainPart {
  const m = members(value);
  return {
    role: text(m.role),
    title: text(m.title),
    detail: text(m.detail),
    fingerprint: text(m.fingerprint),
  };
}

function server(value: unknown): Server {
  const m = members(value);
  const manifest = members(m.manifest);
  const model = members(manifest.model);
  const software = members(manifest.software);
  const connections = members(m.connections);
  const requests = members(m.requests);
  return {
    name: text(m.name),
    url: text(m.url),
    state: one(m.state, states, "unknown"),
    since: text(m.since),
    emulated: m.emulated !== false,
    verdict: verdict(m.verdict),
    verdict_digest: text(m.verdict_digest),
    attested_at: text(m.attested_at),
    next_attestation: text(m.next_attestation),
    error: problem(m.error),
    model: { id: text(model.id), sha256: text(model.sha256) },
    software: [text(software.name), text(software.version)].filter((part) => part !== "").join(" "),
    isolation: text(members(manifest.isolation).posture),
    chain: list(m.chain, chainPart).slice(0, 24),
    connections: { idle: count(connections.idle), busy: count(connections.busy) },
    requests: { total: count(requests.total), active: count(requests.active), held: count(requests.held) },
  };
}

function activeRequest(value: unknown): ActiveRequest {
  const m = members(value);
  return {
    id: text(m.id),
    time: text(m.time),
    method: text(m.method),
    path: text(m.path),
    server: text(m.server),
    bytes_out: count(m.bytes_out),
    bytes_in: count(m.bytes_in),
  };
}

/** Null where this is not a status at all. */
export function status(value: unknown): Status | null {
  const m = members(value);
  if (!Array.isArray(m.servers)) return null;
  const proxy = members(m.proxy);
  const scan = members(m.scan);
  return {
    version: text(m.version),
    listen: text(proxy.listen),
    since: text(proxy.since),
    paused: proxy.paused === true,
    servers: list(m.servers, server),
    active: list(m.active, activeRequest),
    scan: { mode: text(scan.mode), findings: count(scan.findings) },
  };
}

export function ledgerEntry(value: unknown): LedgerEntry {
  const m = members(value);
  return {
    time: text(m.time),
    id: text(m.id),
    server: text(m.server),
    verdict: text(m.verdict),
    method: text(m.method),
    path: text(m.path),
    status: count(m.status),
    bytes_out: count(m.bytes_out),
    bytes_in: count(m.bytes_in),
    sha256: text(m.sha256),
    outcome: text(m.outcome),
    findings: list(m.findings, text),
  };
}

export function ledger(value: unknown): Ledger | null {
  const m = members(value);
  if (!Array.isArray(m.entries)) return null;
  const sums = members(m.sums);
  return {
    entries: list(m.entries, ledgerEntry),
    sums: {
      requests: count(sums.requests),
      bytes_out: count(sums.bytes_out),
      bytes_in: count(sums.bytes_in),
      refused: count(sums.refused),
    },
  };
}
