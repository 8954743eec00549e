// SPDX-License-Identifier: Apache-2.0
// The verdict check by check, what failed first.
import { useState } from "preact/hooks";
import type { Check, Outcome, Server, Stage } from "../data/types";
import { visible } from "../text";
import { Choice, Hash, Search } from "./parts";

const stages: { id: Stage; title: string; question: string }[] = [
  { id: "parse", title: "Parse", question: "Is this evidence, with one reading only?" },
  { id: "authenticate", title: "Authenticate", question: "Did the processor's maker vouch for it?" },
  { id: "appraise", title: "Appraise", question: "Is what it says what the policy accepts?" },
];
const marks: Record<Outcome, { glyph: string; word: string }> = {
  failed: { glyph: "✕", word: "failed" },
  passed: { glyph: "✓", word: "passed" },
  not_requested: { glyph: "·", word: "not requested" },
};
const order: Outcome[] = ["failed", "passed", "not_requested"];

type Shown = Outcome | "all";

export function matches(check: Check, shown: Shown, text: string): boolean {
  if (shown !== "all" && check.outcome !== shown) return false;
  const all = [check.id, check.expected, check.actual, check.reference, check.purpose].join("\n").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

function Row({ check }: { check: Check }) {
  const mark = marks[check.outcome];
  const failed = check.outcome === "failed";
  return (
    <li class={`check ${check.outcome}`}>
      <span class="check-outcome">
        <span class="glyph" aria-hidden="true">
          {mark.glyph}
        </span>
        {mark.word}
      </span>
      <div class="check-what">
        <code class="check-id">{visible(check.id)}</code>
        <p>{visible(check.purpose)}</p>
      </div>
      <dl class="check-values">
        <div>
          <dt>Expected</dt>
          <dd>
            <Hash value={check.expected} whole={failed} />
          </dd>
        </div>
        <div>
          <dt>Found</dt>
          <dd>
            <Hash value={check.actual} whole={failed} />
          </dd>
        </div>
      </dl>
      <p class="check-clause">{visible(check.reference)}</p>
    </li>
  );
}

export function VerdictView({ server }: { server: Server }) {
  const [shown, setShown] = useState<Shown>("all");
  const [text, setText] = useState("");
  const verdict = server.verdict;
  if (verdict === null) {
    return (
      <section aria-labelledby="verdict-heading">
        <h2 id="verdict-heading">The verdict</h2>
        <p class="empty">There is no verdict yet: no evidence of this server has been judged.</p>
      </section>
    );
  }
  const count = (outcome: Outcome): number => verdict.checks.filter((c) => c.outcome === outcome).length;
  const listed = verdict.checks.filter((c) => matches(c, shown, text.trim()));
  // A stage with a failure comes first, and within it the failures.
  const groups = stages
    .map((stage) => ({
      ...stage,
      checks: order.flatMap((o) => listed.filter((c) => c.stage === stage.id && c.outcome === o)),
    }))
    .filter((group) => group.checks.length > 0)
    .sort((a, b) => Number(b.checks[0]?.outcome === "failed") - Number(a.checks[0]?.outcome === "failed"));
  return (
    <section aria-labelledby="verdict-heading">
      <h2 id="verdict-heading">The verdict, check by check</h2>
      <div class="tools">
        <Choice
          label="Outcome"
          chosen={shown}
          onChoose={setShown}
          options={[
            { value: "all", text: "All", count: verdict.checks.length },
            ...order.map((o) => ({ value: o, text: marks[o].word, count: count(o) })),
          ]}
        />
        <Search label="Filter checks" value={text} onValue={setText} />
      </div>
      <p class="sr" role="status">
        {listed.length} of {verdict.checks.length} checks shown
      </p>
      {groups.map((group) => (
        <section key={group.id} class="stage" aria-labelledby={`stage-${group.id}`}>
          <h3 id={`stage-${group.id}`}>
            {group.title} <span class="soft">{group.question}</span>
          </h3>
          <ul class="checks">
            {group.checks.map((check) => (
              <Row key={check.id} check={check} />
            ))}
          </ul>
        </section>
      ))}
      {groups.length === 0 && <p class="empty">No check matches.</p>}
    </section>
  );
}
