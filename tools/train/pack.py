# SPDX-License-Identifier: Apache-2.0
"""Files -> rows of 1025 token ids in training order (row r, column c predicts column c + 1), for both stages.

usage: pack.py WORK   (reads files.jsonl and tokenizer.json, writes general.npy, holes.npy, holes-marks.npy,
                       heldout.npy, pack.json, data.tsv)

A file is taken from its beginning in pieces; a piece is shown plain or with a hole. A piece fills its row or has a
random length, so that every one of the 1024 positions is trained; a document never continues in the next row.
The second stage has mostly short documents with holes of a line, since the middle and its end are what it is to learn;
its marks are 1 on the tokens of a middle and on the end that follows.
"""

import dataclasses
import itertools
import json
import pathlib
import random
import sys

import numpy
import tokenizers

import fim

ROW = 1025
SEED = 1
PACKAGE_BYTES = 1_000_000  # at most this much of one package, so that no project's style rules
LIBRARY_PASSES = 3         # the standard library is seen this often, each time with other holes
SPM_SHARE = 0.5
HOLES_ROWS = 6000
CHARACTERS_PER_TOKEN = 3.0


@dataclasses.dataclass(frozen=True)
class Stage:
    fim_share: float   # of the pieces, the rest is shown plain
    fill_share: float  # of the pieces with a hole that fill what is left of their row
    longest: int       # tokens of the others
    kinds: tuple       # of holes


GENERAL = Stage(0.7, 0.45, ROW, fim.MIXED)
HOLES = Stage(0.95, 0.12, 400, fim.EDITING)


def document(piece, room, encode, random, kinds=fim.MIXED):
    """(ids, marks) of a piece with a hole, at most `room`; too much is cut from the suffix, then from the prefix's head."""
    hole = fim.choose_hole(piece, random, kinds)
    start, end = hole if hole else (len(piece), len(piece))
    prefix, middle, suffix = encode(piece[:start]), encode(piece[start:end]), encode(piece[end:])
    over = len(prefix) + len(middle) + len(suffix) + 4 - room
    if over > 0:
        cut = min(over, len(suffix))
        suffix = suffix[: len(suffix) - cut]
        prefix = prefix[over - cut:] if over > cut else prefix
    if len(prefix) + len(middle) + len(suffix) + 4 > room:
        middle = middle[: room - 4]
    order = fim.order_spm if random.random() < SPM_SHARE else fim.order_psm
    ids = order(prefix, middle, suffix)
    return ids, [0] * (len(ids) - len(middle) - 1) + [1] * (len(middle) + 1)


def rows(texts, encode, random, stage=GENERAL):
    """Yields (ids, marks) of full rows."""
    row, marks = [], []
    for text in texts:
        at = 0
        while at < len(text):
            room = ROW - len(row)
            if room < 80:  # too little for a hole: the beginning of the next piece, plain, fills it
                row += encode(text[at: at + 12 * room])[:room]
                row += [fim.PAD] * (ROW - len(row))
            elif random.random() < stage.fim_share:
                longest = min(room, stage.longest)
                size = room if random.random() < stage.fill_share else int(80 * (longest / 80) ** random.random())
                end = at + int(size * CHARACTERS_PER_TOKEN)
                end = text.find("\n", end) + 1 or len(text)
                ids, hole = document(text[at:end], room, encode, random, stage.kinds)
                marks += [0] * (len(row) - len(marks)) + hole
                row += ids
                at = end
            else:
                piece = encode(text[at: at + 12 * room])[:room]
                at += len(encode.decode(piece))
                row += piece
                if at >= len(text) and len(row) < ROW:
                    row.append(fim.END)
                elif at < len(text):  # the next piece begins with a line
                    at = text.rfind("\n", 0, at) + 1 if "\n" in text[at - 200: at] else at
            if len(row) == ROW:
                yield row, marks + [0] * (ROW - len(marks))
                row, marks = [], []
            assert len(row) < ROW


class Encoder:
    def __init__(self, path):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(path))

    def __call__(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=False)


def chosen(work, seed):
    """Training texts in order: shuffled, packages capped, the standard library several times."""
    texts, size = [], {}
    for line in (work / "files.jsonl").open():
        file = json.loads(line)
        if file["split"] != "train":
            continue
        library = file["package"].startswith("libpython")
        taken = size.get(file["package"], 0)
        if library or taken + len(file["text"]) <= PACKAGE_BYTES:
            size[file["package"]] = taken + len(file["text"])
            texts += [file["text"]] * (LIBRARY_PASSES if library else 1)
    random.Random(seed).shuffle(texts)
    return texts, size


def write_sources(work, size):
    """data.tsv of the model card: every package looked at, its licences, and how much of it is in the pool."""
    with (work / "data.tsv").open("w") as out:
        print("package", "version", "taken", "licences found, or why not", "clean files", "bytes in the pool", sep="\t",
              file=out)
        for line in sorted((work / "licences.tsv").read_text().splitlines()):
            package, version, licence, _, kept, _ = line.split("\t")
            taken = "yes" if size.get(package) else "no"
            print(package, version, taken, licence or "-", kept, size.get(package, 0), sep="\t", file=out)


def main():
    work = pathlib.Path(sys.argv[1])
    encode = Encoder(work / "tokenizer.json")
    texts, size = chosen(work, SEED)
    train = numpy.array([row for row, _ in rows(texts, encode, random.Random(SEED))], dtype=numpy.uint16)
    order = numpy.random.default_rng(SEED).permutation(len(train))
    numpy.save(work / "general.npy", train[order])
    second = itertools.islice(rows(chosen(work, SEED + 2)[0], encode, random.Random(SEED + 2), HOLES), HOLES_ROWS)
    second, marks = zip(*second)
    order = numpy.random.default_rng(SEED + 2).permutation(HOLES_ROWS)
    numpy.save(work / "holes.npy", numpy.array(second, dtype=numpy.uint16)[order])
    numpy.save(work / "holes-marks.npy", numpy.array(marks, dtype=numpy.uint8)[order])
    held = [json.loads(line) for line in (work / "files.jsonl").open()]
    held = [file["text"] for file in held if file["split"] == "held-out"]
    heldout = numpy.array([row for row, _ in rows(held, encode, random.Random(SEED + 1))], dtype=numpy.uint16)
    numpy.save(work / "heldout.npy", heldout)
    figures = {"train rows": len(train), "train tokens": train.size, "held-out rows": len(heldout),
               "rows with marks": len(second), "marked tokens": int(numpy.sum(marks)),
               "bytes by package": size, "bytes": sum(size.values())}
    write_sources(work, size)
    (work / "pack.json").write_text(json.dumps(figures, indent=1))
    print({k: v for k, v in figures.items() if k != "bytes by package"})


if __name__ == "__main__":
    main()
