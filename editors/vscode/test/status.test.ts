// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {escape, ledgerPage, verdictPage} from '../src/html';
import {knownFromError, makeShield, type ServerStatus, type Status} from '../src/status';

function status(...servers: Partial<ServerStatus>[]): Status {
  const one = {name: 'home', url: 'https://h', state: 'accepted', emulated: false, verdict: null, error: null} as const;
  return {version: '1', proxy: {listen: '127.0.0.1:1', paused: false}, servers: servers.map((with_) => ({...one, ...with_}))};
}
const shield = (...servers: Partial<ServerStatus>[]): ReturnType<typeof makeShield> =>
  makeShield({kind: 'status', status: status(...servers)});

test('green is a promise, and the worst counts', () => {
  assert.equal(shield({}).colour, 'green');
  assert.equal(shield({emulated: true}).colour, 'amber');
  assert.equal(shield({}, {state: 'refused'}).colour, 'red');
  assert.equal(shield({}, {state: 'unreachable'}).colour, 'red');
  assert.equal(shield({}, {state: 'connecting'}).colour, 'amber');
  assert.equal(shield().colour, 'red');
  assert.equal(shield({state: 'something new' as 'accepted'}).colour, 'red');
  assert.equal(shield({verdict: {verdict: 'refused', emulated: false, checks: []}}).colour, 'red');
  const paused = status({});
  paused.proxy.paused = true;
  assert.match(makeShield({kind: 'status', status: paused}).text, /paused/);
  assert.notEqual(makeShield({kind: 'status', status: {} as Status}).colour, 'green');
});

test('a refusal names its check', () => {
  const check = {id: 'sev_snp.measurement', outcome: 'failed', expected: 'a', actual: 'b'} as const;
  const refused = shield({state: 'refused', verdict: {verdict: 'refused', emulated: false, checks: [check]}});
  assert.match(refused.tooltip, /sev_snp\.measurement/);
  assert.match(refused.text, /REFUSED/);
});

test('a proxy without a status is known by its answers', () => {
  assert.equal(makeShield({kind: 'verdict', verdict: 'accepted'}).colour, 'green');
  assert.equal(makeShield({kind: 'verdict', verdict: 'accepted; EMULATED, NOT A TEE'}).colour, 'amber');
  assert.equal(makeShield({kind: 'verdict', verdict: ''}).colour, 'red');
  assert.equal(knownFromError('evidence_not_acceptable', 'x')?.kind, 'refused');
  assert.equal(knownFromError('server_unreachable', 'x')?.kind, 'unreachable');
  assert.equal(knownFromError('invalid_request_error', 'x'), undefined);
});

test('no words of a server become markup', () => {
  const evil = '<img src=x onerror="a()">';
  const page = verdictPage(status({name: evil, error: {what: evil, detail: evil, hint: evil}}), evil, 'n');
  assert.ok(!page.includes('<img'));
  assert.match(page, /default-src 'none'; style-src 'nonce-n'/);
  const entry = {time: evil, server: evil, method: evil, path: evil, status: 200, bytes_out: 1, bytes_in: 2, outcome: evil};
  assert.ok(!ledgerPage({entries: [entry], sums: {requests: 1, bytes_out: 1, bytes_in: 2, refused: 0}}, 'n').includes('<img'));
  assert.equal(escape(`&<>"'`), '&amp;&lt;&gt;&quot;&#39;');
});
