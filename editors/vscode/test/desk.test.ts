// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Desk, type Fill, type Filled, type Hole, type Options, type Settings} from '../src/desk';

const kSettings: Settings = {
  enabled: true, automatic: true, multiLine: true, debounceMs: 0, maxTokens: 9, maxMs: 0, prefixBytes: 100, suffixBytes: 100,
  neighbourBytes: 0,
};

class Fake {
  asked: {hole: Hole; options: Options; say: (text: string) => void; end: (filled: Filled) => void;
          fail: (error: Error) => void; signal: AbortSignal}[] = [];
  outcomes: unknown[] = [];
  desk = new Desk(((hole, options, onText, signal) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
    this.asked.push({hole, options, say: onText, end: resolve, fail: reject, signal});
  })) as Fill, (error) => this.outcomes.push(error));

  want(before: string, after = '', signal = new AbortController().signal, settings = kSettings): Promise<string> {
    return this.desk.want({key: 'k', before, after, automatic: true, extra: () => Promise.resolve([])}, settings, signal);
  }
  async nth(number: number): Promise<Fake['asked'][number]> {
    while (this.asked.length <= number) await new Promise(setImmediate);
    return this.asked[number]!;
  }
}

test('a suggestion is reused while what is typed agrees', async () => {
  const fake = new Fake();
  const first = fake.want('def ');
  (await fake.nth(0)).end({text: 'add(a, b):', outOfTokens: false});
  assert.equal(await first, 'add(a, b):');
  assert.equal(await fake.want('def ad'), 'd(a, b):');
  assert.equal(fake.asked.length, 1);
  const other = fake.want('def s');
  (await fake.nth(1)).end({text: 'ub', outOfTokens: false});
  assert.equal(await other, 'ub');
  assert.deepEqual(fake.outcomes, [undefined, undefined]);
});

test('typing on while it is made keeps the work that agrees and stops the work that does not', async () => {
  const fake = new Fake();
  const first = fake.want('x');
  const asked = await fake.nth(0);
  asked.say('hel');
  const second = fake.want('xhe');
  assert.equal(await Promise.race([first, new Promise((go) => setImmediate(go, 'waits'))]), 'waits');
  asked.say('lo');
  const third = fake.want('xhellu');
  const again = await fake.nth(1);
  assert.ok(asked.signal.aborted);
  again.end({text: '!', outOfTokens: false});
  assert.deepEqual(await Promise.all([first, second, third]), ['', '', '!']);
});

test('what was cancelled stops, unless the next request goes on with it', async () => {
  const fake = new Fake();
  const abort = new AbortController();
  const first = fake.want('a', '', abort.signal);
  const asked = await fake.nth(0);
  abort.abort();
  assert.equal(await first, '');
  const second = fake.want('a');
  asked.end({text: 'b', outOfTokens: false});
  assert.equal(await second, 'b');
  assert.equal(fake.asked.length, 1);
  const alone = new AbortController();
  const third = fake.want('zz', '', alone.signal);
  const last = await fake.nth(1);
  alone.abort();
  assert.equal(await third, '');
  await new Promise((stopped) => last.signal.addEventListener('abort', stopped));
});

test('nothing is asked before someone has stopped typing', async () => {
  const fake = new Fake();
  const slow = {...kSettings, debounceMs: 30};
  const early = [fake.want('a', '', undefined, slow), fake.want('ab', '', undefined, slow)];
  const last = fake.want('abc', '', undefined, slow);
  (await fake.nth(0)).end({text: 'd', outOfTokens: false});
  assert.equal(await last, 'd');
  assert.deepEqual(await Promise.all(early), ['', '']);
  assert.equal(fake.asked.length, 1);
  assert.equal(fake.asked[0]?.hole.prefix, 'abc');
});

test('a failure is told once and the next request asks anew', async () => {
  const fake = new Fake();
  const first = fake.want('a');
  (await fake.nth(0)).fail(new Error('refused'));
  assert.equal(await first, '');
  assert.match(String(fake.outcomes[0]), /refused/);
  const second = fake.want('a');
  (await fake.nth(1)).end({text: 'b', outOfTokens: false});
  assert.equal(await second, 'b');
});

test('a line that goes on gets one line', async () => {
  const fake = new Fake();
  const first = fake.want('f(', ')\n');
  const asked = await fake.nth(0);
  assert.equal(asked.options.singleLine, true);
  asked.end({text: 'a)\nb', outOfTokens: false});
  assert.equal(await first, 'a');
});
