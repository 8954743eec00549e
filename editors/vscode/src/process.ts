// SPDX-License-Identifier: Apache-2.0
// "blindbox connect" as a child of this window, where none runs.
import {spawn, type ChildProcess} from 'node:child_process';

export interface Start {
  path: string;
  server: string;
  policy: string;
  listen: string;
}

/** The arguments of "blindbox connect"; undefined where no server is named. */
export function connectArguments(start: Start): string[] | undefined {
  const server = start.server.trim();
  // A name that begins with a dash would be an option.
  if (server === '' || server.startsWith('-')) return undefined;
  const policy = start.policy.trim() === '' ? [] : [`--policy=${start.policy.trim()}`];
  return ['connect', server, ...policy, `--listen=${start.listen}`];
}

const kLastWords = 4096;
const kPatience = 60_000;  // the first verdict may have to fetch certificates

export class ProxyProcess {
  private child: ChildProcess | undefined;

  constructor(private readonly log: (line: string) => void, private readonly onEnd: (why: string) => void) {}

  running(): boolean {
    return this.child !== undefined;
  }

  /** Resolves when it listens; rejects with what it said where it ends before. */
  start(start: Start): Promise<void> {
    const wanted = connectArguments(start);
    if (!wanted) return Promise.reject(new Error('no server is named: set "blindbox.server"'));
    if (this.child) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const child = spawn(start.path, wanted, {stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true});
      this.child = child;
      let said = '';
      let ready = false;
      const timer = setTimeout(() => {
        this.stop();
        reject(new Error('"blindbox connect" says nothing'));
      }, kPatience);
      const hear = (piece: string): void => {
        said = (said + piece).slice(-kLastWords);
        this.log(piece.trimEnd());
        if (!ready && /^ready: /m.test(said)) {
          ready = true;
          clearTimeout(timer);
          resolve();
        }
      };
      for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', hear);
      child.on('error', (error) => this.ended(child, timer, ready, reject, `cannot start "${start.path}": ${error.message}`));
      child.on('close', (code) => {
        const words = said.split('\n').filter((line) => /^(blindbox: |  )/.test(line)).join('\n').trim();
        this.ended(child, timer, ready, reject, words || `"blindbox connect" ended with status ${code ?? 'of a signal'}`);
      });
    });
  }

  stop(): void {
    this.child?.kill('SIGTERM');
  }

  private ended(child: ChildProcess, timer: NodeJS.Timeout, ready: boolean, reject: (error: Error) => void, why: string): void {
    if (this.child !== child) return;
    clearTimeout(timer);
    this.child = undefined;
    if (ready) this.onEnd(why);
    else reject(new Error(why));
  }
}
