// SPDX-License-Identifier: Apache-2.0
// What the proxy says of itself, and what the shield in the status bar makes of it. Pure.

export interface Check {
  id: string;
  outcome: 'passed' | 'failed' | 'not_requested';
  expected: string;
  actual: string;
  reference?: string;
  purpose?: string;
}

export interface Verdict {
  verdict: 'accepted' | 'refused';
  emulated: boolean;
  checks: Check[];
  notes?: string[];
  error?: {what: string; detail: string; hint: string};
}

export interface ServerStatus {
  name: string;
  url: string;
  state: 'accepted' | 'refused' | 'connecting' | 'unreachable' | 'paused';
  emulated: boolean;
  verdict: Verdict | null;
  verdict_digest?: string | null;
  attested_at?: string | null;
  next_attestation?: string | null;
  error: {what: string; detail: string; hint: string} | null;
  chain?: {role: string; title: string; detail: string; fingerprint: string}[];
}

export interface Status {
  version: string;
  proxy: {listen: string; paused: boolean};
  servers: ServerStatus[];
}

export interface LedgerEntry {
  time: string;
  server: string;
  method: string;
  path: string;
  status: number;
  bytes_out: number;
  bytes_in: number;
  outcome: string;
  findings?: string[];
}

export interface Ledger {
  entries: LedgerEntry[];
  sums: {requests: number; bytes_out: number; bytes_in: number; refused: number};
}

/** What is known of the way to the server. */
export type Known =
  | {kind: 'unknown'}
  | {kind: 'unreachable'; why: string}
  | {kind: 'status'; status: Status}
  // A proxy without a status of its own, known by its answers alone.
  | {kind: 'verdict'; verdict: string}
  | {kind: 'refused'; why: string};

export type Colour = 'green' | 'amber' | 'red' | 'grey';

export interface Shield {
  colour: Colour;
  icon: string;
  /** Says in words what the colour says. */
  text: string;
  tooltip: string;
}

const shield = (colour: Colour, icon: string, text: string, tooltip: string): Shield => ({
  colour, icon, text: `BlindBox: ${text}`, tooltip,
});

/** The ids of the checks that failed. */
export function failedChecks(server: ServerStatus): string[] {
  return (server.verdict?.checks ?? []).filter((check) => check.outcome === 'failed').map((check) => check.id);
}

/** The worst of what is known, since a green shield is a promise. Whatever is not understood is not green. */
export function makeShield(known: Known): Shield {
  switch (known.kind) {
    case 'unknown': return shield('grey', 'loading~spin', 'looking', 'Looking for the proxy');
    case 'unreachable': return shield('red', 'circle-slash', 'no proxy', `Nothing is sent. ${known.why}`);
    case 'refused': return shield('red', 'error', 'REFUSED', `Nothing is sent: the server is refused. ${known.why}`);
    case 'verdict': return ofVerdict(known.verdict);
    case 'status': return ofStatus(known.status);
  }
}

function ofVerdict(verdict: string): Shield {
  if (verdict === 'accepted') return shield('green', 'verified-filled', 'verified', 'The server is a verified enclave');
  if (verdict.includes('EMULATED')) return emulated('the proxy');
  return shield('red', 'error', 'NOT VERIFIED', 'Answers come without a verdict: this is no BlindBox proxy');
}

const emulated = (name: string): Shield =>
  shield('amber', 'beaker', 'EMULATED', `EMULATED, NOT A TEE: the evidence of ${name} comes from an emulator`);

function ofStatus(status: Status): Shield {
  if (status.proxy?.paused === true) return shield('grey', 'debug-pause', 'paused', 'Paused: nothing is sent');
  const servers = Array.isArray(status.servers) ? status.servers : [];
  const of = (state: string): ServerStatus | undefined => servers.find((server) => server.state === state);
  const refused = of('refused');
  if (refused) {
    const failed = failedChecks(refused);
    const why = failed.length > 0 ? failed.join(', ') : (refused.error?.what ?? 'no reason is known');
    return shield('red', 'error', 'REFUSED', `Nothing is sent to ${refused.name}, which is refused: ${why}`);
  }
  const gone = of('unreachable');
  if (gone) return shield('red', 'debug-disconnect', 'unreachable', `${gone.name} cannot be reached: ${gone.error?.what ?? ''}`);
  const connecting = of('connecting');
  if (connecting) return shield('amber', 'sync~spin', 'verifying', `${connecting.name} is being verified; requests wait`);
  const accepted = servers.filter((server) => server.state === 'accepted' && server.verdict?.verdict !== 'refused');
  const imitation = accepted.find((server) => server.emulated !== false);
  if (imitation) return emulated(imitation.name);
  if (accepted.length > 0 && accepted.length === servers.length) {
    const names = accepted.map((server) => `${server.name}, verified ${server.attested_at ?? ''}`).join('; ');
    return shield('green', 'verified-filled', 'verified', `Code goes to a verified enclave and nowhere else: ${names}`);
  }
  if (of('paused')) return shield('grey', 'debug-pause', 'paused', 'Paused: nothing is sent');
  return shield('red', 'question', 'no server', 'The proxy names no server that is accepted');
}

/** From a failed request, where the proxy has no status of its own; undefined where it says nothing of the verdict. */
export function knownFromError(type: string, message: string): Known | undefined {
  if (/^evidence_|^no_evidence$|^not_a_blindbox$/.test(type)) return {kind: 'refused', why: message};
  if (type === 'server_unreachable') return {kind: 'unreachable', why: message};
  return undefined;
}
