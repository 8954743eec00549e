// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from "vitest";
import recorded from "../../mock/recorded/infill.txt?raw";
import { infill } from "./infill";

function answers(body: string, init: ResponseInit = {}, size = 7): void {
  const encoded = new TextEncoder().encode(body);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < encoded.length; i += size) controller.enqueue(encoded.slice(i, i + size));
      controller.close();
    },
  });
  vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(new Response(stream, init))));
}
const ask = (onText: (text: string) => void = () => undefined) =>
  infill({ server: "lab", prefix: "p".repeat(20_000) + "!", suffix: "?" + "s".repeat(20_000), tokens: 8 }, new AbortController().signal, onText);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("infill", () => {
  it("reads a server's real answer, in whatever pieces", async () => {
    for (const size of [1, 7, 100_000]) {
      answers(recorded, {}, size);
      let text = "";
      const told = await ask((piece) => (text += piece));
      expect(text).toBe("0\n    return 0");
      expect(told).toMatchObject({ model: "BlindBox tiny Python", tokens: 5, stop_type: "limit" });
      expect(told.first_ms).not.toBeNull();
    }
  });
  it("sends the ends that are next to the cursor, and no more than fits", async () => {
    answers(recorded);
    await ask();
    const init = vi.mocked(fetch).mock.calls[0]?.[1];
    const sent = JSON.parse(init?.body as string) as Record<string, string>;
    expect(init?.headers).toMatchObject({ "Blindbox-Server": "lab" });
    expect(sent.input_prefix).toHaveLength(12_000);
    expect(sent.input_prefix).toMatch(/p!$/);
    expect(sent.input_suffix).toHaveLength(4_000);
    expect(sent.input_suffix).toMatch(/^\?s/);
  });
  it("cuts characters of several bytes nowhere, and drops what deceives", async () => {
    answers('data: {"content":"é\u202e😀"}\n\ndata: {"content":"","stop":true}\n\n', {}, 1);
    let text = "";
    await ask((piece) => (text += piece));
    expect(text).toBe("é😀");
  });
  it("says what the proxy says", async () => {
    answers('{"error":{"code":502,"message":"the measurement is not in the policy"}}', { status: 502 });
    await expect(ask()).rejects.toThrow("the measurement is not in the policy");
    answers("<html>", { status: 500 });
    await expect(ask()).rejects.toThrow("the proxy answers 500");
    answers('data: {"content":"a"}\n\ndata: {"error":{"message":"the engine failed"}}\n\n');
    await expect(ask()).rejects.toThrow("the engine failed");
  });
  it("takes no half answer for a whole one", async () => {
    answers('data: {"content":"a","stop":false}\n\n');
    await expect(ask()).rejects.toThrow("broke off");
    answers("data: nonsense\n\n");
    await expect(ask()).rejects.toThrow();
    answers('data: {"content":"' + "x".repeat(300_000) + '"}\n\n', {}, 65_536);
    await expect(ask()).rejects.toThrow("longer than was asked for");
  });
});
