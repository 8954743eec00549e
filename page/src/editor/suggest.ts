// SPDX-License-Identifier: Apache-2.0
// When a suggestion is asked for, and when one under way is given up: a pause in typing asks, anything that no longer
// fits aborts, and with it the work in the enclave.
import { Prec, type Extension } from "@codemirror/state";
import { type EditorView, keymap, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { acceptAll, acceptWord, dismiss, ghostField, ghostOf, growGhost, setGhost } from "./ghost";
import { infill, type Told } from "./infill";

export type Progress =
  | { phase: "idle" }
  | { phase: "waiting" }
  | { phase: "streaming"; first_ms: number }
  | { phase: "done"; told: Told }
  | { phase: "failed"; message: string };

export interface Settings {
  pause_ms: number; // after the last keystroke
  tokens: number;
  server: () => string;
  enabled: () => boolean;
  onProgress: (progress: Progress) => void;
}

class Suggester {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: AbortController | undefined;

  constructor(
    private readonly view: EditorView,
    private readonly settings: Settings,
  ) {}

  update(update: ViewUpdate): void {
    const still = ghostOf(update.state) !== null;
    if (update.docChanged) {
      if (still) return; // typed along the suggestion: what is under way still fits
      this.giveUp();
      const typed = update.transactions.some((t) => t.isUserEvent("input.type") || t.isUserEvent("delete"));
      if (typed && this.settings.enabled()) this.timer = setTimeout(() => void this.ask(), this.settings.pause_ms);
    } else if (!still && (update.selectionSet || ghostOf(update.startState) !== null)) {
      this.giveUp();
    }
  }

  destroy(): void {
    this.giveUp();
  }

  async ask(): Promise<void> {
    this.giveUp();
    const { head, empty } = this.view.state.selection.main;
    if (!empty || !this.settings.enabled()) return;
    const running = new AbortController();
    this.running = running;
    const begin = performance.now();
    this.settings.onProgress({ phase: "waiting" });
    this.view.dispatch({ effects: setGhost.of({ at: head, text: "" }) });
    const doc = this.view.state.doc;
    let first = true;
    try {
      const server = this.settings.server();
      const asked = { server, prefix: doc.sliceString(0, head), suffix: doc.sliceString(head), tokens: this.settings.tokens };
      const told = await infill(asked, running.signal, (text) => {
        if (running.signal.aborted) return;
        if (first) this.settings.onProgress({ phase: "streaming", first_ms: performance.now() - begin });
        first = false;
        this.view.dispatch({ effects: growGhost.of(text) });
      });
      if (running.signal.aborted) return;
      this.running = undefined;
      this.settings.onProgress({ phase: "done", told });
    } catch (error) {
      if (running.signal.aborted) return;
      this.running = undefined;
      this.view.dispatch({ effects: setGhost.of(null) });
      this.settings.onProgress({ phase: "failed", message: error instanceof Error ? error.message : String(error) });
    }
  }

  private giveUp(): void {
    clearTimeout(this.timer);
    if (this.running === undefined) return;
    this.running.abort();
    this.running = undefined;
    this.settings.onProgress({ phase: "idle" });
  }
}

/** Tab accepts, Ctrl-Right accepts a word, Escape dismisses, Alt-\ asks at once. Without a suggestion Tab moves on. */
export function suggestions(settings: Settings): Extension {
  const plugin = ViewPlugin.define((view) => new Suggester(view, settings));
  const ask = (view: EditorView): boolean => {
    void view.plugin(plugin)?.ask();
    return true;
  };
  const keys = [
    { key: "Tab", run: acceptAll },
    { key: "Mod-ArrowRight", run: acceptWord },
    { key: "Escape", run: dismiss },
    { key: "Alt-\\", run: ask },
  ];
  return [ghostField, plugin, Prec.highest(keymap.of(keys))];
}
