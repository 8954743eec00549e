// SPDX-License-Identifier: Apache-2.0
// How values are written for people.

// What hides or reorders other text: controls, bidirectional overrides and isolates, zero-width characters, tags.
// eslint-disable-next-line no-control-regex
const deceptive = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udfff]/g;

/** The text with each character that could deceive a reader spelled out. */
export function visible(text: string): string {
  return text.replace(deceptive, (c) => `⟨U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** Code as a model may suggest it: line feeds and tabs stay, what else is deceptive is left out. */
export function plainCode(text: string): string {
  return text.replace(deceptive, (c) => (c === "\n" || c === "\t" ? c : ""));
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit] ?? ""}`;
}

/** "4 min ago", "in 12 s"; the text itself where it is no time. */
export function relative(time: string, now: number): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return visible(time);
  const seconds = Math.round((now - at) / 1000);
  const size = Math.abs(seconds);
  let text = `${Math.floor(size / 86400)} d`;
  if (size < 60) text = `${size} s`;
  else if (size < 3600) text = `${Math.floor(size / 60)} min`;
  else if (size < 86400) text = `${Math.floor(size / 3600)} h ${Math.floor((size % 3600) / 60)} min`;
  if (size < 1) return "now";
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** Of the same zone as clockTime(). */
export function day(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleDateString("sv-SE");
}

export function clockTime(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return visible(time);
  return at.toLocaleTimeString("en-GB", { hour12: false });
}

/** Both ends of a long value; they are what people compare. */
export function shorten(value: string, keep = 12): string {
  return value.length <= 2 * keep + 1 ? value : `${value.slice(0, keep)}…${value.slice(-keep)}`;
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(2)} s`;
}
