// SPDX-License-Identifier: Apache-2.0
// One completion over POST /infill, llama.cpp's format, as a stream that can be given up at any time.
import { plainCode } from "../text";
import { EventStream } from "./event_stream";

const answerCap = 256 * 1024; // characters; a suggestion of a few hundred tokens is far below
const prefixCap = 12_000;
const suffixCap = 4_000;

export interface Asked {
  server: string; // by the name that the proxy has for it
  prefix: string;
  suffix: string;
  tokens: number;
}

export interface Told {
  first_ms: number | null; // until the first text
  total_ms: number;
  tokens: number;
  model: string;
  stop_type: string;
}

interface Chunk {
  content?: unknown;
  stop?: unknown;
  model?: unknown;
  tokens_predicted?: unknown;
  stop_type?: unknown;
  error?: { message?: unknown };
}

function chunkOf(json: string): Chunk {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) throw new Error("the answer is not in llama.cpp's format");
  const chunk = value as Chunk;
  if (chunk.error !== undefined) throw new Error(String(chunk.error.message));
  return chunk;
}

// What is no name for the proxy cannot be one of several: it has one server, and needs no telling.
function route(server: string): Record<string, string> {
  return /^[a-z0-9][a-z0-9_-]{0,31}$/.test(server) ? { "Blindbox-Server": server } : {};
}

async function refusal(answer: Response): Promise<Error> {
  const body = (await answer.text()).slice(0, 4096);
  try {
    const chunk = JSON.parse(body) as Chunk;
    if (typeof chunk.error?.message === "string") return new Error(chunk.error.message);
  } catch {
    // not JSON: the status says what there is to say
  }
  return new Error(`the proxy answers ${answer.status}`);
}

/** Calls onText with each piece. Throws on refusal and on nonsense; an abort is the signal's own AbortError. */
export async function infill(asked: Asked, signal: AbortSignal, onText: (text: string) => void): Promise<Told> {
  const begin = performance.now();
  const answer = await fetch("/infill", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...route(asked.server) },
    body: JSON.stringify({
      input_prefix: asked.prefix.slice(-prefixCap),
      input_suffix: asked.suffix.slice(0, suffixCap),
      n_predict: asked.tokens,
      stream: true,
    }),
    credentials: "same-origin",
    redirect: "error",
    cache: "no-store",
    signal,
  });
  if (!answer.ok || answer.body === null) throw await refusal(answer);

  const told: Told = { first_ms: null, total_ms: 0, tokens: 0, model: "", stop_type: "" };
  const events = new EventStream();
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the answer broke off");
    for (const event of events.push(decoder.decode(value, { stream: true }))) {
      const chunk = chunkOf(event);
      const text = typeof chunk.content === "string" ? plainCode(chunk.content) : "";
      length += text.length;
      if (length > answerCap) throw new Error("the answer is longer than was asked for");
      if (text !== "") {
        told.first_ms ??= performance.now() - begin;
        onText(text);
      }
      if (chunk.stop === true) {
        told.total_ms = performance.now() - begin;
        told.model = typeof chunk.model === "string" ? chunk.model : "";
        told.tokens = typeof chunk.tokens_predicted === "number" ? chunk.tokens_predicted : 0;
        told.stop_type = typeof chunk.stop_type === "string" ? chunk.stop_type : "";
        await reader.cancel();
        return told;
      }
    }
  }
}
