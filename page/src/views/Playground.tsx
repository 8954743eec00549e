// SPDX-License-Identifier: Apache-2.0
// An editor to try the model in, over the same path as everybody's editor.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Editor } from "../editor/editor";
import type { Progress } from "../editor/suggest";
import type { Standing } from "../data/standing";
import { milliseconds, visible } from "../text";

const sample = `import json


def read_settings(path):
    """Return the settings of a JSON file, or an empty dictionary."""
    `;

function Latency({ progress }: { progress: Progress }) {
  switch (progress.phase) {
    case "idle":
      return <span class="soft">waiting for you to type</span>;
    case "waiting":
      return <span>asking the enclave…</span>;
    case "streaming":
      return <span>first text after {milliseconds(progress.first_ms)}, more is coming…</span>;
    case "failed":
      return <span class="bad">no completion: {visible(progress.message)}</span>;
    case "done": {
      const { told } = progress;
      const rate = told.total_ms > 0 ? Math.round((told.tokens * 1000) / told.total_ms) : 0;
      return (
        <span>
          first text {told.first_ms === null ? "none" : milliseconds(told.first_ms)}, all {milliseconds(told.total_ms)}, {told.tokens} tokens
          {rate > 0 ? `, ${rate} a second` : ""}
        </span>
      );
    }
  }
}

interface Props {
  server: string;
  standing: Standing;
  model: string;
}

export function Playground({ server, standing, model }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const allowed = useRef(false);
  const chosen = useRef(server);
  const [names, setNames] = useState<string[]>([]);
  const [progress, setProgress] = useState<Progress>({ phase: "idle" });
  const [ghost, setGhost] = useState("");
  const [failed, setFailed] = useState("");
  const open = standing === "accepted" || standing === "emulated";
  useEffect(() => {
    allowed.current = open;
    chosen.current = server;
  }, [open, server]);
  useEffect(() => {
    let over = false;
    const load = async (): Promise<void> => {
      try {
        const module = await import("../editor/editor");
        if (over || host.current === null) return;
        setNames(module.languageNames);
        editor.current = module.openEditor(host.current, sample, {
          pause_ms: 200,
          tokens: 64,
          server: () => chosen.current,
          enabled: () => allowed.current,
          onProgress: setProgress,
          onGhost: setGhost,
        });
      } catch {
        setFailed("the editor could not be loaded from the proxy");
      }
    };
    void load();
    return () => {
      over = true;
      editor.current?.destroy();
      editor.current = null;
    };
  }, []);
  const answered = progress.phase === "done" && progress.told.model !== "" ? progress.told.model : model;
  return (
    <section aria-labelledby="playground-heading">
      <h2 id="playground-heading">Playground</h2>
      {!open && <p class="problem">Nothing is sent in this state, so there are no completions.</p>}
      {standing === "emulated" && <p class="problem warning">Emulated, not a TEE: type nothing here that you would not show the server's owner.</p>}
      {failed !== "" && <p class="problem">{failed}</p>}
      <div class="tools">
        <label>
          Language{" "}
          <select
            onChange={(event) => {
              editor.current?.setLanguage(event.currentTarget.value);
            }}
          >
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <span class="soft" id="playground-keys">
          <kbd>Tab</kbd> accepts, <kbd>Ctrl</kbd> <kbd>→</kbd> a word, <kbd>Esc</kbd> dismisses, <kbd>Alt</kbd> <kbd>\</kbd> asks at once
        </span>
      </div>
      <div class="editor" ref={host} />
      <div class="readout">
        <span>
          <span class="label">Model</span> {visible(answered) || "not told"}
        </span>
        <span id="latency">
          <span class="label">Latency</span> <Latency progress={progress} />
        </span>
      </div>
      <p class="sr" role="status">
        {progress.phase === "done" && ghost !== "" ? `Suggestion: ${ghost}` : ""}
      </p>
    </section>
  );
}
