# SPDX-License-Identifier: Apache-2.0
"""blindbox demo, as "make demo" runs it."""

import os
import re

import harness


class Demo(harness.StageTest):
    def test_it_goes_as_it_must(self):
        model = ["--model", harness.MODEL] if "BLINDBOX_MODEL" in os.environ else []
        ran = self.stage.run("demo", *model)
        self.assertEqual((ran.code, ran.err), (0, ""), ran)
        sections = re.split(r"\n(?=\d\. )", ran.out)
        self.assertEqual([section[:2] for section in sections[1:]], ["1.", "2.", "3.", "4.", "5.", "6."])
        self.assertIn("EMULATED, NOT A TEE", sections[0])
        self.assertRegex(sections[2], r"verdict: accepted .* 0 failed")
        for figure in ["time to first token", "tokens a second", "attestation, once"]:
            self.assertRegex(sections[3], rf"{figure} .*\d")
        refused_by = ["sev_snp.policy.debug_disabled", "sev_snp.measurement", "sev_snp.report_data"]
        for section, check in zip(sections[4:], refused_by, strict=True):
            self.assertRegex(section, rf"refused by +{check}\n")
            self.assertRegex(section, r"far end answered +\d+ challenges?\n")
            self.assertRegex(section, r"and received +0 application bytes\n")
        self.assertEqual(ran.out.count("\nrefused by "), 3)
        self.assertEqual(ran.out.splitlines()[-1], "*** EMULATED, NOT A TEE ***")
        self.expect_nothing_left()

    def expect_nothing_left(self):
        self.assertEqual((self.stage.leftovers(), self.stage.strays()), ([], []))
        self.assertEqual(harness.mounts_below(self.stage.folder), [])

    def test_without_a_model(self):
        ran = self.stage.run("demo", "--model", "absent.gguf")
        self.expect(ran, 8, "the model is not a regular file: absent.gguf", "No such file")
        self.expect_nothing_left()


if __name__ == "__main__":
    harness.main()
