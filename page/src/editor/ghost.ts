// SPDX-License-Identifier: Apache-2.0
// A suggestion after the cursor. Typing what it says keeps the rest of it; anything else takes it away.
import { type EditorState, StateEffect, StateField, type Transaction } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";

export interface Ghost {
  at: number; // where what is left of it stands
  text: string; // what is left
}

export const setGhost = StateEffect.define<Ghost | null>();
export const growGhost = StateEffect.define<string>();

/** What is left of a suggestion after a change; null where it no longer fits. Pure, but for its types. */
export function afterChange(ghost: Ghost, transaction: Transaction): Ghost | null {
  const changes: { from: number; to: number; text: string }[] = [];
  transaction.changes.iterChanges((from, to, _fromB, _toB, inserted) => {
    changes.push({ from, to, text: inserted.toString() });
  });
  const [change] = changes;
  if (change === undefined || changes.length > 1) return null;
  if (change.from !== ghost.at || change.to !== ghost.at || !ghost.text.startsWith(change.text)) return null;
  return { at: ghost.at + change.text.length, text: ghost.text.slice(change.text.length) };
}

class GhostWidget extends WidgetType {
  constructor(readonly text: string) {
    super();
  }
  override eq(other: GhostWidget): boolean {
    return other.text === this.text;
  }
  override toDOM(): HTMLElement {
    const span = document.createElement("span");
    span.className = "cm-ghost";
    span.setAttribute("aria-hidden", "true"); // a live region beside the editor says it
    span.textContent = this.text;
    return span;
  }
  override ignoreEvent(): boolean {
    return false;
  }
}

export const ghostField = StateField.define<Ghost | null>({
  create: () => null,
  update(ghost, transaction) {
    let next = ghost;
    if (next !== null && transaction.docChanged) next = afterChange(next, transaction);
    for (const effect of transaction.effects) {
      if (effect.is(setGhost)) next = effect.value;
      if (effect.is(growGhost) && next !== null) next = { at: next.at, text: next.text + effect.value };
    }
    const cursor = transaction.state.selection.main;
    return next !== null && cursor.empty && cursor.head === next.at ? next : null;
  },
  provide: (field) =>
    EditorView.decorations.from(field, (ghost) =>
      ghost === null || ghost.text === ""
        ? Decoration.none
        : Decoration.set([Decoration.widget({ widget: new GhostWidget(ghost.text), side: 1 }).range(ghost.at)]),
    ),
});

export function ghostOf(state: EditorState): Ghost | null {
  return state.field(ghostField, false) ?? null;
}

/** The next word of a suggestion, with the blanks before it; at a line's end, the line break and its indentation. */
export function firstWord(text: string): string {
  return /^(?:[^\S\n]*\n\s*|[^\S\n]*(?:[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]+)?)/u.exec(text)?.[0] ?? "";
}

function insert(view: EditorView, text: string, at: number): void {
  view.dispatch({
    changes: { from: at, insert: text },
    selection: { anchor: at + text.length },
    userEvent: "input.complete",
    scrollIntoView: true,
  });
}

/** Each says whether there was a suggestion; without one the key keeps its own meaning. */
export function acceptAll(view: EditorView): boolean {
  const ghost = ghostOf(view.state);
  if (ghost === null || ghost.text === "") return false;
  insert(view, ghost.text, ghost.at);
  view.dispatch({ effects: setGhost.of(null) });
  return true;
}

export function acceptWord(view: EditorView): boolean {
  const ghost = ghostOf(view.state);
  if (ghost === null || ghost.text === "") return false;
  insert(view, firstWord(ghost.text), ghost.at);
  return true;
}

export function dismiss(view: EditorView): boolean {
  if (ghostOf(view.state) === null) return false;
  view.dispatch({ effects: setGhost.of(null) });
  return true;
}
