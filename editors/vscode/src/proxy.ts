// SPDX-License-Identifier: Apache-2.0
// The loopback proxy, as HTTP: POST /infill, and the proxy's own status. Nothing here reaches another machine.
import * as http from 'node:http';
import {isIPv4} from 'node:net';
import type {Fill} from './desk';
import type {Ledger, Status} from './status';

const kAnswerCap = 4 << 20;
const kEventCap = 8 << 20;

/** What the proxy or the server behind it said went wrong; type is its own word for it. */
export class ProxyError extends Error {
  constructor(message: string, readonly type: string, readonly status: number) {
    super(message);
  }
}

/** The address, if it is one of this machine alone: what goes there is in clear. */
export function parseProxy(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(`"${text}" is no address; write http://127.0.0.1:8765`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const local = host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
  if (url.protocol !== 'http:' || !local) {
    throw new Error(`"${text}" is not on this machine: code goes in clear to the proxy; write http://127.0.0.1:8765`);
  }
  return url;
}

/** Server-sent events: pieces of a body in, whole events out (HTML, 9.2.6). */
export class EventStream {
  private rest = '';
  private event = '';
  private data: string[] = [];

  feed(piece: string): {event: string; data: string}[] {
    const events: {event: string; data: string}[] = [];
    this.rest += piece;
    if (this.rest.length > kEventCap) throw new ProxyError('the stream of events has a line without an end', 'limit', 0);
    const lines = this.rest.split('\n');
    this.rest = lines.pop() ?? '';
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (this.data.length > 0) events.push({event: this.event || 'message', data: this.data.join('\n')});
        this.event = '';
        this.data = [];
      } else if (line.startsWith('data:')) {
        this.data.push(line.slice(5).replace(/^ /, ''));
      } else if (line.startsWith('event:')) {
        this.event = line.slice(6).trim();
      }
    }
    return events;
  }
}

function errorOf(status: number, body: string): ProxyError {
  try {
    const {error} = JSON.parse(body) as {error?: {message?: unknown; type?: unknown}};
    if (typeof error?.message === 'string') return new ProxyError(error.message, String(error.type ?? ''), status);
  } catch {
    // No error of ours: told below.
  }
  return new ProxyError(`the proxy answered with status ${status}`, '', status);
}

export class Proxy {
  constructor(readonly url: URL, private readonly token = '') {}

  readonly fill: Fill = async (hole, options, onText, signal) => {
    const body: Record<string, unknown> = {
      input_prefix: hole.prefix, input_suffix: hole.suffix, n_predict: options.maxTokens, temperature: 0,
      cache_prompt: true, stream: true,
    };
    if (hole.extra.length > 0) body['input_extra'] = hole.extra;
    if (options.singleLine) body['stop'] = ['\n'];
    if (options.maxMs > 0) body['t_max_predict_ms'] = options.maxMs;
    const events = new EventStream();
    const filled = {text: '', outOfTokens: false};
    let complete = false;
    const verdict = await this.request('POST', '/infill', JSON.stringify(body), signal, (piece) => {
      for (const {data} of events.feed(piece)) {
        const event = JSON.parse(data) as {content?: unknown; stop?: unknown; stop_type?: unknown; error?: unknown};
        if (event.error !== undefined) throw errorOf(200, data);
        const text = typeof event.content === 'string' ? event.content : '';
        filled.text += text;
        if (filled.text.length > kAnswerCap) throw new ProxyError('the answer does not end', 'limit', 200);
        if (event.stop === true) {
          complete = true;
          filled.outOfTokens = event.stop_type === 'limit';
        }
        if (text !== '') onText(text);
      }
    });
    if (!complete) throw new ProxyError('the completion was cut off', 'server_failed', 200);
    this.onVerdict?.(verdict);
    return filled;
  };

  /** Hears what each answer came through: the proxy's own words. */
  onVerdict?: (verdict: string) => void;

  async status(signal: AbortSignal): Promise<Status> {
    return JSON.parse(await this.text('GET', '/.blindbox/api/status', '', signal)) as Status;
  }

  async ledger(signal: AbortSignal): Promise<Ledger> {
    return JSON.parse(await this.text('GET', '/.blindbox/api/ledger?limit=200', '', signal)) as Ledger;
  }

  async pause(paused: boolean, signal: AbortSignal): Promise<void> {
    await this.text('POST', '/.blindbox/api/pause', JSON.stringify({paused}), signal);
  }

  async attest(signal: AbortSignal): Promise<void> {
    await this.text('POST', '/.blindbox/api/attest', '{}', signal);
  }

  /** For proxies without a status of their own: what an answer says that it came through. */
  async probe(signal: AbortSignal): Promise<string> {
    return this.request('GET', '/health', '', signal, () => undefined);
  }

  /** Each new status, until the connection ends. */
  async watch(onStatus: (status: Status) => void, signal: AbortSignal): Promise<void> {
    const events = new EventStream();
    await this.request('GET', '/.blindbox/api/events', '', signal, (piece) => {
      for (const {event, data} of events.feed(piece)) if (event === 'status') onStatus(JSON.parse(data) as Status);
    });
  }

  private async text(method: string, path: string, body: string, signal: AbortSignal): Promise<string> {
    let text = '';
    await this.request(method, path, body, signal, (piece) => {
      text += piece;
      if (text.length > kEventCap) throw new ProxyError('the answer does not end', 'limit', 200);
    });
    return text;
  }

  // The Blindbox-Verdict of the answer, after its body has gone to onPiece.
  private request(method: string, path: string, body: string, signal: AbortSignal,
                  onPiece: (piece: string) => void): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = {'Blindbox-Page': '1'};
      if (body !== '') headers['Content-Type'] = 'application/json';
      if (body !== '') headers['Content-Length'] = String(Buffer.byteLength(body));
      if (this.token !== '') headers['Authorization'] = `Bearer ${this.token}`;
      const host = this.url.hostname.replace(/^\[|\]$/g, '');
      // No agent: nothing that the environment says of proxies applies to this machine's own.
      const request = http.request({host, port: this.url.port || 80, method, path, headers, signal, agent: false});
      request.on('error', reject);
      request.on('response', (answer) => {
        answer.setEncoding('utf8');
        let refused = '';
        answer.on('data', (piece: string) => {
          try {
            if (answer.statusCode === 200) onPiece(piece);
            else if (refused.length < 65536) refused += piece;
          } catch (error) {
            request.destroy();
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode !== 200) reject(errorOf(answer.statusCode ?? 0, refused));
          else resolve(String(answer.headers['blindbox-verdict'] ?? ''));
        });
        answer.on('close', () => reject(new ProxyError('the completion was cut off', 'server_failed', 200)));
      });
      request.end(body);
    });
  }
}
