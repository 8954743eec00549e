// SPDX-License-Identifier: Apache-2.0
// What the shield learns, and when, over real sockets.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import * as http from 'node:http';
import type {AddressInfo} from 'node:net';
import {test, type TestContext} from 'node:test';
import {Proxy, ProxyError} from '../src/proxy';
import {makeShield, type Known} from '../src/status';
import {Watcher} from '../src/watcher';

class Watched {
  private readonly waiting: (() => void)[] = [];
  seen: Known[] = [];
  watcher!: Watcher;

  async begin(t: TestContext, handler: http.RequestListener): Promise<http.Server> {
    const server = http.createServer(handler).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new Proxy(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    this.watcher = new Watcher(proxy, (known) => {
      this.seen.push(known);
      for (const tell of this.waiting.splice(0)) tell();
    });
    t.after(() => {
      this.watcher.dispose();
      server.closeAllConnections();
      server.close();
    });
    return server;
  }
  async until(text: RegExp): Promise<void> {
    while (!text.test(makeShield(this.watcher.known).text)) await new Promise<void>((tell) => this.waiting.push(tell));
  }
}

const status = (state: string): string => JSON.stringify({
  version: '1', proxy: {listen: '127.0.0.1:1', paused: false},
  servers: [{name: 'home', url: 'https://h', state, emulated: false, verdict: null, error: null}],
});

test('the shield follows the proxy\'s events, and its end', async (t) => {
  const watched = new Watched();
  let events: http.ServerResponse | undefined;
  const server = await watched.begin(t, (request, answer) => {
    if (request.url === '/.blindbox/api/status') return void answer.end(status('accepted'));
    assert.equal(request.url, '/.blindbox/api/events');
    events = answer;
    answer.writeHead(200, {'Content-Type': 'text/event-stream'}).write(': begun\n\n');
  });
  await watched.until(/verified/);
  while (!events) await new Promise(setImmediate);
  events.write(`event: status\ndata: ${status('refused')}\n\nevent: ledger\ndata: {}\n\n`);
  await watched.until(/REFUSED/);
  server.close();
  server.closeAllConnections();
  await watched.until(/no proxy/);
});

test('a proxy without a status is known by its answers', async (t) => {
  const watched = new Watched();
  let refused = false;
  await watched.begin(t, (request, answer) => {
    if (request.url !== '/health') return void answer.writeHead(404).end('{}');
    if (refused) return void answer.writeHead(502).end('{"error":{"message":"no","type":"evidence_not_acceptable"}}');
    answer.writeHead(200, {'Blindbox-Verdict': 'accepted; EMULATED, NOT A TEE'}).end('{}');
  });
  await watched.until(/EMULATED/);
  refused = true;
  watched.watcher.failed(new ProxyError('sev_snp.measurement: no', 'evidence_not_acceptable', 502));
  await watched.until(/REFUSED/);
});
