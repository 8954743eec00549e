// SPDX-License-Identifier: Apache-2.0
// What left this machine: one line a request, never its content.
import { useState } from "preact/hooks";
import type { LedgerEntry, Sums } from "../data/types";
import { bytes, clockTime, day, visible } from "../text";
import { Choice, Hash, Search } from "./parts";

export type Shown = "all" | "sent" | "refused" | "findings";

export function wasRefused(entry: LedgerEntry): boolean {
  return entry.outcome === "refused" || entry.outcome === "blocked";
}

export function listed(entries: LedgerEntry[], shown: Shown, text: string): LedgerEntry[] {
  const wanted = text.trim().toLowerCase().split(/\s+/);
  return entries.filter((entry) => {
    if (shown === "refused" && !wasRefused(entry)) return false;
    if (shown === "sent" && wasRefused(entry)) return false;
    if (shown === "findings" && entry.findings.length === 0) return false;
    const all = [entry.time, entry.server, entry.method, entry.path, entry.outcome, entry.sha256, entry.verdict, String(entry.status)];
    const haystack = [...all, ...entry.findings].join("\n").toLowerCase();
    return wanted.every((word) => haystack.includes(word));
  });
}

interface Props {
  entries: LedgerEntry[];
  sums: Sums;
  error: string;
  more: boolean;
  onMore: () => void;
}

function Row({ entry }: { entry: LedgerEntry }) {
  return (
    <tr class={wasRefused(entry) ? "refused" : ""}>
      <th scope="row" title={visible(entry.time)}>
        <time dateTime={visible(entry.time)}>
          <span class="soft">{day(entry.time)}</span> {clockTime(entry.time)}
        </time>
      </th>
      <td data-label="Request" class="mono">
        {visible(entry.method)} {visible(entry.path)}
      </td>
      <td data-label="Server">{visible(entry.server)}</td>
      <td data-label="Outcome">
        {visible(entry.outcome)} {entry.status > 0 && <span class="soft">{entry.status}</span>}
        {entry.findings.map((rule) => (
          <span key={rule} class="tag finding">
            {visible(rule)}
          </span>
        ))}
      </td>
      <td data-label="Out" class="number">
        {bytes(entry.bytes_out)}
      </td>
      <td data-label="In" class="number">
        {bytes(entry.bytes_in)}
      </td>
      <td data-label="Body">
        <Hash value={entry.sha256} />
      </td>
    </tr>
  );
}

export function LedgerView({ entries, sums, error, more, onMore }: Props) {
  const [shown, setShown] = useState<Shown>("all");
  const [text, setText] = useState("");
  const rows = listed(entries, shown, text);
  return (
    <section aria-labelledby="ledger-heading">
      <h2 id="ledger-heading">What left this machine</h2>
      <p class="lead">One line for each request. Bodies are never kept, only their SHA-256.</p>
      <dl class="sums">
        <div>
          <dt>Requests</dt>
          <dd>{sums.requests}</dd>
        </div>
        <div>
          <dt>Sent</dt>
          <dd>{bytes(sums.bytes_out)}</dd>
        </div>
        <div>
          <dt>Received</dt>
          <dd>{bytes(sums.bytes_in)}</dd>
        </div>
        <div>
          <dt>Refused</dt>
          <dd>{sums.refused}</dd>
        </div>
      </dl>
      <div class="tools">
        <Choice
          label="Which requests"
          chosen={shown}
          onChoose={setShown}
          options={[
            { value: "all", text: "All" },
            { value: "sent", text: "Sent" },
            { value: "refused", text: "Refused" },
            { value: "findings", text: "With secrets" },
          ]}
        />
        <Search label="Filter the ledger" value={text} onValue={setText} />
      </div>
      {error !== "" && <p class="problem">{error}</p>}
      {rows.length === 0 ? (
        <p class="empty">{entries.length === 0 ? "No request has gone through yet." : "No request matches."}</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Ledger">
          <table class="stack ledger">
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Request</th>
                <th scope="col">Server</th>
                <th scope="col">Outcome</th>
                <th scope="col" class="number">
                  Out
                </th>
                <th scope="col" class="number">
                  In
                </th>
                <th scope="col">SHA-256 of the body</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((entry) => (
                <Row key={`${entry.time} ${entry.id}`} entry={entry} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more && (
        <button type="button" class="plain" onClick={onMore}>
          Earlier requests
        </button>
      )}
    </section>
  );
}
