# SPDX-License-Identifier: Apache-2.0
import random
import unittest

import fim

TEXT = "def f(x):\n    if x:\n        return 1\n\n    return 2\n"


class Holes(unittest.TestCase):
    def test_orders_are_santacoders(self):
        self.assertEqual(fim.order_psm([10], [20], [30]), [fim.PREFIX, 10, fim.SUFFIX, 30, fim.MIDDLE, 20, fim.END])
        self.assertEqual(fim.order_spm([10], [20], [30]), [fim.PREFIX, fim.SUFFIX, 30, fim.MIDDLE, 10, 20, fim.END])

    def test_prompts_end_where_the_middle_begins(self):
        self.assertEqual(fim.prompt_psm([10], [30]), [fim.PREFIX, 10, fim.SUFFIX, 30, fim.MIDDLE])
        self.assertEqual(fim.prompt_spm([10], [30]), [fim.PREFIX, fim.SUFFIX, 30, fim.MIDDLE, 10])
        self.assertEqual(fim.prompt_spm([], []), [fim.PREFIX, fim.SUFFIX, fim.MIDDLE])

    def test_tokens_have_hyphens_and_their_ids(self):
        self.assertEqual(fim.SPECIAL_TOKENS[fim.MIDDLE], "<fim-middle>")
        self.assertEqual(fim.SPECIAL_TOKENS[fim.SUFFIX], "<fim-suffix>")

    def test_line_spans_leave_indentation_and_newline_outside(self):
        self.assertEqual([TEXT[a:b] for a, b in fim.line_spans(TEXT)],
                         ["def f(x):", "if x:", "return 1", "return 2"])

    def test_every_hole_lies_in_the_text(self):
        source = random.Random(1)
        kinds = set()
        for _ in range(2000):
            start, end = fim.choose_hole(TEXT, source)
            self.assertTrue(0 <= start <= end <= len(TEXT))
            kinds.add(TEXT[start:end].count("\n"))
        self.assertIn(0, kinds)
        self.assertIn(2, kinds)

    def test_nothing_to_cut(self):
        self.assertIsNone(fim.choose_hole("\n  \n", random.Random(1)))


if __name__ == "__main__":
    unittest.main()
