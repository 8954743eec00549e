# SPDX-License-Identifier: Apache-2.0
"""blindbox verify, and connect's first look: what is accepted, and which check refuses what."""

import json
import re

import harness
import schema

BANNER = "EMULATED, NOT A TEE"

NOT_AUTHENTIC = {"sev_snp.root", "sev_snp.crl"}


class VerifyTest(harness.StageTest):
    def verify(self, server, policy, *options):
        return self.stage.run("verify", server.url, "--policy", policy, *options)

    def failed(self, server, policy):
        """The checks that failed, from --json."""
        ran = self.verify(server, policy, "--json")
        self.assertIn(ran.code, (4, 5), ran)
        verdict = schema.verdict(ran.out)
        self.assertEqual(verdict["stage"], {4: "not_authentic", 5: "not_acceptable"}[ran.code])
        return [check["id"] for check in verdict["checks"] if check["outcome"] == "failed"]

    def expect_refusal(self, server, policy, *checks):
        """By exactly these checks, which both commands name; and no byte of an editor's would have left."""
        self.assertEqual(self.failed(server, policy), list(checks))
        code = 4 if checks[0] in NOT_AUTHENTIC else 5
        ran = self.verify(server, policy)
        self.expect(ran, code, "blindbox: error: ", *checks, out=None)
        self.assertIn(f"127.0.0.1:{server.port}: refused\n", ran.out)
        for check in checks:
            self.assertRegex(ran.out, rf"(?m)^{check} .* FAILED$")
        connected = self.stage.run("connect", server.url, "--policy", policy, "--listen", "127.0.0.1:0")
        self.expect(connected, code, *checks, out=None)
        self.assertNotIn("ready:", connected.out)


class OneGuest(VerifyTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        cls.policy = cls.stage.policy()
        cls.server = cls.stage.serve()

    def changed(self, pattern, replacement):
        """The server's own policy with one difference."""
        text = self.policy.read_text()
        changed = re.sub(pattern, replacement, text, count=1)
        self.assertNotEqual(changed, text)
        return self.stage.write("changed.yml", changed)

    def test_a_server_without_escape_attempts_says_so(self):
        ran = self.verify(self.server, self.policy, "--probe", "--json")
        self.expect(ran, 6, "the server runs no escape attempts", out=None)
        verdict = schema.verdict(ran.out)
        self.assertEqual((verdict["verdict"], verdict["stage"]), ("refused", "could_not_fetch"))
        self.expect(self.stage.run("verify", "/dev/null", "--probe"), 2, "--probe is for a server", out=None)

    def test_accepted(self):
        ran = self.verify(self.server, self.policy)
        self.assertEqual((ran.code, ran.err), (0, ""), ran)
        lines = ran.out.splitlines()
        self.assertIn(BANNER, lines[0])
        self.assertIn(BANNER, lines[-3])
        self.assertEqual(lines[1].split(), ["check", "expected", "found", "outcome"])
        for row in lines[2:-4]:
            self.assertRegex(row, r"^[a-z_0-9.]+  .* (passed|not requested)$")
        self.assertRegex(lines[-4], r"^verdict: accepted at \S+Z, stage appraise: \d+ passed, 0 failed, \d+ not ")
        self.assertEqual(lines[-1], f"127.0.0.1:{self.server.port}: accepted")

    def test_accepted_as_json(self):
        ran = self.verify(self.server, self.policy, "--json")
        self.assertEqual((ran.code, ran.err), (0, ""), ran)
        verdict = schema.verdict(ran.out)
        self.assertEqual((verdict["verdict"], verdict["stage"], verdict["emulated"]), ("accepted", "accepted", True))
        self.assertEqual(verdict["sources"], [{"name": self.server.url, "form": "BlindBox server", "ignored": False}])
        for check in verdict["checks"]:
            self.assertIn(check["outcome"], ["passed", "not_requested"])
        # Each of the table in docs/checks.md is there, in its order.
        documented = re.findall(r"(?m)^\| `([a-z_0-9.]+)`", (harness.ROOT / "docs/checks.md").read_text())
        self.assertEqual([check["id"] for check in verdict["checks"]], documented)

    def test_without_a_policy(self):
        ran = self.stage.run("verify", self.server.url)
        # The safe defaults trust no emulator.
        self.expect(ran, 4, "sev_snp.root", out=None)
        self.assertIn("note: no expected software was given", ran.out)
        self.assertIn("refused", ran.out)
        verdict = schema.verdict(self.stage.run("verify", self.server.url, "--json").out)
        self.assertEqual((verdict["stage"], len(verdict["notes"])), ("not_authentic", 1))

    def test_at_another_time(self):
        ran = self.verify(self.server, self.policy, "--at", "2001-01-01")
        self.expect(ran, 4, "sev_snp.chain.dates", out=None)

    def test_nobody_there_as_json(self):
        ran = self.stage.run("verify", "https://127.0.0.1:1", "--json")
        self.assertEqual(ran.code, 6, ran)
        self.assertEqual(schema.verdict(ran.out)["stage"], "could_not_fetch")

    def test_each_expectation_refuses(self):
        for what, pattern, replacement, check in [
                ("other software", r'(measurements:\n    - ")..', r"\g<1>00", "sev_snp.measurement"),
                ("no software", r'measurements:\n    - ".*"', "measurements: []", "sev_snp.measurement"),
                ("other host data", r'(host_data:\n    - ")..', r"\g<1>ff", "sev_snp.host_data"),
                ("another chip", r"  vmpl: 0", '  chip_ids: ["%s"]\n  vmpl: 0' % ("ab" * 64),
                 "sev_snp.chip_id.allowed"),
                ("another level", r"vmpl: 0", "vmpl: 1", "sev_snp.vmpl"),
                ("no hyper-threads", r"(smt_disabled:) false", r"\1 true", "sev_snp.policy.smt_disabled"),
                ("one socket", r"(single_socket:) false", r"\1 true", "sev_snp.policy.single_socket"),
                ("no emulator", r"unsafe:(.*\n)*", "", "sev_snp.root"),
                ("another emulator", r'(trust_emulator: ")..', r"\g<1>00", "sev_snp.root"),
                ("another model", r'(model_sha256:\n    - ")..', r"\g<1>00", "manifest.model_sha256"),
                ("another version", r'(software_versions:\n    - ").*"', r'\g<1>99.0.0"', "manifest.software"),
                ("more isolation", r'(isolation_postures:\n    - ").*"', r'\g<1>full"', "manifest.isolation"),
        ]:
            with self.subTest(what):
                self.expect_refusal(self.server, self.changed(pattern, replacement), check)

    def test_newer_firmware(self):
        self.expect_refusal(self.server, self.changed(r"microcode: \d+", "microcode: 255"), "sev_snp.tcb.minimum",
                            "sev_snp.tcb.launch")

    def test_all_problems_at_once(self):
        policy = self.changed(r'(measurements:\n    - ")..', r"\g<1>00").read_text().replace("vmpl: 0", "vmpl: 3")
        policy = self.stage.write("both.yml", re.sub(r'(model_sha256:\n    - ")..', r"\g<1>00", policy))
        self.expect_refusal(self.server, policy, "sev_snp.vmpl", "sev_snp.measurement", "manifest.model_sha256")

    def test_pinning_fills_in_what_has_just_verified(self):
        """An emptied policy accepts nothing; pinned, it accepts this server and says what changed."""
        emptied = self.policy.read_text()
        for key in ["measurements", "host_data", "model_sha256"]:
            emptied = re.sub(rf'( {key}:)\n    - ".*"', r"\1 []", emptied)
        file = self.stage.write("emptied.yml", emptied)
        self.assertEqual(self.verify(self.server, file).code, 5)
        shown = self.stage.run("policy", "pin", self.server.url, "--policy", file)
        self.assertEqual(shown.code, 0, shown)
        self.assertEqual(file.read_text(), emptied)
        self.assertRegex(shown.err, r"(?m)^-   measurements: \[\]$")
        written = self.stage.run("policy", "pin", self.server.url, "--policy", file, "--write")
        self.assertEqual((written.code, written.out), (0, ""), written)
        self.assertEqual(file.read_text(), shown.out)
        self.assertEqual(self.verify(self.server, file).code, 0)
        again = self.stage.run("policy", "pin", self.server.url, "--policy", file, "--write")
        self.expect(again, 0, "says all of it already")

    def test_pinning_needs_evidence_that_is_accepted(self):
        untrusting = self.changed(r"unsafe:(.*\n)*", "")
        before = untrusting.read_text()
        ran = self.stage.run("policy", "pin", self.server.url, "--policy", untrusting, "--write")
        self.expect(ran, 4, "sev_snp.root", "nothing was pinned", out=None)
        self.assertEqual(untrusting.read_text(), before)
        self.expect(self.stage.run("policy", "pin", self.server.url, "--write"), 2, "--write needs --policy")

    def test_zz_nothing_else_was_sent(self):
        """The last: every client above has sent challenges and nothing more."""
        code, lines = self.server.process.stop()
        self.assertEqual(code, 0)
        counted = harness.counters(lines)
        self.assertEqual((counted["application_bytes"], counted["requests"]), (0, 0))
        self.assertGreater(counted["challenges"], 0)


class OtherGuests(VerifyTest):
    def test_every_processor_and_report(self):
        for product, version in [("milan", "2"), ("genoa", "3"), ("turin", "5")]:
            with self.subTest(product):
                emulator = self.stage.emulator(product, "--product", product, "--report-version", version,
                                               "--measurement", "cd" * 48, "--host-data", "ef" * 32)
                policy = self.stage.policy(product)
                self.assertIn("cd" * 48, policy.read_text())
                self.assertIn("ef" * 32, policy.read_text())
                server = self.stage.serve(product)
                self.assertEqual(self.verify(server, policy).code, 0)
                self.assertEqual(server.process.stop()[0], 0)
                self.assertEqual(emulator.stop()[0], 0)

    def test_a_debug_guest(self):
        """No policy accepts it, the one made for it included."""
        self.stage.emulator("debug", "--debug")
        self.expect_refusal(self.stage.serve("debug"), self.stage.policy("debug"), "sev_snp.policy.debug_disabled")


if __name__ == "__main__":
    harness.main()
