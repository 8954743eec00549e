// SPDX-License-Identifier: Apache-2.0
// The code editor. It lives in a shadow root: there CodeMirror brings its styles as constructed style sheets, so the
// content security policy needs neither 'unsafe-inline' nor a nonce.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { cppLanguage } from "@codemirror/lang-cpp";
import { goLanguage } from "@codemirror/lang-go";
import { javaLanguage } from "@codemirror/lang-java";
import { javascriptLanguage, typescriptLanguage } from "@codemirror/lang-javascript";
import { pythonLanguage } from "@codemirror/lang-python";
import { rustLanguage } from "@codemirror/lang-rust";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { ghostField } from "./ghost";
import { type Settings, suggestions } from "./suggest";

// The bare languages: what comes with them for completion by dictionary would double the size.
const languages: Record<string, Extension> = {
  Python: pythonLanguage,
  JavaScript: javascriptLanguage,
  TypeScript: typescriptLanguage,
  Java: javaLanguage,
  Go: goLanguage,
  "C++": cppLanguage,
  Rust: rustLanguage,
};
export const languageNames = Object.keys(languages);

// Colours come from the page's variables, which reach into the shadow root and follow the theme.
const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: "14px", height: "100%" },
  "&.cm-focused": { outline: "none" }, // the frame around it shows the focus
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "10px 0" },
  ".cm-gutters": { backgroundColor: "var(--sheet)", color: "var(--soft)", border: "none", paddingRight: "4px" },
  ".cm-activeLine": { backgroundColor: "var(--wash)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--select)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--select)", outline: "none" },
  ".cm-ghost": { color: "var(--soft)", fontStyle: "italic", whiteSpace: "pre-wrap" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--code-number)" },
  { tag: [tags.comment, tags.docString], color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.variableName)], color: "var(--code-name)" },
  { tag: [tags.typeName, tags.className], color: "var(--code-name)" },
]);

export interface Editor {
  setLanguage: (name: string) => void;
  destroy: () => void;
}

export interface Hooks extends Settings {
  onGhost: (text: string) => void;
}

export function openEditor(host: HTMLElement, doc: string, hooks: Hooks): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const language = new Compartment();
  let shown = "";
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc,
      selection: { anchor: doc.length },
      extensions: [
        suggestions(hooks),
        lineNumbers(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        bracketMatching(),
        indentOnInput(),
        indentUnit.of("    "),
        EditorView.lineWrapping,
        language.of(pythonLanguage),
        syntaxHighlighting(colours),
        look,
        keymap.of([...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ "aria-label": "Code to complete", "aria-describedby": "playground-keys" }),
        EditorView.updateListener.of((update) => {
          const text = update.state.field(ghostField)?.text ?? "";
          if (text !== shown) hooks.onGhost(text);
          shown = text;
        }),
      ],
    }),
  });
  return {
    setLanguage: (name) => {
      view.dispatch({ effects: language.reconfigure(languages[name] ?? []) });
    },
    destroy: () => {
      view.destroy();
    },
  };
}
