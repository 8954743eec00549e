// SPDX-License-Identifier: Apache-2.0
// The proxy's interface for this page. Same origin only, nothing kept, no redirect followed.
import { ledger, ledgerEntry, status } from "./decode";
import type { Ledger, LedgerEntry, Status } from "./types";

const root = "/.blindbox/api/";
const patience = 10_000; // milliseconds

const common: RequestInit = { credentials: "same-origin", redirect: "error", cache: "no-store" };

async function get(path: string): Promise<unknown> {
  const answer = await fetch(root + path, { ...common, signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`the proxy answers ${answer.status} to ${path}`);
  return answer.json();
}

async function post(path: string, body: unknown): Promise<void> {
  const answer = await fetch(root + path, {
    ...common,
    method: "POST",
    headers: { "Content-Type": "application/json", "Blindbox-Page": "1" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  });
  if (!answer.ok) throw new Error(`the proxy answers ${answer.status} to ${path}`);
}

export async function fetchStatus(): Promise<Status> {
  const value = status(await get("status"));
  if (value === null) throw new Error("the proxy's status is not one");
  return value;
}

export async function fetchLedger(limit: number, before?: string): Promise<Ledger> {
  const since = before === undefined ? "" : `&before=${encodeURIComponent(before)}`;
  const value = ledger(await get(`ledger?limit=${limit}${since}`));
  if (value === null) throw new Error("the proxy's ledger is not one");
  return value;
}

export const setPaused = (paused: boolean): Promise<void> => post("pause", { paused });
export const attestAgain = (): Promise<void> => post("attest", {});

export interface Listener {
  onStatus: (value: Status) => void;
  onEntry: (value: LedgerEntry) => void;
  onLive: (live: boolean) => void;
}

function parsed(event: Event): unknown {
  try {
    return JSON.parse((event as MessageEvent<string>).data) as unknown;
  } catch {
    return null;
  }
}

/** Follows the proxy until the function that comes back is called. */
export function follow(listener: Listener): () => void {
  const source = new EventSource(`${root}events`);
  let over = false;
  // A stream that hangs looks like one with nothing to tell, so the status is asked for now and then as well.
  const ask = async (): Promise<void> => {
    try {
      const value = await fetchStatus();
      if (over) return;
      listener.onStatus(value);
      listener.onLive(true);
    } catch {
      if (!over) listener.onLive(false);
    }
  };
  source.addEventListener("open", () => void ask());
  source.addEventListener("error", () => void ask());
  source.addEventListener("status", (event) => {
    const value = status(parsed(event));
    if (value === null) return;
    listener.onStatus(value);
    listener.onLive(true);
  });
  source.addEventListener("ledger", (event) => {
    const value = parsed(event);
    if (value !== null) listener.onEntry(ledgerEntry(value));
  });
  const timer = setInterval(() => void ask(), 15_000);
  void ask();
  return () => {
    over = true;
    clearInterval(timer);
    source.close();
  };
}
