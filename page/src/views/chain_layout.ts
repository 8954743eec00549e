// SPDX-License-Identifier: Apache-2.0
// Where the parts of the chain stand in its picture. Wide: the signatures in one row, what the report binds below them.
// Narrow: everything below each other, what is bound indented.
import { shorten, visible } from "../text";
import type { ChainPart, Check } from "../data/types";

export interface Node {
  part: ChainPart;
  x: number;
  y: number;
  width: number;
  height: number;
  title: string[];
  detail: string[];
  fingerprint: string;
  broken: boolean;
}

export interface Link {
  path: string;
  label: string;
  x: number; // of the label
  y: number;
  anchor: "start" | "middle";
  broken: boolean;
}

export interface Picture {
  width: number;
  height: number;
  nodes: Node[];
  links: Link[];
}

const gap = 64;
const lineGap = 40;
const nodeHeight = 132;
const padding = 14;
const letter = { title: 7.4, detail: 6.6, hex: 8.2, fingerprint: 7 }; // pixels a character, generously

/** Lines of at most so many characters; the last one ends in an ellipsis where text is left out. */
export function wrapped(text: string, columns: number, lines: number): string[] {
  const out: string[] = [];
  let rest = visible(text).trim();
  while (rest !== "" && out.length < lines) {
    if (rest.length <= columns) {
      out.push(rest);
      return out;
    }
    if (out.length === lines - 1) {
      out.push(`${rest.slice(0, Math.max(columns - 1, 1))}…`);
      return out;
    }
    const blank = rest.lastIndexOf(" ", columns);
    const cut = blank > columns / 3 ? blank : columns;
    out.push(rest.slice(0, cut));
    rest = rest.slice(cut).trim();
  }
  return out;
}

const brokenBy: [string, RegExp][] = [
  ["root", /^sev_snp\.root$/],
  ["intermediate", /^sev_snp\.chain\./],
  ["leaf", /^sev_snp\.(chain\.|leaf\.|crl$|certificates\.|chip_id$)/],
  ["tls", /^(sev_snp\.report_data|azure\.vm\.quote\.freshness)$/],
  ["manifest", /^manifest\.(?!model)/],
  ["model", /^manifest\.model/],
];

/** The roles at which the chain does not hold; what no other part answers for is the report's. */
export function brokenRoles(checks: Check[]): Set<string> {
  const roles = new Set<string>();
  for (const check of checks.filter((c) => c.outcome === "failed")) {
    const found = brokenBy.filter(([, id]) => id.test(check.id)).map(([role]) => role);
    for (const role of found.length > 0 ? found : ["report"]) roles.add(role);
  }
  return roles;
}

function node(part: ChainPart, x: number, y: number, width: number, broken: Set<string>): Node {
  const inner = width - 2 * padding;
  return {
    part,
    x,
    y,
    width,
    height: nodeHeight,
    title: wrapped(part.title, Math.floor(inner / letter.title), 2),
    detail: wrapped(part.detail, Math.floor(inner / (/\S{20}/.test(part.detail) ? letter.hex : letter.detail)), 2),
    fingerprint: shorten(visible(part.fingerprint), Math.floor((inner / letter.fingerprint - 1) / 2)),
    broken: broken.has(part.role),
  };
}

const bound = ["tls", "manifest", "model"];

function wide(parts: ChainPart[], width: number, broken: Set<string>): Picture {
  const trunk = parts.filter((p) => !bound.includes(p.role));
  const columns = Math.max(trunk.length, 3);
  const size = (width - gap * (columns - 1)) / columns;
  const at = (column: number): number => column * (size + gap);
  const nodes = trunk.map((part, i) => node(part, at(i), 0, size, broken));
  const links: Link[] = nodes.slice(1).map((to) => ({
    path: `M${to.x - gap} ${nodeHeight / 2}H${to.x - 7}`,
    label: "signs",
    x: to.x - gap / 2,
    y: nodeHeight / 2 - 8,
    anchor: "middle",
    broken: to.broken,
  }));
  const last = nodes.at(-1);
  const row = nodeHeight + gap;
  let column = columns - 1;
  let from: Node | undefined;
  for (const role of bound) {
    const part = parts.find((p) => p.role === role);
    if (part === undefined) continue;
    const to = node(part, at(column), row, size, broken);
    if (role === "model" && from !== undefined) {
      const y = row + nodeHeight / 2;
      links.push({ path: `M${from.x} ${y}H${to.x + size + 7}`, label: "names", x: from.x - gap / 2, y: y - 8, anchor: "middle", broken: to.broken });
    } else if (last !== undefined) {
      const middle = to.x + size / 2;
      const source = last.x + size / 2;
      links.push({
        path: `M${source} ${nodeHeight}V${nodeHeight + gap / 2}H${middle}V${row - 7}`,
        label: "binds",
        x: middle + 8,
        y: row - gap / 4 + 2,
        anchor: "start",
        broken: to.broken,
      });
    }
    nodes.push(to);
    from = role === "manifest" ? to : undefined;
    column -= 1;
  }
  const height = nodes.some((n) => n.y > 0) ? row + nodeHeight : nodeHeight;
  return { width, height, nodes, links };
}

function narrow(parts: ChainPart[], width: number, broken: Set<string>): Picture {
  const order = [...parts.filter((p) => !bound.includes(p.role)), ...bound.flatMap((role) => parts.filter((p) => p.role === role))];
  const nodes: Node[] = [];
  const links: Link[] = [];
  for (const part of order) {
    const depth = part.role === "model" ? 2 : bound.includes(part.role) ? 1 : 0;
    const x = depth * 22;
    const to = node(part, x, nodes.length * (nodeHeight + lineGap), width - x, broken);
    const from = part.role === "model" ? nodes.findLast((n) => n.part.role === "manifest") : nodes.findLast((n) => n.x < x || (x === 0 && n.x === 0));
    if (from !== undefined) {
      const down = from.x + 11;
      const straight = from.x === x;
      links.push({
        path: straight ? `M${down} ${from.y + nodeHeight}V${to.y - 7}` : `M${down} ${from.y + nodeHeight}V${to.y + nodeHeight / 2}H${x - 7}`,
        label: part.role === "model" ? "names" : depth === 1 ? "binds" : "signs",
        x: Math.max(down, x) + 12,
        y: to.y - lineGap / 2 + 4,
        anchor: "start",
        broken: to.broken,
      });
    }
    nodes.push(to);
  }
  return { width, height: Math.max(nodes.length * (nodeHeight + lineGap) - lineGap, 0), nodes, links };
}

export function layOut(parts: ChainPart[], width: number, broken: Set<string>): Picture {
  const trunk = parts.filter((p) => !bound.includes(p.role)).length;
  const fits = (width - gap * (Math.max(trunk, 3) - 1)) / Math.max(trunk, 3) >= 168;
  return fits ? wide(parts, width, broken) : narrow(parts, width, broken);
}
