// SPDX-License-Identifier: Apache-2.0
// What goes through the proxy now.
import type { Server, Status } from "../data/types";
import { type Standing, words } from "../data/standing";
import { bytes, relative, visible } from "../text";

const cellCap = 48;

function Cells({ server }: { server: Server }) {
  const { busy, idle } = server.connections;
  const all = [...Array<string>(Math.min(busy, cellCap)).fill("busy"), ...Array<string>(Math.min(idle, cellCap)).fill("idle")];
  return (
    <span class="cells" role="img" aria-label={`${busy} connections busy, ${idle} idle`}>
      {all.slice(0, cellCap).map((kind, i) => (
        <i key={i} class={kind} />
      ))}
      {all.length === 0 && <span class="soft">none open</span>}
    </span>
  );
}

interface Props {
  status: Status;
  standingOf: (server: Server) => Standing;
  now: number;
}

export function Traffic({ status, standingOf, now }: Props) {
  return (
    <section aria-labelledby="traffic-heading">
      <h2 id="traffic-heading">Connections and requests</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Connections of each server">
        <table class="stack">
          <thead>
            <tr>
              <th scope="col">Server</th>
              <th scope="col">State</th>
              <th scope="col">Attested connections</th>
              <th scope="col" class="number">
                Under way
              </th>
              <th scope="col" class="number">
                Held back
              </th>
              <th scope="col" class="number">
                So far
              </th>
            </tr>
          </thead>
          <tbody>
            {status.servers.map((server) => (
              <tr key={server.name}>
                <th scope="row">{visible(server.name)}</th>
                <td data-label="State">
                  <span class={`tag ${standingOf(server)}`}>{words[standingOf(server)].title}</span>
                </td>
                <td data-label="Connections">
                  <Cells server={server} />
                </td>
                <td data-label="Under way" class="number">
                  {server.requests.active}
                </td>
                <td data-label="Held back" class="number">
                  {server.requests.held}
                </td>
                <td data-label="So far" class="number">
                  {server.requests.total}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft legend">
        <i class="cell busy" /> busy <i class="cell idle" /> idle, verified and waiting
      </p>
      <h3>Under way</h3>
      {status.active.length === 0 ? (
        <p class="empty">Nothing is under way.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Requests under way">
          <table class="stack">
            <thead>
              <tr>
                <th scope="col">Request</th>
                <th scope="col">Server</th>
                <th scope="col">Began</th>
                <th scope="col" class="number">
                  Out
                </th>
                <th scope="col" class="number">
                  In
                </th>
              </tr>
            </thead>
            <tbody>
              {status.active.map((request) => (
                <tr key={request.id}>
                  <th scope="row" class="mono">
                    {visible(request.method)} {visible(request.path)}
                  </th>
                  <td data-label="Server">{visible(request.server)}</td>
                  <td data-label="Began">{relative(request.time, now)}</td>
                  <td data-label="Out" class="number">
                    {bytes(request.bytes_out)}
                  </td>
                  <td data-label="In" class="number">
                    {bytes(request.bytes_in)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <h3>Secret scan</h3>
      <p>
        Mode <b>{visible(status.scan.mode) || "off"}</b>, {status.scan.findings === 1 ? "1 finding" : `${status.scan.findings} findings`} since the
        proxy started.
      </p>
    </section>
  );
}
