// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { bytes, milliseconds, plainCode, relative, shorten, visible } from "./text";

describe("visible", () => {
  it("spells out what would hide or reorder text", () => {
    expect(visible("pass\u202eed")).toBe("pass⟨U+202E⟩ed");
    expect(visible("a\u0000b\u200bc\ufeff\u2066")).toBe("a⟨U+0000⟩b⟨U+200B⟩c⟨U+FEFF⟩⟨U+2066⟩");
    expect(visible("\u{e0041}x")).toBe("⟨U+E0041⟩x");
  });
  it("leaves letters of every script and emoji as they are", () => {
    for (const text of ["naïve", "日本語", "שלום", "👍🏽", "a<b>&amp;"]) expect(visible(text)).toBe(text);
  });
});

describe("plainCode", () => {
  it("keeps line feeds and tabs and drops what deceives", () => {
    expect(plainCode("a\n\tb\r\u202ec\u200b")).toBe("a\n\tbc");
  });
});

describe("numbers", () => {
  it("writes sizes", () => {
    expect([0, 999, 1000, 9949, 9951, 999_499, 999_500, 12_000_000, 4e15].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "9.9 kB",
      "10 kB",
      "999 kB",
      "1.0 MB",
      "12 MB",
      "4000 TB",
    ]);
  });
  it("writes times from both sides of now", () => {
    const now = Date.parse("2026-11-22T12:00:00Z");
    expect(relative("2026-11-22T11:59:56Z", now)).toBe("4 s ago");
    expect(relative("2026-11-22T12:00:00Z", now)).toBe("now");
    expect(relative("2026-11-22T12:07:59Z", now)).toBe("in 7 min");
    expect(relative("2026-11-22T09:30:00Z", now)).toBe("2 h 30 min ago");
    expect(relative("2026-11-01T12:00:00Z", now)).toBe("21 d ago");
    expect(relative("soon\u202e", now)).toBe("soon⟨U+202E⟩");
  });
  it("writes milliseconds", () => {
    expect([0.44, 41.4, 999, 1234].map(milliseconds)).toEqual(["0.4 ms", "41 ms", "999 ms", "1.23 s"]);
  });
  it("keeps both ends of what is long, and all of what is not", () => {
    expect(shorten("0123456789", 2)).toBe("01…89");
    expect(shorten("01234", 2)).toBe("01234");
  });
});
