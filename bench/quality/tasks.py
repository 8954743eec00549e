# SPDX-License-Identifier: Apache-2.0
"""The holes of HumanEval infilling, as OpenAI's files hold them."""

import gzip
import json
import pathlib
import random
import typing

FILES = {"single-line": "HumanEval-SingleLineInfilling.jsonl.gz", "multi-line": "HumanEval-MultiLineInfilling.jsonl.gz",
         "random-span": "HumanEval-RandomSpanInfillingLight.jsonl.gz"}
MOST_BYTES = 256 << 20  # of a file once unpacked


class Hole(typing.NamedTuple):
    name: str
    entry_point: str
    before: str
    after: str
    wanted: str
    test: str


def load(folder, kind):
    """All holes of a kind. Those of several lines are made of the single lines where OpenAI's own file is not there."""
    path = pathlib.Path(folder, FILES[kind])
    if kind == "multi-line" and not path.exists():
        return multi_line(load(folder, "single-line"))
    return [hole(record) for record in records(path)]


def records(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES} bytes once unpacked")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def hole(record):
    return Hole(record["task_id"], record["entry_point"], record["prompt"], record["suffix"],
                record["canonical_solution"], record["test"])


def multi_line(single):
    """Every run of two or more lines of a solution, which is how OpenAI made theirs."""
    groups = {}
    for one in single:
        groups.setdefault(one.name.rsplit("/", 1)[0], []).append(one)
    out = []
    for name, lines in groups.items():
        lines = sorted(lines, key=lambda line: len(line.before))
        whole = lines[0].before + lines[0].wanted + lines[0].after
        for i, first in enumerate(lines):
            for last in lines[i + 1:]:
                end = len(last.before) + len(last.wanted)
                out.append(first._replace(name=f"{name}/{first.name.rsplit('/', 1)[1]}-{last.name.rsplit('/', 1)[1]}",
                                          wanted=whole[len(first.before):end], after=whole[end:]))
    return out


def indented(one):
    """The same hole behind the indentation of its first line, where an editor has put the cursor."""
    blanks = len(one.wanted) - len(one.wanted.lstrip(" \t"))
    return one._replace(before=one.before + one.wanted[:blanks], wanted=one.wanted[blanks:])


def sample(holes, count, seed):
    """count of them (0: all), always the same for one seed; more of them begin with the fewer."""
    holes = sorted(holes)
    random.Random(seed).shuffle(holes)
    return holes[:count] if count else holes
