# SPDX-License-Identifier: Apache-2.0
"""Talks to the compiled probe.cc."""

import subprocess


class Probe:
    def __init__(self, program, model):
        self._process = subprocess.Popen([program, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ask(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the probe ended")
        return answer.split()

    def tokenize(self, text):
        return [int(word) for word in self._ask("T", text.encode().hex())]

    def generate(self, ids, limit):
        """(greedy ids, whether the model ended by itself)."""
        found = [int(word) for word in self._ask("G", limit, *ids)]
        return (found[:-1], True) if found[-1:] == [-1] else (found, False)

    def logits(self, ids):
        return [float(word) for word in self._ask("L", *ids)]

    def loss(self, ids):
        return float(self._ask("S", *ids)[0])
