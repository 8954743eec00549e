// SPDX-License-Identifier: Apache-2.0
// What the page may claim of a server. "Accepted" takes the proxy's word, a verdict that says the same, no check that
// failed, and a proxy that still answers; whatever contradicts itself is "unknown", never "accepted".
import type { Server } from "./types";

export type Standing =
  | "accepted"
  | "emulated"
  | "refused"
  | "connecting"
  | "unreachable"
  | "paused"
  | "unknown"
  | "silent";

export interface Words {
  title: string;
  glyph: string;
  sentence: string;
}

function holds(server: Server): boolean {
  const verdict = server.verdict;
  if (verdict?.verdict !== "accepted") return false;
  return verdict.checks.some((c) => c.outcome === "passed") && verdict.checks.every((c) => c.outcome !== "failed");
}

export function standing(server: Server, live: boolean, paused: boolean): Standing {
  if (!live) return "silent";
  if (server.state === "refused") return "refused";
  if (paused) return "paused";
  if (server.state !== "accepted") return server.state;
  if (!holds(server)) return "unknown";
  return server.emulated || server.verdict?.emulated !== false ? "emulated" : "accepted";
}

export const words: Record<Standing, Words> = {
  accepted: {
    title: "Accepted",
    glyph: "✓",
    sentence: "What is sent to this server reaches the enclave that was verified, and nobody else.",
  },
  emulated: {
    title: "Emulated, not a TEE",
    glyph: "⚠",
    sentence: "The checks hold, but software plays the processor. Whoever runs the server reads everything sent there.",
  },
  refused: {
    title: "Refused",
    glyph: "✕",
    sentence: "Nothing is sent to this server.",
  },
  connecting: {
    title: "Verifying",
    glyph: "…",
    sentence: "No verdict yet. Requests are held back until there is one.",
  },
  unreachable: {
    title: "Out of reach",
    glyph: "–",
    sentence: "The server does not answer. Nothing is sent until it has been verified again.",
  },
  paused: {
    title: "Paused",
    glyph: "Ⅱ",
    sentence: "The proxy sends nothing until it is resumed.",
  },
  unknown: {
    title: "Unknown",
    glyph: "?",
    sentence: "What the proxy tells of this server contradicts itself. Do not take it for accepted.",
  },
  silent: {
    title: "No word from the proxy",
    glyph: "?",
    sentence: "It does not answer, so nothing on this page is current. Is “blindbox connect” running?",
  },
};
