// SPDX-License-Identifier: Apache-2.0
// From the silicon's root to the model's hash: a picture, and the same as a list with the whole fingerprints.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Server } from "../data/types";
import { visible } from "../text";
import { brokenRoles, layOut, type Node } from "./chain_layout";
import { Hash } from "./parts";

const roles: Record<string, string> = {
  root: "The silicon's root",
  intermediate: "Its signing authority",
  leaf: "This chip's key",
  report: "Attestation report",
  tls: "TLS session",
  manifest: "Service manifest",
  model: "Model weights",
};

const roleName = (role: string): string => roles[role] ?? visible(role);

function Part({ node }: { node: Node }) {
  const left = node.x + 14;
  let y = node.y + 24;
  const title = node.title.map((line, i) => (
    <text key={i} class="chain-title" x={left} y={(y += i === 0 ? 21 : 17)}>
      {line}
    </text>
  ));
  const detail = node.detail.map((line, i) => (
    <text key={i} class="chain-detail" x={left} y={(y += i === 0 ? 19 : 15)}>
      {line}
    </text>
  ));
  return (
    <g class={node.broken ? "chain-node broken" : "chain-node"}>
      <rect x={node.x + 0.5} y={node.y + 0.5} width={node.width - 1} height={node.height - 1} rx={5} />
      <path class="chain-notch" d={`M${node.x + 0.5} ${node.y + 12}v${node.height - 24}`} />
      <text class="chain-role" x={left} y={node.y + 22}>
        {roleName(node.part.role)}
        {node.broken ? " ✕ does not hold" : ""}
      </text>
      {title}
      {detail}
      <text class="chain-print" x={left} y={node.y + node.height - 12}>
        {node.fingerprint}
      </text>
    </g>
  );
}

export function Chain({ server }: { server: Server }) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = (): void => {
      setWidth(Math.floor(element.clientWidth));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => {
      observer.disconnect();
    };
  }, []);
  const broken = brokenRoles(server.verdict?.checks ?? []);
  const picture = width > 0 ? layOut(server.chain, width, broken) : null;
  return (
    <section aria-labelledby="chain-heading">
      <h2 id="chain-heading">From the silicon to the model</h2>
      <p class="lead">
        Each part vouches for the next. The maker's root is pinned in this program; the report's REPORT_DATA binds this very TLS
        session and what the server says that it runs.
      </p>
      <div class="chain-frame" ref={frame}>
        {picture !== null && server.chain.length > 0 && (
          <svg
            class="chain"
            viewBox={`0 0 ${picture.width} ${picture.height}`}
            width={picture.width}
            height={picture.height}
            role="img"
            aria-label={`Chain of trust: ${server.chain.map((p) => roleName(p.role)).join(", then ")}. The list below has the same.`}
          >
            <defs>
              <marker id="arrow" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="8" markerHeight="8" orient="auto">
                <path d="M0 0L8 4L0 8Z" class="chain-arrow" />
              </marker>
            </defs>
            {picture.links.map((link) => (
              <g key={link.path} class={link.broken ? "chain-link broken" : "chain-link"}>
                <path d={link.path} marker-end="url(#arrow)" />
                <text x={link.x} y={link.y} text-anchor={link.anchor}>
                  {link.broken ? "✕" : link.label}
                </text>
              </g>
            ))}
            {picture.nodes.map((node, i) => (
              <Part key={`${node.part.role}${i}`} node={node} />
            ))}
          </svg>
        )}
      </div>
      {server.chain.length === 0 ? (
        <p class="empty">There is no chain yet: no evidence of this server has been read.</p>
      ) : (
        <ol class="chain-list">
          {server.chain.map((part, i) => (
            <li key={i} class={broken.has(part.role) ? "broken" : ""}>
              <span class="label">{roleName(part.role)}</span>
              <span>
                <b>{visible(part.title)}</b> {visible(part.detail)}
              </span>
              <Hash value={part.fingerprint} whole />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
