#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the known answers for docs/protocol.md, section M2, from its text alone: one scenario a file, hashlib only.

usage: tests/vectors/protocol/generate.py [--check]   (--check compares and writes nothing)
"""
import hashlib
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parent


def sha256(data):
    return hashlib.sha256(data).digest()


def sha512(data):
    return hashlib.sha512(data).digest()


def lp(data):
    return len(data).to_bytes(2, "big") + data


def sample(name, length):
    """Bytes that look random and are the same every time."""
    return hashlib.shake_128(b"blindbox vector/" + name.encode()).digest(length)


def context(nonce):
    return sha256(lp(b"blindbox/context/v1") + lp(nonce))


def binder(nonce, exporter, spki_sha256, manifest, hpke, secondary):
    h_hpke = sha256(hpke) if hpke else b""
    return sha512(lp(b"blindbox/binder/v1") + lp(b"server") + lp(nonce) + lp(exporter) + lp(spki_sha256)
                  + lp(sha256(manifest)) + lp(h_hpke) + lp(sha256(secondary)))


def leaf(binding):
    return sha512(b"\x00" + binding)


def split(count):
    """The largest power of two below count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def tree_hash(binders):
    """MTH of RFC 9162 section 2.1.1."""
    if len(binders) == 1:
        return leaf(binders[0])
    k = split(len(binders))
    return sha512(b"\x01" + tree_hash(binders[:k]) + tree_hash(binders[k:]))


def path(index, binders):
    """PATH of RFC 9162 section 2.1.3.1, from the leaf upwards."""
    if len(binders) == 1:
        return []
    k = split(len(binders))
    if index < k:
        return path(index, binders[:k]) + [tree_hash(binders[k:])]
    return path(index - k, binders[k:]) + [tree_hash(binders[:k])]


def report_data(size, root):
    return sha512(lp(b"blindbox/report-data/v1") + size.to_bytes(4, "big") + root)


def tpm_qualifying_data(size, root):
    return sha256(lp(b"blindbox/tpm/v1") + size.to_bytes(4, "big") + root)


def binder_scenario(name, hpke, secondary):
    inputs = {"nonce": sample(name + "/nonce", 32), "exporter": sample(name + "/exporter", 32),
              "spki_sha256": sample(name + "/spki", 32), "manifest": b'{"schema":"blindbox/manifest/v1"}',
              "hpke": hpke, "secondary": secondary}
    return {**inputs, "binder": binder(**inputs)}


def tree_scenario(size):
    binders = [sample(f"tree/{size}/{index}", 64) for index in range(size)]
    root = tree_hash(binders)
    return {"binders": binders, "leaves": [leaf(b) for b in binders], "root": root,
            "paths": [path(index, binders) for index in range(size)],
            "report_data": report_data(size, root), "tpm_qualifying_data": tpm_qualifying_data(size, root)}


def scenarios():
    for name in ("context", "context_zero"):
        nonce = bytes(32) if name == "context_zero" else sample(name, 32)
        yield name, {"nonce": nonce, "context": context(nonce)}
    hpke, secondary = sample("hpke", 41), sample("secondary", 300)
    yield "binder", binder_scenario("binder", b"", b"")
    yield "binder_hpke", binder_scenario("binder_hpke", hpke, b"")
    yield "binder_secondary", binder_scenario("binder_secondary", b"", secondary)
    yield "binder_hpke_secondary", binder_scenario("binder_hpke_secondary", hpke, secondary)
    for size in (1, 2, 3, 5, 8):
        yield f"tree_{size}", tree_scenario(size)


def as_text(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return {name: as_text(item) for name, item in value.items()}


def main():
    stale = 0
    for name, scenario in scenarios():
        file = FOLDER / f"{name}.json"
        text = json.dumps(as_text(scenario), indent=1) + "\n"
        if "--check" not in sys.argv[1:]:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            print(f"generate.py: error: {file.name} is not what the protocol says", file=sys.stderr)
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
