// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {keepAround, keepBegin, keepEnd, tidy} from '../src/text';

const tidied = (text: string, after: string): string =>
  tidy({text, singleLine: false, outOfTokens: false, lineBegun: true}, after);

test('what stands behind the cursor is not repeated', () => {
  for (const [text, after, kept] of [
    ['a, b)', ')\n', 'a, b'], ['bar()', ')\n', 'bar()'], ['bar())', '):\n', 'bar()'], ['hello"', '"\n', 'hello'],
    ['"a"', '"\n', '"a"'], ['x[0]]', '])\n', 'x[0]'], ['left + right', ' + right\n', 'left'],
  ] as const) assert.equal(tidied(text, after), kept, text);
});

test('lines below are not repeated', () => {
  assert.equal(tidied('1\ny = 2', '\ny = 2\nz = 3\n'), '1');
  assert.equal(tidied('1\ny = 2\nz = 3\n', '\n\ny = 2\nz = 3\n'), '1');
  assert.equal(tidied('{\n  f();\n}', '\n}\n'), '{\n  f();\n}');
  assert.equal(tidied('f();\n}', '\n}\n'), 'f();');
  assert.equal(tidied('y', '\ny\n'), 'y');
  assert.equal(tidy({text: 'y = 2', singleLine: false, outOfTokens: false, lineBegun: false}, '\ny = 2\n'), '');
});

test('ends are clean', () => {
  assert.equal(tidied('a\n  \n', ''), 'a');
  assert.equal(tidied(' \n\t', ''), '');
  assert.equal(tidy({text: 'a\nb', singleLine: true, outOfTokens: false, lineBegun: true}, ''), 'a');
  assert.equal(tidy({text: 'a\nb', singleLine: false, outOfTokens: true, lineBegun: true}, ''), 'a');
});

test('the end that is kept begins with a line, holds no half of a character, and stays put', () => {
  const text = Array.from({length: 200}, (_, i) => `line ${i}\n`).join('');
  const begins = new Set<number>();
  for (let size = 1000; size < 1400; ++size) {
    const kept = keepEnd(text.slice(0, size), 400);
    assert.ok(kept.length <= 400 && kept.startsWith('line '));
    begins.add(size - kept.length);
  }
  assert.ok(begins.size <= 6);
  assert.equal(keepEnd('😀😀😀', 3), '😀');
  assert.equal(keepBegin('😀😀', 3), '😀');
  assert.equal(keepAround('one\ntwo\nthree\nfour\n', 10, 12), 'two\nthree\n');
});
