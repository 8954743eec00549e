# SPDX-License-Identifier: Apache-2.0
"""Holes in Python text, and the two orders in which SantaCoder shows them to the model.

PSM: <fim-prefix>P<fim-suffix>S<fim-middle>M<|endoftext|>
SPM: <fim-prefix><fim-suffix>S<fim-middle>P M<|endoftext|>, the prefix going straight over into the middle.
Prefix, middle and suffix are encoded apart, as an editor's request is.
"""

END, PREFIX, MIDDLE, SUFFIX, PAD = range(5)
SPECIAL_TOKENS = ["<|endoftext|>", "<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"]


def order_psm(prefix, middle, suffix):
    return [PREFIX, *prefix, SUFFIX, *suffix, MIDDLE, *middle, END]


def order_spm(prefix, middle, suffix):
    return [PREFIX, SUFFIX, *suffix, MIDDLE, *prefix, *middle, END]


def prompt_psm(prefix, suffix):
    return order_psm(prefix, [], suffix)[:-1]


def prompt_spm(prefix, suffix):
    return order_spm(prefix, [], suffix)[:-1]


def line_spans(text):
    """[(start, end)] of every line that holds something: from its first character after the indentation to before the newline."""
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start + len(line) - len(line.lstrip()), start + len(line.rstrip())))
        start += len(line) + 1
    return spans


MIXED = (0.35, 0.60, 0.80)    # up to here: the rest of a line, a line, several lines; then spans of any characters
EDITING = (0.42, 0.80, 0.95)


def choose_hole(text, random, kinds=MIXED):
    """(start, end) of a hole, or None when there is nothing to cut. Most are what an editor asks for."""
    spans = line_spans(text)
    if not spans:
        return None
    kind, at = random.random(), random.randrange(len(spans))
    start, end = spans[at]
    if kind < kinds[0]:  # the rest of a line
        return random.randrange(start, end), end
    if kind < kinds[1]:  # a line
        return start, end
    if kind < kinds[2]:  # several lines, the first from its indentation or from somewhere inside
        if random.random() < 0.3:
            start = random.randrange(start, end)
        return start, spans[min(at + random.randrange(1, 7), len(spans) - 1)][1]
    start = random.randrange(len(text))
    return start, min(len(text), start + int(2 ** random.uniform(0, 9)))
