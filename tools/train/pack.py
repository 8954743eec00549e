# SPDX-License-Identifier: Apache-2.0
"""Files -> rows of 1025 token ids in training order (row r, column c predicts column c + 1).

usage: pack.py WORK   (reads files.jsonl and tokenizer.json, writes train.npy, heldout.npy, pack.json)

A file is taken from its beginning in pieces; a piece is shown plain or with a hole. A piece fills its row or has a
random length, so that every one of the 1024 positions is trained; a document never continues in the next row.
"""

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
FIM_SHARE, SPM_SHARE, FILL_SHARE = 0.7, 0.5, 0.45
CHARACTERS_PER_TOKEN = 3.0


def document(piece, room, encode, random):
    """Token ids of a piece with a hole, at most `room` of them; too much is cut from the suffix, then from the prefix's head."""
    hole = fim.choose_hole(piece, random)
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
    return order(prefix, middle, suffix)


def rows(texts, encode, random):
    row = []
    for text in texts:
        at = 0
        while at < len(text):
            room = ROW - len(row)
            if room < 80:  # too little for a hole: the beginning of the next piece, plain, fills it
                row += encode(text[at: at + 12 * room])[:room]
                row += [fim.PAD] * (ROW - len(row))
            elif random.random() < FIM_SHARE:
                size = room if random.random() < FILL_SHARE else int(80 * (room / 80) ** random.random())
                end = at + int(size * CHARACTERS_PER_TOKEN)
                end = text.find("\n", end) + 1 or len(text)
                row += document(text[at:end], room, encode, random)
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
                yield row
                row = []
            assert len(row) < ROW


class Encoder:
    def __init__(self, path):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(path))

    def __call__(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=False)


def chosen(work):
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
    random.Random(SEED).shuffle(texts)
    return texts, size


def main():
    work = pathlib.Path(sys.argv[1])
    encode = Encoder(work / "tokenizer.json")
    texts, size = chosen(work)
    train = numpy.array(list(rows(texts, encode, random.Random(SEED))), dtype=numpy.uint16)
    order = numpy.random.default_rng(SEED).permutation(len(train))
    numpy.save(work / "train.npy", train[order])
    held = [json.loads(line) for line in (work / "files.jsonl").open()]
    held = [file["text"] for file in held if file["split"] == "held-out"]
    heldout = numpy.array(list(rows(held, encode, random.Random(SEED + 1))), dtype=numpy.uint16)
    numpy.save(work / "heldout.npy", heldout)
    figures = {"train rows": len(train), "train tokens": train.size, "held-out rows": len(heldout),
               "bytes by package": size, "bytes": sum(size.values())}
    (work / "pack.json").write_text(json.dumps(figures, indent=1))
    print({k: v for k, v in figures.items() if k != "bytes by package"})


if __name__ == "__main__":
    main()
