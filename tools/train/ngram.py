# SPDX-License-Identifier: Apache-2.0
"""Unigram and trigram baselines over token ids: how far does counting alone get?"""

import collections
import math


class Ngram:
    """Interpolated n-gram with Witten-Bell smoothing, down to add-one unigrams; order 1 is the unigram alone."""

    def __init__(self, order, vocabulary):
        self.order, self.vocabulary = order, vocabulary
        self.counts = [collections.Counter() for _ in range(order)]
        self.contexts = [collections.Counter() for _ in range(order)]
        self.kinds = [collections.Counter() for _ in range(order)]

    def add(self, row):
        """Counts a row of ids; nothing is carried from one row to the next."""
        row = [int(token) for token in row]
        for at in range(len(row)):
            for n in range(min(self.order, at + 1)):
                gram = tuple(row[at - n: at + 1])
                self.counts[n][gram] += 1
                self.contexts[n][gram[:-1]] += 1
                if self.counts[n][gram] == 1:
                    self.kinds[n][gram[:-1]] += 1

    def probability(self, context, token):
        p = (self.counts[0][(token,)] + 1) / (self.contexts[0][()] + self.vocabulary)
        for n in range(1, self.order):
            if n > len(context):
                break
            before = tuple(context[len(context) - n:])
            seen = self.contexts[n][before]
            if not seen:
                break
            kinds = self.kinds[n][before]
            p = (self.counts[n][(*before, token)] + kinds * p) / (seen + kinds)
        return p

    def loss(self, row):
        """Summed nats of every id of the row but the first."""
        row = [int(token) for token in row]
        return -sum(math.log(self.probability(row[max(0, at - self.order + 1): at], row[at]))
                    for at in range(1, len(row)))
