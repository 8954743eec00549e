// SPDX-License-Identifier: Apache-2.0
// What goes out of a document, and what of an answer is worth showing. Pure.

/** The last `limit` characters of `before`, beginning with a line. The beginning stays put while someone types and moves
 *  by a quarter of the limit at a time: a server that keeps what it has read needs it unmoved. */
export function keepEnd(before: string, limit: number): string {
  if (before.length <= limit) return before;
  const step = Math.max(Math.floor(limit / 4), 1);
  const at = Math.ceil((before.length - limit) / step) * step;
  const line = before.indexOf('\n', at - 1) + 1;
  return before.slice(line > 0 && line < before.length ? line : wholeCharacter(before, at));
}

/** At most `limit` characters of `after`. */
export function keepBegin(after: string, limit: number): string {
  if (after.length <= limit) return after;
  const at = wholeCharacter(after, limit);
  return after.slice(0, at > limit ? limit - 1 : at);
}

/** At most `limit` characters around `place`, whole lines. */
export function keepAround(text: string, place: number, limit: number): string {
  if (text.length <= limit) return text;
  const from = Math.min(Math.max(place - Math.floor((limit / 3) * 2), 0), text.length - limit);
  const begin = from === 0 ? 0 : text.indexOf('\n', from - 1) + 1;
  if (from > 0 && begin === 0) return '';
  const kept = text.slice(begin, begin + limit);
  return begin + kept.length < text.length ? kept.slice(0, kept.lastIndexOf('\n') + 1) : kept;
}

// Where a surrogate pair would be cut in two, the place behind it.
function wholeCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000 ? at + 1 : at;
}

export interface Said {
  text: string;
  singleLine: boolean;
  outOfTokens: boolean;
  /** Something stands before the cursor in its line. */
  lineBegun: boolean;
}

/** Without what stands behind the cursor already, without the end that a limit has cut in two, without white space at its
 *  end; '' where nothing is left. */
export function tidy(said: Said, after: string): string {
  let text = said.singleLine ? firstLine(said.text) : said.text;
  const last = text.lastIndexOf('\n');
  if (said.outOfTokens && last >= 0 && text.slice(0, last).trim() !== '') text = text.slice(0, last);
  text = withoutRestOfLine(text.trimEnd(), after);
  return withoutLinesBelow(text, after, said.lineBegun).trimEnd();
}

const firstLine = (text: string): string => text.split(/[\r\n]/, 1)[0] ?? '';
const hasWord = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);

// Brackets without their other half, and quotes without theirs. It reads no language: a bracket within a string counts.
function imbalance(text: string): number {
  const closes: Record<string, string> = {'(': ')', '[': ']', '{': '}'};
  const open: string[] = [];
  let unmatched = 0;
  for (const c of text) {
    if (c in closes) open.push(closes[c] ?? '');
    if (c !== ')' && c !== ']' && c !== '}') continue;
    if (open.at(-1) === c) open.pop();
    else unmatched += 1;
  }
  for (const quote of ['"', "'", '`']) unmatched += (text.split(quote).length - 1) % 2;
  return unmatched + open.length;
}

function repeats(text: string, repeated: string): boolean {
  if (repeated.length > 1 && hasWord(repeated)) return true;
  return imbalance(text.slice(0, text.length - repeated.length)) < imbalance(text);
}

function withoutRestOfLine(text: string, after: string): string {
  const rest = firstLine(after).trimEnd();
  for (let size = Math.min(rest.length, text.length); size > 0; --size) {
    const repeated = rest.slice(0, size);
    if (!text.endsWith(repeated) || hasWord(rest.slice(size))) continue;
    if (repeats(text, repeated)) return text.slice(0, text.length - size);
  }
  return text;
}

function withoutLinesBelow(text: string, after: string, lineBegun: boolean): string {
  const end = after.indexOf('\n');
  if (end < 0 || hasWord(after.slice(0, end))) return text;
  const mine = text.split('\n');
  const theirs = after.slice(end + 1).replace(/^(?:[ \t\r]*\n)+/, '').split('\n', mine.length);
  for (let count = Math.min(mine.length - (lineBegun ? 1 : 0), theirs.length); count > 0; --count) {
    const tail = mine.slice(mine.length - count);
    if (!tail.every((line, i) => line.trimEnd() === theirs[i]?.trimEnd())) continue;
    const repeated = tail.join('\n');
    if (repeated !== '' && repeats(text, repeated)) return text.slice(0, text.length - repeated.length);
  }
  return text;
}
