// SPDX-License-Identifier: Apache-2.0
// Keeps looking at the proxy, so that the shield is never older than a moment: events where the proxy has them, questions
// where it has none.
import {Proxy, ProxyError} from './proxy';
import {knownFromError, type Known} from './status';

const kFirst = 500;
const kMost = 5_000;

export class Watcher {
  known: Known = {kind: 'unknown'};
  private readonly stopped = new AbortController();
  private wake: (() => void) | undefined;
  private hasStatus = true;

  constructor(private readonly proxy: Proxy, private readonly onKnown: (known: Known) => void) {
    void this.run();
  }

  dispose(): void {
    this.stopped.abort();
    this.wake?.();
  }

  /** Looks again at once. */
  refresh(): void {
    this.wake?.();
  }

  /** What an answer said that it came through, and why a request failed: the quickest news there is. */
  heard(verdict: string): void {
    if (!this.hasStatus) this.set({kind: 'verdict', verdict});
  }
  failed(error: unknown): void {
    const known = error instanceof ProxyError ? knownFromError(error.type, error.message) : undefined;
    if (known && !this.hasStatus) this.set(known);
    this.refresh();
  }

  private set(known: Known): void {
    if (this.stopped.signal.aborted) return;
    this.known = known;
    this.onKnown(known);
  }

  private async run(): Promise<void> {
    let pause = kFirst;
    while (!this.stopped.signal.aborted) {
      const well = await this.look();
      pause = well ? kFirst : Math.min(pause * 2, kMost);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.hasStatus ? pause : kMost / 2);
        this.wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = undefined;
    }
  }

  // True when the proxy was there.
  private async look(): Promise<boolean> {
    const {signal} = this.stopped;
    try {
      this.set({kind: 'status', status: await this.proxy.status(AbortSignal.any([signal, AbortSignal.timeout(10_000)]))});
      this.hasStatus = true;
      await this.proxy.watch((status) => this.set({kind: 'status', status}), signal);
      return true;
    } catch (error) {
      if (error instanceof ProxyError && error.status === 404) return this.probe();
      // A stream of events that broke off says nothing yet: the next look does.
      if (error instanceof ProxyError && this.known.kind === 'status' && error.type === 'server_failed') return true;
      this.set({kind: 'unreachable', why: error instanceof Error ? error.message : String(error)});
      return false;
    }
  }

  private async probe(): Promise<boolean> {
    this.hasStatus = false;
    try {
      this.set({kind: 'verdict', verdict: await this.proxy.probe(AbortSignal.any([this.stopped.signal, AbortSignal.timeout(10_000)]))});
      return true;
    } catch (error) {
      const known = error instanceof ProxyError ? knownFromError(error.type, error.message) : undefined;
      this.set(known ?? {kind: 'unreachable', why: error instanceof Error ? error.message : String(error)});
      return known !== undefined;
    }
  }
}
