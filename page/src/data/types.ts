// SPDX-License-Identifier: Apache-2.0
// What the proxy tells, under the names that it gives (docs/page.md); decode.ts makes these of its JSON.

export type Outcome = "passed" | "failed" | "not_requested";
export type Stage = "parse" | "authenticate" | "appraise";

export interface Check {
  id: string;
  stage: Stage;
  outcome: Outcome;
  expected: string;
  actual: string;
  reference: string;
  purpose: string;
}

export interface Verdict {
  verdict: "accepted" | "refused";
  stage: string;
  emulated: boolean;
  judged_at: string;
  checks: Check[];
  notes: string[];
}

export interface Problem {
  what: string;
  detail: string;
  hint: string;
}

export interface ChainPart {
  role: string;
  title: string;
  detail: string;
  fingerprint: string;
}

export type ServerState = "accepted" | "refused" | "connecting" | "unreachable" | "paused" | "unknown";

export interface Server {
  name: string;
  url: string;
  state: ServerState;
  since: string;
  emulated: boolean;
  verdict: Verdict | null;
  verdict_digest: string;
  attested_at: string;
  next_attestation: string;
  error: Problem | null;
  model: { id: string; sha256: string };
  software: string;
  isolation: string;
  chain: ChainPart[];
  connections: { idle: number; busy: number };
  requests: { total: number; active: number; held: number };
}

export interface ActiveRequest {
  id: string;
  time: string;
  method: string;
  path: string;
  server: string;
  bytes_out: number;
  bytes_in: number;
}

export interface Status {
  version: string;
  listen: string;
  since: string;
  paused: boolean;
  servers: Server[];
  active: ActiveRequest[];
  scan: { mode: string; findings: number };
}

export interface LedgerEntry {
  time: string;
  id: string;
  server: string;
  verdict: string;
  method: string;
  path: string;
  status: number;
  bytes_out: number;
  bytes_in: number;
  sha256: string;
  outcome: string;
  findings: string[];
}

export interface Sums {
  requests: number;
  bytes_out: number;
  bytes_in: number;
  refused: number;
}

export interface Ledger {
  entries: LedgerEntry[];
  sums: Sums;
}
