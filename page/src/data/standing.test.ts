// SPDX-License-Identifier: Apache-2.0
// Against verdicts that blindbox made of real evidence (page/mock/recorded).
import { describe, expect, it } from "vitest";
import accepted from "../../mock/recorded/accepted.json";
import emulated from "../../mock/recorded/emulated.json";
import refused from "../../mock/recorded/refused-debug.json";
import { status } from "./decode";
import { standing } from "./standing";
import type { Server } from "./types";

function server(members: object): Server {
  const first = status({ servers: [{ state: "accepted", emulated: false, verdict: accepted, error: null, ...members }] })?.servers[0];
  if (first === undefined) throw new Error("no server");
  return first;
}

describe("standing", () => {
  it("accepts what the proxy and the verdict both accept", () => {
    expect(standing(server({}), true, false)).toBe("accepted");
  });
  it("says of an emulator that it is one, whoever of both says so", () => {
    expect(standing(server({ verdict: emulated, emulated: true }), true, false)).toBe("emulated");
    expect(standing(server({ verdict: emulated }), true, false)).toBe("emulated");
    expect(standing(server({ emulated: true }), true, false)).toBe("emulated");
    expect(standing(server({ emulated: undefined }), true, false)).toBe("emulated");
  });
  it("never accepts what contradicts itself", () => {
    expect(standing(server({ verdict: null }), true, false)).toBe("unknown");
    expect(standing(server({ verdict: refused }), true, false)).toBe("unknown");
    expect(standing(server({ verdict: { ...accepted, checks: [] } }), true, false)).toBe("unknown");
    expect(standing(server({ verdict: { ...accepted, checks: refused.checks } }), true, false)).toBe("unknown");
    expect(standing(server({ state: "ok" }), true, false)).toBe("unknown");
  });
  it("never accepts on a proxy's old word, nor while paused", () => {
    expect(standing(server({}), false, false)).toBe("silent");
    expect(standing(server({}), true, true)).toBe("paused");
    expect(standing(server({ state: "refused" }), true, true)).toBe("refused");
  });
  it("passes on the other states", () => {
    for (const state of ["refused", "connecting", "unreachable", "paused"] as const) {
      expect(standing(server({ state }), true, false)).toBe(state);
    }
  });
});
