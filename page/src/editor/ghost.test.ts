// SPDX-License-Identifier: Apache-2.0
import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { firstWord, ghostField, ghostOf, growGhost, setGhost } from "./ghost";

function suggested(doc: string, text: string): EditorState {
  const state = EditorState.create({ doc, selection: { anchor: doc.length }, extensions: [ghostField] });
  return state.update({ effects: setGhost.of({ at: doc.length, text }) }).state;
}
const typed = (state: EditorState, text: string, at = state.selection.main.head): EditorState =>
  state.update({ changes: { from: at, insert: text }, selection: { anchor: at + text.length } }).state;

describe("a suggestion", () => {
  it("keeps its rest while what it says is typed", () => {
    const state = typed(typed(suggested("ret", "urn 0"), "ur"), "n");
    expect(ghostOf(state)).toEqual({ at: 6, text: " 0" });
  });
  it("grows behind what was typed of it", () => {
    const state = typed(suggested("ret", "urn"), "urn");
    expect(ghostOf(state.update({ effects: growGhost.of(" 0\n") }).state)).toEqual({ at: 6, text: " 0\n" });
  });
  it("goes when something else is typed, deleted or the cursor moves", () => {
    const state = suggested("ret", "urn");
    expect(ghostOf(typed(state, "x"))).toBeNull();
    expect(ghostOf(typed(state, "u", 0))).toBeNull();
    expect(ghostOf(typed(state, "urn 0"))).toBeNull();
    expect(ghostOf(state.update({ changes: { from: 2, to: 3 } }).state)).toBeNull();
    expect(ghostOf(state.update({ selection: { anchor: 1 } }).state)).toBeNull();
    expect(ghostOf(state.update({ selection: { anchor: 0, head: 3 } }).state)).toBeNull();
    expect(ghostOf(state.update({ changes: [{ from: 0, insert: "u" }, { from: 3, insert: "u" }] }).state)).toBeNull();
  });
  it("does not come back by late text", () => {
    const gone = typed(suggested("ret", "urn"), "x");
    expect(ghostOf(gone.update({ effects: growGhost.of("late") }).state)).toBeNull();
  });
});

describe("firstWord", () => {
  it("takes words, signs, blanks before them, and a line break with its indentation", () => {
    const words = (text: string): string[] => {
      const out: string[] = [];
      for (let rest = text; rest !== ""; rest = rest.slice(out.at(-1)?.length)) out.push(firstWord(rest));
      return out;
    };
    expect(words("return  naïve_1 += f(x)\n    end  \nx ")).toEqual(["return", "  naïve_1", " +=", " f", "(", "x", ")", "\n    ", "end", "  \n", "x", " "]);
  });
});
