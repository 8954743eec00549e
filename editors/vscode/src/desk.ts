// SPDX-License-Identifier: Apache-2.0
// Holes that wait to be filled: the latest of each document. Work for an earlier one is stopped unless what was typed since
// agrees with it. Knows nothing of the editor.
import {keepBegin, keepEnd, tidy} from './text';

export interface Extra {
  filename: string;
  text: string;
}

export interface Hole {
  prefix: string;
  suffix: string;
  extra: Extra[];
}

export interface Options {
  maxTokens: number;
  maxMs: number;
  singleLine: boolean;
}

export interface Settings {
  enabled: boolean;
  automatic: boolean;
  multiLine: boolean;
  debounceMs: number;
  maxTokens: number;
  maxMs: number;
  prefixBytes: number;
  suffixBytes: number;
  neighbourBytes: number;
}

export interface Filled {
  text: string;
  outOfTokens: boolean;
}

/** Fills a hole; onText hears each piece, the signal ends it with an error. */
export type Fill = (hole: Hole, options: Options, onText: (piece: string) => void, signal: AbortSignal) => Promise<Filled>;

/** One completion while it is made and after. */
export class Suggestion {
  text = '';
  finished = false;
  constructor(readonly before: string, readonly after: string) {}

  /** True when a hole there can be filled with this: what was typed since agrees, and some of it is or may be left. */
  fits(before: string, after: string): boolean {
    if (after !== this.after || !before.startsWith(this.before)) return false;
    const typed = before.slice(this.before.length);
    if (this.text.startsWith(typed)) return !this.finished || this.text.length > typed.length || typed === '';
    return !this.finished && typed.startsWith(this.text);
  }

  rest(before: string): string {
    return this.text.slice(before.length - this.before.length);
  }
}

export interface Wanted {
  key: string;
  before: string;
  after: string;
  automatic: boolean;
  extra: () => Promise<Extra[]>;
}

interface Slot {
  suggestion: Suggestion;
  abort: AbortController;
  /** Settles when the suggestion is finished, has failed or was stopped. */
  done: Promise<void>;
  /** Told when the text grows, so that whoever waits can see that it goes another way. */
  grown: Set<() => void>;
}

export class Desk {
  private readonly slots = new Map<string, Slot>();
  private latest = new Map<string, symbol>();

  constructor(private readonly fill: Fill, private readonly onOutcome: (error: unknown) => void) {}

  /** What belongs into the hole; '' where nothing does, where the signal has asked to stop, or where a later hole of the
   *  same key has taken its place. Never throws: failures go to onOutcome, undefined stands for success. */
  async want(wanted: Wanted, settings: Settings, signal: AbortSignal): Promise<string> {
    const me = Symbol();
    this.latest.set(wanted.key, me);
    const current = (): boolean => !signal.aborted && this.latest.get(wanted.key) === me;
    let slot = this.slots.get(wanted.key);
    if (!slot?.suggestion.fits(wanted.before, wanted.after)) {
      this.stop(wanted.key);
      if (wanted.automatic && settings.debounceMs > 0) await pause(settings.debounceMs, signal);
      if (!current()) return '';
      const extra = await wanted.extra();
      if (!current()) return '';
      slot = this.begin(wanted, extra, settings);
    }
    // Whoever asked gave up and nobody asked again: the work would be for nobody.
    const stopIfLast = (): void => {
      if (this.latest.get(wanted.key) === me && this.slots.get(wanted.key) === slot) this.stop(wanted.key);
    };
    const later = (): ReturnType<typeof setTimeout> => setTimeout(stopIfLast, kGrace);
    signal.addEventListener('abort', later, {once: true});
    await this.finished(slot, wanted, signal);
    signal.removeEventListener('abort', later);
    if (!current()) return '';
    if (slot.suggestion.fits(wanted.before, wanted.after)) {
      return slot.suggestion.finished ? slot.suggestion.rest(wanted.before) : '';
    }
    // It went another way than what was typed. A new one begins at this very hole, and so fits.
    if (this.slots.get(wanted.key) === slot || !slot.suggestion.finished) {
      this.stop(wanted.key);
      return this.want({...wanted, automatic: false}, settings, signal);
    }
    return '';
  }

  stop(key: string): void {
    const slot = this.slots.get(key);
    this.slots.delete(key);
    slot?.abort.abort();
  }

  stopAll(): void {
    for (const key of [...this.slots.keys()]) this.stop(key);
  }

  forget(key: string): void {
    this.stop(key);
    this.latest.delete(key);
  }

  private begin(wanted: Wanted, extra: Extra[], settings: Settings): Slot {
    const line = wanted.after.split(/\r|\n/, 1)[0] ?? '';
    const singleLine = !settings.multiLine || line.trim() !== '';
    const lineBegun = wanted.before.slice(wanted.before.lastIndexOf('\n') + 1).trim() !== '';
    const suggestion = new Suggestion(wanted.before, wanted.after);
    const abort = new AbortController();
    const slot: Slot = {suggestion, abort, grown: new Set(), done: Promise.resolve()};
    const hole = {
      prefix: keepEnd(wanted.before, settings.prefixBytes),
      suffix: keepBegin(wanted.after, settings.suffixBytes),
      extra,
    };
    const onText = (piece: string): void => {
      suggestion.text += piece;
      for (const tell of slot.grown) tell();
    };
    const {maxTokens, maxMs} = settings;
    slot.done = this.fill(hole, {maxTokens, maxMs, singleLine}, onText, abort.signal).then(
      (filled) => {
        suggestion.text = tidy({text: filled.text, singleLine, outOfTokens: filled.outOfTokens, lineBegun}, wanted.after);
        suggestion.finished = true;
        this.onOutcome(undefined);
      },
      (error: unknown) => {
        if (this.slots.get(wanted.key) === slot) this.slots.delete(wanted.key);
        if (abort.signal.aborted) return;
        suggestion.finished = true;
        suggestion.text = '';
        this.onOutcome(error);
      },
    );
    this.slots.set(wanted.key, slot);
    return slot;
  }

  // Until there is nothing to wait for: finished, stopped, or gone another way.
  private async finished(slot: Slot, wanted: Wanted, signal: AbortSignal): Promise<void> {
    if (slot.suggestion.finished || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const grown = (): void => {
        if (!slot.suggestion.fits(wanted.before, wanted.after)) end();
      };
      const end = (): void => {
        slot.grown.delete(grown);
        signal.removeEventListener('abort', end);
        resolve();
      };
      slot.grown.add(grown);
      signal.addEventListener('abort', end, {once: true});
      void slot.done.then(end);
    });
  }
}

/** An editor cancels a request before it sends the next one: for so long work goes on for nobody. */
const kGrace = 100;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, {once: true});
  });
}
