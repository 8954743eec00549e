# SPDX-License-Identifier: Apache-2.0
"""What verify says of files that are no evidence, and of what is no file."""

import base64
import json
import os
import resource
import subprocess

import harness
import schema

REPORT = (2).to_bytes(4, "little") + bytes(1180)


class Sources(harness.StageTest):
    def refused(self, code, *arguments, stage="malformed"):
        """The error, once from the text and once from JSON."""
        ran = self.stage.run("verify", "--offline", *arguments)
        self.expect(ran, code, "blindbox: error: ", out=None)
        as_json = self.stage.run("verify", "--offline", *arguments, "--json")
        self.assertEqual(as_json.code, code)
        verdict = schema.verdict(as_json.out)
        self.assertEqual((verdict["verdict"], verdict["stage"]), ("refused", stage))
        return verdict["error"]

    def test_hostile_contents(self):
        nested = "[" * 200_000
        bomb = "A" * 1_000_000
        for _ in range(4):
            bomb = base64.b64encode(bomb.encode()).decode()
        for name, contents, says in [
                ("empty", b"", "is empty"),
                ("text", b"hello", "holds no evidence"),
                ("noise", bytes(range(256)) * 40, "holds no evidence"),
                ("deep", nested + "]" * 200_000, "nested deeper"),
                ("deep objects", '{"a":' * 100_000, "nested deeper"),
                ("twice", '{"report": "a", "report": "b"}', "twice"),
                ("no UTF-8", b'{"report": "\xff\xfe"}', "holds no evidence"),
                ("a base64 bomb", bomb, "holds no evidence"),
                ("a cut PEM", "-----BEGIN CERTIFICATE-----\nAAAA", "no end"),
                ("a cut report", REPORT[:-1], "holds no evidence"),
                ("much JSON", json.dumps({"a": "x" * (3 << 20)}), "larger than")]:
            with self.subTest(name):
                error = self.refused(3, self.stage.write("it", contents))
                self.assertIn(says, error["what"])
                self.assertIn("it", error["what"])

    def test_two_reports(self):
        first = self.stage.write("first.bin", REPORT)
        second = self.stage.write("second.bin", REPORT[:-1] + b"\1")
        error = self.refused(3, first, second)
        self.assertIn(f"{first} and {second} differ: SEV-SNP report", error["what"])

    def test_a_report_of_nothing(self):
        verdict = json.loads(self.stage.run("verify", "--offline", self.stage.write("it", bytes(1184)), "--json").out)
        self.assertEqual([check["id"] for check in verdict["checks"] if check["outcome"] == "failed"],
                         ["sev_snp.report.version"])

    def test_memory_stays_within_a_few_times_a_file(self):
        size = 16 << 20
        limit = 320 << 20
        for name, contents in [("empty sequences", b"\x30\x00" * (size // 2)), ("one sequence", b"\x30\x83\xff\xff\xfb" + b"\x30\x00" * (size // 2 - 2)),
                               ("base64", base64.b64encode(bytes(size // 4 * 3))[:size]), ("hexadecimal", b"30" * (size // 2)),
                               ("PEM", b"-----BEGIN X-----\n-----END X-----\n" * (size // 36)), ("lists", b"[" + b"[]," * (600 << 10) + b"[]]"),
                               ("documents", b"{}" * (size // 2)), ("UTF-16", b"\xff\xfe" + b"A\0" * (size // 2 - 1))]:
            with self.subTest(name):
                path = self.stage.write("it", contents)
                done = subprocess.run([harness.BINARY, "verify", "--offline", path], stdin=subprocess.DEVNULL, check=False,
                                      capture_output=True, env=self.stage.environment, timeout=harness.PATIENCE,
                                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
                self.assertEqual(done.returncode, 3, done.stderr[-500:])

    def test_what_is_large_is_not_read(self):
        huge = self.stage.write("huge", b"")
        os.truncate(huge, 100 << 20)
        self.assertIn("larger than", self.refused(3, huge)["what"])
        if os.environ.get("BLINDBOX_SANITIZED"):
            return  # a sanitizer takes more address space than any limit that says something
        # Nor is what comes in without end.
        limit = 400 << 20
        with open("/dev/zero", "rb") as zeros:
            done = subprocess.run([harness.BINARY, "verify", "-"], stdin=zeros, capture_output=True, check=False,
                                  env=self.stage.environment, timeout=harness.PATIENCE,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(b"larger than", done.stderr)

    def test_what_is_no_file(self):
        os.mkfifo(self.stage.folder / "pipe")
        for source in ["absent", "pipe", "/dev/zero", "absent/deeper"]:
            with self.subTest(source):
                self.assertIn(source, self.refused(6, source, stage="could_not_fetch")["what"])

    def test_names_are_shown_harmless(self):
        source = self.stage.write("\x1b[31mred", REPORT)
        self.assertNotIn("\x1b", self.stage.run("verify", "--offline", source).out)

    def test_usage(self):
        report = self.stage.write("report.bin", REPORT)
        for arguments in [["https://localhost:1", report], [report, "https://localhost:1"], [""], [report, ""],
                          ["https://localhost:1", "--report-data", "00" * 64]]:
            with self.subTest(arguments):
                self.expect(self.stage.run("verify", "--offline", *arguments), 2, "blindbox: error: ")

    def test_the_table_of_checks_is_the_documents(self):
        done = subprocess.run([harness.ROOT / "tools/checks", harness.BINARY], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    harness.main(fuse=False)
