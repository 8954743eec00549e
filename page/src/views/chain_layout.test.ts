// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import refused from "../../mock/recorded/refused-measurement.json";
import { verdict } from "../data/decode";
import type { ChainPart } from "../data/types";
import { brokenRoles, layOut, wrapped } from "./chain_layout";

const part = (role: string): ChainPart => ({ role, title: `the ${role}`, detail: "what it is", fingerprint: "ab".repeat(48) });
const whole = ["root", "intermediate", "leaf", "report", "manifest", "tls", "model"].map(part);

describe("layOut", () => {
  it("keeps everything inside, and apart, at every width", () => {
    for (const parts of [whole, whole.slice(0, 1), whole.slice(2), [], [...whole, part("other"), part("other")]]) {
      for (let width = 280; width < 1600; width += 20) {
        const { nodes, height, links } = layOut(parts, width, new Set());
        expect(nodes.length).toBe(parts.length);
        for (const node of nodes) {
          expect(node.x).toBeGreaterThanOrEqual(0);
          expect(node.x + node.width).toBeLessThanOrEqual(width + 0.01);
          expect(node.y + node.height).toBeLessThanOrEqual(height);
          expect(node.fingerprint.length).toBeGreaterThan(8);
          for (const other of nodes.filter((n) => n !== node)) {
            const apart = other.x >= node.x + node.width || node.x >= other.x + other.width || other.y >= node.y + node.height || node.y >= other.y + other.height;
            expect(apart, `${width}: ${node.part.role} and ${other.part.role}`).toBe(true);
          }
        }
        for (const link of links) expect(link.path).not.toMatch(/NaN|-\d{2,}/);
      }
    }
  });
  it("links each part to what vouches for it", () => {
    for (const width of [380, 1180]) {
      expect(layOut(whole, width, new Set()).links.map((l) => l.label).sort()).toEqual(["binds", "binds", "names", "signs", "signs", "signs"]);
    }
  });
});

describe("brokenRoles", () => {
  it("blames what failed", () => {
    const blamed = (...ids: string[]): string[] =>
      [...brokenRoles(verdict({ checks: ids.map((id) => ({ id, outcome: "failed" })) })?.checks ?? [])].sort();
    expect(blamed("sev_snp.root")).toEqual(["root"]);
    expect(blamed("sev_snp.report_data", "manifest.model_sha256")).toEqual(["model", "tls"]);
    expect(blamed("manifest.software")).toEqual(["manifest"]);
    expect(blamed("something.new")).toEqual(["report"]);
    expect(blamed()).toEqual([]);
    expect([...brokenRoles(verdict(refused)?.checks ?? [])]).toEqual(["report"]);
  });
});

describe("wrapped", () => {
  it("breaks at blanks, within words where it must, and says where it leaves off", () => {
    expect(wrapped("the quick brown fox", 10, 2)).toEqual(["the quick", "brown fox"]);
    expect(wrapped("abcdefghijklmnop", 6, 2)).toEqual(["abcdef", "ghijk…"]);
    expect(wrapped("", 6, 2)).toEqual([]);
  });
});
