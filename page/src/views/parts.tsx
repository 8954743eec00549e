// SPDX-License-Identifier: Apache-2.0
// Small things that several views show.
import { useState } from "preact/hooks";
import { shorten, visible } from "../text";

/** A hash or another long value: both ends, and the whole of it on request, to select and to copy. */
export function Hash({ value, whole = false }: { value: string; whole?: boolean }) {
  const [open, setOpen] = useState(whole);
  const text = visible(value);
  if (text === "") return <span class="soft">none</span>;
  if (whole || text.length <= 33 || /\s/.test(text)) return <code class="value">{text}</code>;
  return (
    <button
      type="button"
      class="hash"
      aria-expanded={open}
      aria-label={`${open ? text : shorten(text)}, ${open ? "shorten" : "show whole"}`}
      onClick={() => {
        setOpen(!open);
      }}
    >
      <code class="value">{open ? text : shorten(text)}</code>
    </button>
  );
}

export function Choice<T extends string>(props: {
  label: string;
  options: readonly { value: T; text: string; count?: number }[];
  chosen: T;
  onChoose: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.options.map((option) => (
        <button
          type="button"
          key={option.value}
          aria-pressed={option.value === props.chosen}
          onClick={() => {
            props.onChoose(option.value);
          }}
        >
          {option.text}
          {option.count === undefined ? "" : <span class="count"> {option.count}</span>}
        </button>
      ))}
    </div>
  );
}

export function Search({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  return (
    <input
      class="search"
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      spellcheck={false}
      onInput={(event) => {
        onValue(event.currentTarget.value);
      }}
    />
  );
}
