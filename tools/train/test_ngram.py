# SPDX-License-Identifier: Apache-2.0
import math
import unittest

from ngram import Ngram


class Baselines(unittest.TestCase):
    def test_unigram_is_add_one(self):
        model = Ngram(1, 4)
        model.add([0, 0, 1])
        self.assertAlmostEqual(model.probability([], 0), 3 / 7)
        self.assertAlmostEqual(model.probability([1, 2], 3), 1 / 7)

    def test_probabilities_sum_to_one(self):
        model = Ngram(3, 5)
        model.add([0, 1, 2, 0, 1, 3, 0, 1, 2])
        for context in ([], [0], [0, 1], [4, 4], [2, 0]):
            self.assertAlmostEqual(sum(model.probability(context, token) for token in range(5)), 1.0)

    def test_trigram_knows_what_follows(self):
        model = Ngram(3, 5)
        model.add([0, 1, 2] * 20)
        self.assertGreater(model.probability([0, 1], 2), 0.9)
        self.assertLess(model.loss([0, 1, 2]), -math.log(0.3))

    def test_rows_are_apart(self):
        model = Ngram(2, 3)
        model.add([0])
        model.add([1])
        self.assertEqual(model.counts[1], {})


if __name__ == "__main__":
    unittest.main()
