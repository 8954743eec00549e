# SPDX-License-Identifier: Apache-2.0
"""Figures for the model card, all through llama.cpp and the quantised file, on files that training never saw.

usage: evaluate.py WORK PROBE MODEL.gguf --rows-seen N N [--holes N] [--windows N] [--samples]
"""

import argparse
import json
import math
import pathlib
import random

import numpy

import fim
from ngram import Ngram
from pack import Encoder
from probe import Probe

WINDOW, PREFIX_TOKENS, SUFFIX_TOKENS, MOST_GENERATED = 1024, 600, 300, 64
LIBRARY = "libpython3.11"


def windows(files, encode, most):
    """Up to `most` windows of token ids, spread over the held-out files; the first id of each goes unscored."""
    found = []
    for file in files:
        ids = encode(file["text"])
        found += [ids[at: at + WINDOW] for at in range(0, len(ids), WINDOW) if len(ids) - at > 32]
    random.Random(1).shuffle(found)
    return found[:most]


def holes(files, kind, count, seed):
    """[(path, prefix, middle, suffix)]: the rest of a line from a random place in it, or a line after its indentation."""
    source, found = random.Random(seed), []
    while len(found) < count:
        file = source.choice(files)
        start, end = source.choice(fim.line_spans(file["text"]))
        if kind == "rest of a line":
            start = source.randrange(start, end)
        text = file["text"]
        found.append((file["path"], text[:start], text[start:end], text[end:]))
    return found


def complete(probe, encode, prefix, suffix, prompt):
    ids = prompt(encode(prefix[-6000:])[-PREFIX_TOKENS:], encode(suffix[:4000])[:SUFFIX_TOKENS])
    generated, ended = probe.generate(ids, MOST_GENERATED)
    return encode.decode(generated), ended


def report_loss(arguments, files, encode, probe):
    parts = windows(files, encode, arguments.windows)
    scored = sum(len(part) - 1 for part in parts)
    size = sum(len(encode.decode(part[1:]).encode(errors="replace")) for part in parts)
    rows = [row for name, count in zip(("general.npy", "holes.npy"), arguments.rows_seen)
            for row in numpy.load(arguments.work / name, mmap_mode="r")[:count]]
    unigram, trigram = Ngram(1, encode.tokenizer.get_vocab_size()), Ngram(3, encode.tokenizer.get_vocab_size())
    for row in rows:
        unigram.add(row)
        trigram.add(row)
    print(f"held-out text: {len(parts)} windows, {scored} tokens scored, {size} bytes; "
          f"baselines counted on the {len(rows)} rows seen")
    for name, loss in (("unigram", unigram.loss), ("trigram", trigram.loss), ("model", probe.loss)):
        total = sum(map(loss, parts))
        print(f"{name:8} {total / scored:.3f} nats/token {total / math.log(2) / size:.3f} bits/byte", flush=True)


def report_holes(arguments, files, encode, probe):
    groups = {"listed library files": [file for file in files if file["listed"]],
              "other held-out files": [file for file in files if not file["listed"]]}
    for group, members in groups.items():
        for kind in ("rest of a line", "whole line"):
            cases = holes(members, kind, arguments.holes, 7)
            for name, prompt in (("PSM", fim.prompt_psm), ("SPM", fim.prompt_spm)):
                exact = ended_count = first_line = 0
                for _, prefix, middle, suffix in cases:
                    text, ended = complete(probe, encode, prefix, suffix, prompt)
                    exact += ended and text == middle
                    first_line += text.split("\n")[0].rstrip() == middle
                    ended_count += ended
                print(f"{group:22} {kind:15} {name} n={len(cases)} exact {exact} ({100 * exact / len(cases):.1f} %) "
                      f"first line {first_line} ({100 * first_line / len(cases):.1f} %) "
                      f"ended by itself {ended_count}", flush=True)


def print_samples(arguments, files, encode, probe):
    for file in [file for file in files if file["listed"]]:
        for kind in ("rest of a line", "whole line"):
            for path, prefix, middle, suffix in holes([file], kind, arguments.holes, 11):
                print(f"--- {path}, {kind}: {prefix.splitlines()[-1] if prefix else ''!r} wanted {middle!r}")
                for name, prompt in (("PSM", fim.prompt_psm), ("SPM", fim.prompt_spm)):
                    print(f"    {name} {complete(probe, encode, prefix, suffix, prompt)}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("probe")
    parser.add_argument("model")
    parser.add_argument("--rows-seen", type=int, nargs=2, required=True, help="rows trained on in either stage")
    parser.add_argument("--holes", type=int, default=250)
    parser.add_argument("--windows", type=int, default=120)
    parser.add_argument("--samples", action="store_true")
    arguments = parser.parse_args()
    listed = (pathlib.Path(__file__).parent.parent.parent / "models" / "held-out.txt").read_text().split("\n")
    files = [json.loads(line) for line in (arguments.work / "files.jsonl").open()]
    files = [dict(file, listed=file["path"] in listed and file["package"].startswith(LIBRARY))
             for file in files if file["split"] == "held-out"]
    encode, probe = Encoder(arguments.work / "tokenizer.json"), Probe(arguments.probe, arguments.model)
    if arguments.samples:
        print_samples(arguments, files, encode, probe)
        return
    report_loss(arguments, files, encode, probe)
    report_holes(arguments, files, encode, probe)


if __name__ == "__main__":
    main()
