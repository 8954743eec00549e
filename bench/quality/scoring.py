# SPDX-License-Identifier: Apache-2.0
"""What counts as right, and the program that shows it."""

import math
import secrets

MARK = "passed-"


def cut(kind, text):
    """What of a completion is taken: of a single line the first that is not blank (a model may begin with the line break that
    its tokenizer joins to the indentation), of other holes all, for there the end is the model's."""
    if kind != "single-line":
        return text
    return next((line for line in text.split("\n") if line.strip()), "")


def filled(kind, hole, text):
    """The file with the hole filled. A single line brings its line break from the hole."""
    middle = cut(kind, text)
    if kind == "single-line" and hole.wanted.endswith("\n"):
        middle += "\n"
    return hole.before + middle + hole.after


def exact(kind, hole, text):
    """The very text, but for blanks and line breaks at its end, which nobody sees."""
    return cut(kind, text).rstrip() == hole.wanted.rstrip()


def program(kind, hole, text):
    """The program and the word that it says at its end: one that exits early has passed nothing."""
    word = MARK + secrets.token_hex(8)
    return (f"{filled(kind, hole, text)}\n{hole.test}\ncheck({hole.entry_point})\n"
            f"__import__('sys').stdout.write({word!r})\n"), word


def interval(right, count):
    """Wilson's interval at 95 %, in per cent."""
    if count == 0:
        return 0.0, 100.0
    z, share = 1.96, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return 100 * max(middle - half, 0), 100 * min(middle + half, 1)


def summary(records):
    """Counts over the lines of a result file."""
    counts = {"holes": len(records)}
    for name in ("exact", "passed", "ended"):
        counts[name] = sum(bool(record.get(name)) for record in records)
    for name in ("refused", "timeout", "memory"):
        counts[name] = sum(record.get("outcome") == name for record in records)
    return counts
