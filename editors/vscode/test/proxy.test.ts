// SPDX-License-Identifier: Apache-2.0
// Over real sockets, and with real processes.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import * as fs from 'node:fs/promises';
import * as http from 'node:http';
import type {AddressInfo} from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import {test, type TestContext} from 'node:test';
import {IgnoreFiles} from '../src/ignore';
import {connectArguments, ProxyProcess} from '../src/process';
import {EventStream, parseProxy, Proxy, ProxyError} from '../src/proxy';

async function serve(t: TestContext, handler: http.RequestListener): Promise<Proxy> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Proxy(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), 'secret');
}
const kHole = {prefix: 'a', suffix: 'b', extra: [{filename: 'f', text: 't'}]};
const kOptions = {maxTokens: 5, maxMs: 7, singleLine: true};
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

test('a hole is filled piece by piece', async (t) => {
  let asked: Record<string, unknown> = {};
  const proxy = await serve(t, (request, answer) => {
    let body = '';
    request.on('data', (piece) => (body += piece)).on('end', () => {
      asked = {...JSON.parse(body), token: request.headers.authorization};
      answer.setHeader('Blindbox-Verdict', 'accepted');
      answer.end(event({content: 'x'}) + event({content: 'é', stop: true, stop_type: 'limit'}));
    });
  });
  let verdict = '';
  proxy.onVerdict = (heard): string => (verdict = heard);
  const pieces: string[] = [];
  const filled = await proxy.fill(kHole, kOptions, (piece) => pieces.push(piece), new AbortController().signal);
  assert.deepEqual(filled, {text: 'xé', outOfTokens: true});
  assert.deepEqual(pieces, ['x', 'é']);
  assert.equal(verdict, 'accepted');
  assert.deepEqual([asked['input_prefix'], asked['input_suffix'], asked['stop'], asked['t_max_predict_ms'], asked['token']],
                   ['a', 'b', ['\n'], 7, 'Bearer secret']);
});

test('errors keep the server\'s words', async (t) => {
  const bodies: [number, string, RegExp][] = [
    [502, '{"error":{"message":"sev_snp.measurement: no","type":"evidence_not_acceptable"}}', /measurement/],
    [500, 'oops', /status 500/], [200, event({error: {message: 'busy', type: 'x'}}), /busy/],
    [200, event({content: 'half'}), /cut off/], [200, 'data: {no json\n\n', /JSON/],
  ];
  for (const [status, body, message] of bodies) {
    const proxy = await serve(t, (_, answer) => answer.writeHead(status).end(body));
    await assert.rejects(proxy.fill(kHole, kOptions, () => undefined, new AbortController().signal), message);
  }
});

test('to abort closes the connection', async (t) => {
  let leave = (): void => undefined;
  const gone = new Promise<void>((resolve) => (leave = resolve));
  const proxy = await serve(t, (request, answer) => {
    answer.on('close', leave);
    answer.write(event({content: 'x'}));
    request.resume();
  });
  const abort = new AbortController();
  await assert.rejects(proxy.fill(kHole, kOptions, () => abort.abort(), abort.signal));
  await gone;
});

test('only this machine is a proxy', () => {
  for (const good of ['http://127.0.0.1:8765', 'http://localhost:1', 'http://[::1]:2', 'http://127.9.9.9']) parseProxy(good);
  for (const bad of ['', 'x', 'https://127.0.0.1:1', 'http://10.0.0.1:1', 'http://127.0.0.1.example.com', 'http://0.0.0.0:1']) {
    assert.throws(() => parseProxy(bad), /write http:/);
  }
});

test('events come in pieces', () => {
  const events = new EventStream();
  const all = [...'event: status\r\ndata: a\ndata:b\n\n: ping\n\ndata: c\n\n'].flatMap((c) => events.feed(c));
  assert.deepEqual(all, [{event: 'status', data: 'a\nb'}, {event: 'message', data: 'c'}]);
  assert.throws(() => new EventStream().feed('x'.repeat((8 << 20) + 1)), ProxyError);
});

test('ignored files do not leave, under any name', async (t) => {
  const folder = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'bb-ignore-')));
  t.after(() => fs.rm(folder, {recursive: true}));
  await fs.mkdir(path.join(folder, 'sub/secrets'), {recursive: true});
  const write = (name: string, text: string): Promise<void> => fs.writeFile(path.join(folder, name), text);
  await write('.blindboxignore', '*.env\nsecrets/\n!keep.env\n');
  await write('sub/.blindboxignore', '!sub.env\n');
  await write('a.env', '');
  await fs.symlink('a.env', path.join(folder, 'innocent.py'));
  const files = new IgnoreFiles();
  const may = async (name: string): Promise<boolean> => files.mayLeave(path.join(folder, name));
  assert.deepEqual(await Promise.all(['a.py', 'a.env', 'keep.env', 'sub/b.env', 'sub/sub.env', 'sub/secrets/x', 'innocent.py'].map(may)),
                   [true, false, true, false, true, false, false]);
  await write('.blindboxignore', 'a.py\n');
  assert.equal(await may('a.py'), false, 'a change is seen');
  await fs.rm(path.join(folder, '.blindboxignore'));
  await fs.mkdir(path.join(folder, '.blindboxignore'));
  assert.equal(await may('a.py'), false, 'what cannot be read hides everything');
});

test('the proxy is started, and why it did not start is told', async (t) => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'bb-start-'));
  t.after(() => fs.rm(folder, {recursive: true}));
  const script = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await fs.writeFile(file, `#!/bin/sh\n${text}\n`, {mode: 0o755});
    return file;
  };
  const start = {server: 'https://s', policy: 'p.yml', listen: '127.0.0.1:1'};
  const lines: string[] = [];
  const ended = new Promise<string>((tell) => {
    const child = new ProxyProcess((line) => lines.push(line), tell);
    void script('good', 'echo "$@"; echo "ready: point editors at http://x"; exec cat < /dev/null').then((file) =>
      child.start({...start, path: file}));
  });
  assert.match(await ended, /status 0/);
  assert.match(lines.join('\n'), /connect https:\/\/s --policy=p\.yml --listen=127\.0\.0\.1:1/);
  const bad = new ProxyProcess(() => undefined, () => assert.fail('it never ran'));
  const refused = await script('bad', 'echo "blindbox: error: measurement is not in the policy" >&2; exit 5');
  await assert.rejects(bad.start({...start, path: refused}), /measurement is not in the policy/);
  await assert.rejects(bad.start({...start, path: path.join(folder, 'absent')}), /cannot start/);
  await assert.rejects(bad.start({...start, path: refused, server: ' '}), /no server is named/);
  assert.equal(connectArguments({...start, path: '', server: '--policy=evil'}), undefined);
});
