// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { ledger, status, verdict } from "./decode";

describe("decode", () => {
  it("takes nothing for a status that is not one", () => {
    for (const value of [null, 1, "x", [], {}, { servers: {} }]) expect(status(value)).toBeNull();
    for (const value of [null, {}, { entries: 3 }]) expect(ledger(value)).toBeNull();
  });
  it("makes of a server without members one that claims nothing", () => {
    const server = status({ servers: [{}] })?.servers[0];
    expect(server).toMatchObject({ state: "unknown", emulated: true, verdict: null, chain: [], error: null });
    expect(server?.connections).toEqual({ idle: 0, busy: 0 });
  });
  it("does not know an outcome by guessing", () => {
    const read = verdict({ verdict: "ACCEPTED", checks: [{ id: "a.b", outcome: "pass" }, { outcome: "passed" }, null] });
    expect(read?.verdict).toBe("refused");
    expect(read?.emulated).toBe(true);
    expect(read?.checks.map((c) => c.outcome)).toEqual(["failed", "passed", "failed"]);
  });
  it("survives hostile types and sizes", () => {
    const read = status({
      proxy: [],
      servers: [{ name: { toString: 1 }, url: "x".repeat(1e6), requests: { total: -1, active: "9", held: NaN } }],
      active: "none",
    });
    const server = read?.servers[0];
    expect(server?.name).toBe("");
    expect(server?.url.length).toBe(8192);
    expect(server?.requests).toEqual({ total: 0, active: 0, held: 0 });
    expect(read?.active).toEqual([]);
    const many = verdict({ checks: new Array(5000).fill({}) });
    expect(many?.checks.length).toBe(1000);
  });
});
