// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { EventStream } from "./event_stream";

const stream = 'data: {"a":1}\n\n: ping\n\nevent: x\ndata: one\ndata: two\n\ndata:bare\r\n\r\ndata\n\n';
const events = ['{"a":1}', "one\ntwo", "bare", ""];

describe("EventStream", () => {
  it("reads the same events wherever the pieces are cut", () => {
    for (let at = 0; at <= stream.length; at += 1) {
      const reader = new EventStream();
      expect([...reader.push(stream.slice(0, at)), ...reader.push(stream.slice(at))]).toEqual(events);
    }
    const reader = new EventStream();
    expect(stream.split("").flatMap((c) => reader.push(c))).toEqual(events);
  });
  it("ends no event without its empty line", () => {
    const reader = new EventStream();
    expect(reader.push("data: x\n")).toEqual([]);
    expect(reader.push("\n")).toEqual(["x"]);
  });
  it("refuses a line that does not end", () => {
    const reader = new EventStream();
    expect(() => {
      for (let i = 0; i < 3; i += 1) reader.push("x".repeat(500_000));
    }).toThrow(RangeError);
  });
});
