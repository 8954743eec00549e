// SPDX-License-Identifier: Apache-2.0
// A rosette drawn from the verdict's digest: another verdict looks another. It decorates; the digest is what counts.
import type { Standing } from "../data/standing";

function numbers(digest: string): number[] {
  const pairs = /^[0-9a-f]{16,}$/i.test(digest) ? (digest.match(/../g) ?? []) : [];
  return Array.from({ length: 8 }, (_, i) => Number.parseInt(pairs[i] ?? "5a", 16));
}

export function rosette(digest: string, ring: number): string {
  const n = numbers(digest);
  const petals = 7 + ((n[ring] ?? 0) % 11);
  const waves = 3 + ((n[ring + 3] ?? 0) % 5);
  const depth = 5 + ((n[ring + 5] ?? 0) % 7);
  const radius = 40 - ring * 11;
  let path = "";
  for (let i = 0; i <= 360; i += 1.5) {
    const angle = (i * Math.PI) / 180;
    const r = radius + depth * Math.sin(petals * angle) * Math.cos(waves * angle + ring);
    path += `${path === "" ? "M" : "L"}${(60 + r * Math.cos(angle)).toFixed(1)} ${(60 + r * Math.sin(angle)).toFixed(1)}`;
  }
  return `${path}Z`;
}

const marks: Partial<Record<Standing, string>> = {
  accepted: "M45 61l10 11l21-24",
  emulated: "M60 40v25M60 75v3",
  refused: "M46 46l28 28M74 46l-28 28",
  paused: "M52 46v28M68 46v28",
};
const question = "M50 51a10 10 0 1 1 14 9q-4 2-4 8M60 77v1";

export function Seal({ standing, digest }: { standing: Standing; digest: string }) {
  const whole = standing === "accepted" || standing === "emulated";
  return (
    <svg class="seal" viewBox="0 0 120 120" aria-hidden="true">
      {whole && [0, 1].map((ring) => <path key={ring} class="seal-line" d={rosette(digest, ring)} />)}
      <circle class="seal-edge" cx="60" cy="60" r="56" />
      <circle class="seal-core" cx="60" cy="60" r="25" />
      <path class="seal-mark" d={standing === "connecting" ? "M46 60h1M60 60h1M74 60h1" : (marks[standing] ?? question)} />
    </svg>
  );
}
