// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { attestAgain, fetchLedger, follow, setPaused } from "./data/api";
import { type Standing, standing, words } from "./data/standing";
import type { LedgerEntry, Server, Status, Sums } from "./data/types";
import { Banner } from "./views/Banner";
import { Chain } from "./views/Chain";
import { LedgerView } from "./views/Ledger";
import { Playground } from "./views/Playground";
import { Traffic } from "./views/Traffic";
import { VerdictView } from "./views/Verdict";
import { ThemeSwitch } from "./views/Theme";
import { visible } from "./text";

const views = [
  { id: "verdict", title: "Verdict" },
  { id: "chain", title: "Chain" },
  { id: "traffic", title: "Traffic" },
  { id: "ledger", title: "Ledger" },
  { id: "playground", title: "Playground" },
] as const;
type View = (typeof views)[number]["id"];

const ledgerPage = 200;
const ledgerCap = 2000; // entries kept here; older ones come again on request

function place(): { view: View; server: string } {
  const [view = "", server = ""] = location.hash.slice(1).split("/");
  let name = "";
  try {
    name = decodeURIComponent(server);
  } catch {
    // somebody's broken link: the first server
  }
  return { view: views.find((v) => v.id === view)?.id ?? "verdict", server: name };
}

const link = (view: View, server: string): string => `#${view}/${encodeURIComponent(server)}`;
const none: Sums = { requests: 0, bytes_out: 0, bytes_in: 0, refused: 0 };

// The proxy counts time in seconds, so a page may repeat the end of the one before it.
function merged(had: LedgerEntry[], more: LedgerEntry[]): LedgerEntry[] {
  const known = new Set(had.map((e) => e.time + e.id));
  return [...had, ...more.filter((e) => !known.has(e.time + e.id))].slice(0, ledgerCap);
}

function useLedger() {
  const [entries, setEntries] = useState<LedgerEntry[]>([]);
  const [sums, setSums] = useState<Sums>(none);
  const [more, setMore] = useState(false);
  const [error, setError] = useState("");
  const load = useCallback(async (before?: string): Promise<void> => {
    try {
      const got = await fetchLedger(ledgerPage, before);
      setEntries((had) => merged(before === undefined ? [] : had, got.entries));
      setSums(got.sums);
      setMore(got.entries.length === ledgerPage);
      setError("");
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  }, []);
  const add = useCallback((entry: LedgerEntry) => {
    setEntries((had) => (had.some((e) => e.id === entry.id && e.time === entry.time) ? had : [entry, ...had].slice(0, ledgerCap)));
    setSums((s) => ({
      requests: s.requests + 1,
      bytes_out: s.bytes_out + entry.bytes_out,
      bytes_in: s.bytes_in + entry.bytes_in,
      refused: s.refused + Number(entry.outcome === "refused" || entry.outcome === "blocked"),
    }));
  }, []);
  return { entries, sums, more, error, load, add };
}

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return now;
}

function Servers(props: { status: Status; chosen: string; view: View; standingOf: (server: Server) => Standing }) {
  if (props.status.servers.length < 2) return null;
  return (
    <nav class="servers" aria-label="Servers">
      {props.status.servers.map((server) => {
        const state = props.standingOf(server);
        return (
          <a
            key={server.name}
            class={`server ${state}`}
            href={link(props.view, server.name)}
            aria-current={server.name === props.chosen ? "true" : undefined}
          >
            <span class="glyph" aria-hidden="true">
              {words[state].glyph}
            </span>
            <b>{visible(server.name)}</b> <span class="server-state">{words[state].title}</span>
          </a>
        );
      })}
    </nav>
  );
}

function Actions({ status, live }: { status: Status | null; live: boolean }) {
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  // Not "disabled" meanwhile: that would take the focus away.
  const run = async (what: () => Promise<void>, done: string): Promise<void> => {
    if (busy) return;
    setBusy(true);
    try {
      await what();
      setSaid(done);
    } catch (cause) {
      setSaid(cause instanceof Error ? cause.message : String(cause));
    }
    setBusy(false);
  };
  const paused = status?.paused === true;
  return (
    <div class="actions">
      <button type="button" disabled={!live} aria-disabled={busy} onClick={() => void run(attestAgain, "asked for new evidence")}>
        Verify again
      </button>
      <button
        type="button"
        disabled={!live} aria-disabled={busy}
        onClick={() => void run(() => setPaused(!paused), paused ? "resumed" : "paused")}
      >
        {paused ? "Resume" : "Pause"}
      </button>
      <ThemeSwitch />
      <span class="said soft" role="status">
        {said}
      </span>
    </div>
  );
}

export function App() {
  const [status, setStatus] = useState<Status | null>(null);
  const [live, setLive] = useState(false);
  const [tried, setTried] = useState(false);
  const [at, setAt] = useState(place);
  const now = useNow();
  const { load, add, ...book } = useLedger();
  useEffect(() => {
    void load();
    return follow({
      onStatus: setStatus,
      onEntry: add,
      onLive: (answers) => {
        setLive(answers);
        setTried(true);
      },
    });
  }, [load, add]);
  useEffect(() => {
    const moved = (): void => {
      setAt(place());
    };
    addEventListener("hashchange", moved);
    return () => {
      removeEventListener("hashchange", moved);
    };
  }, []);
  const paused = status?.paused === true;
  const standingOf = useMemo(() => (s: Server) => standing(s, live, paused), [live, paused]);
  const server = status?.servers.find((s) => s.name === at.server) ?? status?.servers[0];
  const state = server === undefined ? null : standingOf(server);
  useEffect(() => {
    document.title = server && state ? `${words[state].glyph} ${words[state].title}: ${visible(server.name)} · BlindBox` : "BlindBox";
  }, [server, state]);
  return (
    <>
      <a class="skip" href="#content" onClick={(event) => {
        event.preventDefault();
        document.getElementById("content")?.focus();
      }}>
        Skip to the content
      </a>
      <header class="top">
        <p class="mark">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect x="2" y="2" width="28" height="28" rx="4" />
            <path d="M8 16h16" />
          </svg>
          BlindBox <span class="soft">{visible(status?.version ?? "")}</span>
        </p>
        <Actions status={status} live={live} />
      </header>
      <main id="content" tabIndex={-1}>
        {server === undefined || state === null || status === null ? (
          <section class={tried && !live ? "banner silent" : "banner connecting"}>
            <div class="banner-words">
              <h1>{tried ? (live ? "No server" : words.silent.title) : "Asking the proxy"}</h1>
              <p class="banner-sentence">{tried ? (live ? "This proxy was told of no server." : words.silent.sentence) : "One moment."}</p>
            </div>
          </section>
        ) : (
          <>
            <Servers status={status} chosen={server.name} view={at.view} standingOf={standingOf} />
            <Banner server={server} standing={state} now={now} />
            <nav class="views" aria-label="Views">
              {views.map((view) => (
                <a key={view.id} href={link(view.id, server.name)} aria-current={view.id === at.view ? "page" : undefined}>
                  {view.title}
                </a>
              ))}
            </nav>
            <div class="view">
              {at.view === "verdict" && <VerdictView key={server.name} server={server} />}
              {at.view === "chain" && <Chain server={server} />}
              {at.view === "traffic" && <Traffic status={status} standingOf={standingOf} now={now} />}
              {at.view === "ledger" && (
                <LedgerView {...book} onMore={() => void load(book.entries.at(-1)?.time)} />
              )}
              {at.view === "playground" && <Playground server={server.name} standing={state} model={server.model.id} />}
            </div>
          </>
        )}
      </main>
      <footer class="foot soft">
        This page comes out of the proxy at <code>{visible(status?.listen ?? location.host)}</code> and asks nobody else.
      </footer>
    </>
  );
}
