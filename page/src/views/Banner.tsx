// SPDX-License-Identifier: Apache-2.0
// The one thing to see: may code go to this server?
import { type Standing, words } from "../data/standing";
import type { Check, Server } from "../data/types";
import { clockTime, relative, visible } from "../text";
import { Hash } from "./parts";
import { Seal } from "./Seal";

const stages = ["parse", "authenticate", "appraise"] as const;

/** Every check as one mark, in the order in which they ran. */
function Strip({ checks }: { checks: Check[] }) {
  const of = (outcome: string): number => checks.filter((c) => c.outcome === outcome).length;
  const text = `${checks.length} checks: ${of("passed")} passed, ${of("failed")} failed, ${of("not_requested")} not requested`;
  return (
    <div class="strip" role="img" aria-label={text}>
      {stages.map((stage) => (
        <span class="strip-stage" key={stage}>
          {checks
            .filter((c) => c.stage === stage)
            .map((c, i) => (
              <i key={i} class={c.outcome} />
            ))}
        </span>
      ))}
    </div>
  );
}

export function Banner({ server, standing, now }: { server: Server; standing: Standing; now: number }) {
  const said = words[standing];
  const held = server.requests.held;
  const holds = standing === "accepted" || standing === "emulated";
  const notTee = server.emulated && standing !== "emulated" && standing !== "silent" && server.verdict !== null;
  return (
    <section class={`banner ${standing}`} aria-labelledby="standing">
      <Seal standing={standing} digest={server.verdict_digest} />
      <div class="banner-words">
        <h1 id="standing">{said.title}</h1>
        <p class="sr" role="status">
          {visible(server.name)}: {said.title}
        </p>
        <p class="banner-sentence">{said.sentence}</p>
        {holds && server.verdict !== null && server.verdict.notes.length > 0 && (
          <ul class="banner-but">
            {server.verdict.notes.map((note) => (
              <li key={note}>{visible(note)}</li>
            ))}
          </ul>
        )}
        {notTee && <p class="banner-sentence strong">Emulated, not a TEE.</p>}
        {standing !== "silent" && server.error !== null && (
          <div class="problem">
            <p class="strong">{visible(server.error.what)}</p>
            {server.error.detail !== "" && <p class="mono">{visible(server.error.detail)}</p>}
            {server.error.hint !== "" && <p>What to do: {visible(server.error.hint)}</p>}
          </div>
        )}
        {held > 0 && <p class="strong">{held === 1 ? "1 request is" : `${held} requests are`} held back.</p>}
      </div>
      <dl class="facts">
        <div>
          <dt>Server</dt>
          <dd class="mono">{visible(server.url)}</dd>
        </div>
        {server.model.id !== "" && (
          <div>
            <dt>Model</dt>
            <dd>{visible(server.model.id)}</dd>
          </div>
        )}
        {server.attested_at !== "" && (
          <div>
            <dt>{holds ? "Verified" : "Judged"}</dt>
            <dd title={visible(server.attested_at)}>
              {relative(server.attested_at, now)} <span class="soft">at {clockTime(server.attested_at)}</span>
            </dd>
          </div>
        )}
        {server.next_attestation !== "" && (
          <div>
            <dt>Again</dt>
            <dd>{relative(server.next_attestation, now)}</dd>
          </div>
        )}
        {server.verdict_digest !== "" && (
          <div>
            <dt>Verdict</dt>
            <dd>
              <Hash value={server.verdict_digest} />
            </dd>
          </div>
        )}
      </dl>
      {server.verdict !== null && <Strip checks={server.verdict.checks} />}
    </section>
  );
}
