# SPDX-License-Identifier: Apache-2.0
"""What a policy file that is none gets: exit status 7, and the place in the file. Nobody is connected to before."""

import socket
import textwrap

import harness

GOOD = textwrap.dedent("""\
    version: 1
    sev_snp:
      products:
        Milan:
          minimum_tcb: {bootloader: 4, tee: 0, snp: 24, microcode: 219}
      measurements:
        - "MEASUREMENT"
    """).replace("MEASUREMENT", "ab" * 48)


class Policies(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Counts who comes: a wrong policy must end before anybody is connected to.
        cls.listener = socket.create_server(("127.0.0.1", 0))
        cls.addClassCleanup(cls.listener.close)
        cls.listener.setblocking(False)
        cls.url = "https://127.0.0.1:%d" % cls.listener.getsockname()[1]

    def refused(self, policy, *texts):
        for command in ["verify", "connect"]:
            listen = ["--listen", "127.0.0.1:0"] if command == "connect" else []
            ran = self.stage.run(command, self.url, "--policy", policy, *listen)
            self.expect(ran, 7, "blindbox: error: ", *texts)
            self.assertNotIn("yaml-cpp", ran.err)
        self.assertRaises(BlockingIOError, self.listener.accept)

    def test_each_mistake_has_its_place(self):
        for name, text, place, what in [
                ("unknown key", GOOD + "unsure: {}\n", ":8:1: ", "unknown key unsure"),
                ("unknown key below", GOOD.replace("products:", "product:"), ":3:3: ", "unknown key product"),
                ("unknown key in unsafe", GOOD + "unsafe:\n  allow_debug: true\n", ":9:3: ", "unknown key allow_debug"),
                ("unknown product", GOOD.replace("Milan", "Naples"), ":4:5: ", "Naples"),
                ("duplicate key", GOOD + "version: 1\n", ":8:1: ", "duplicate key version"),
                ("duplicate key below", GOOD + "  measurements: []\n", ":8:3: ", "duplicate key measurements"),
                ("another version", GOOD.replace("version: 1", "version: 2"), ":1:10: ", "only version 1 is known"),
                ("wrong type", GOOD.replace("version: 1", "version: [1]"), ":1:10: ", "expected a decimal number"),
                ("a number that is quoted", GOOD.replace("snp: 24", 'snp: "24"'), ":5:", "expected a decimal number"),
                ("a number that does not fit", GOOD.replace("snp: 24", "snp: 256"), ":5:", "up to 255"),
                ("a map that is a list", "- version\n", ":1:1: ", "expected a map"),
                ("a list that is a text", GOOD.replace(":\n    - ", ": "), ":6:17: ", "expected a list"),
                ("a flag that is no flag", GOOD + "  require_crl: yes\n", ":8:16: ", "expected true or false"),
                ("too short", GOOD.replace("ab" * 48, "ab" * 47), ":7:7: ", "expected 48 bytes in hexadecimal"),
                ("too long", GOOD.replace("ab" * 48, "ab" * 49), ":7:7: ", "expected 48 bytes in hexadecimal"),
                ("no hexadecimal", GOOD.replace("abab", "abxy", 1), ":7:7: ", "expected 48 bytes in hexadecimal"),
                ("no fingerprint", GOOD + "unsafe:\n  trust_emulator: true\n", ":9:19: ", "expected 32 bytes"),
                ("no privilege level", GOOD + "  vmpl: 4\n", ":8:9: ", "vmpl is 0 to 3"),
                ("not YAML", "version: 1\n  : ][\n", ":2:", ""),
                ("an open quote", 'version: "1\n', ":", ""),
                ("a tab", "version: 1\nsev_snp:\n\tproducts: 1\n", ":3:", ""),
                ("empty", "", ":1:1: ", "empty"),
                ("comments alone", "# nothing\n", ":1:1: ", "empty"),
                ("an anchor", GOOD.replace("version: 1", "version: &one 1"), ":1:", ""),
                ("a bomb", "a: &a [x]\nb: &b [*a, *a]\n", ":1:", ""),
                ("a tag", GOOD.replace("version: 1", "version: !!int 1"), ":1:", "tags"),
                ("deep", "[" * 100 + "]" * 100, ":1:", "too deep"),
        ]:
            with self.subTest(name):
                self.refused(self.stage.write("policy.yml", text), f"policy.yml{place}", what)

    def test_whole_files(self):
        self.refused(self.stage.write("policy.yml", GOOD + "---\n" + GOOD), "policy.yml", "a second document")
        self.refused(self.stage.write("policy.yml", GOOD.encode() + b"# \xff\n"), "policy.yml", "not UTF-8")
        self.refused(self.stage.write("policy.yml", GOOD + "#" * 2_000_000), "policy.yml is larger than 1048576 bytes")
        self.refused("absent.yml", "cannot open absent.yml: No such file or directory", "--print-policy")
        self.refused(self.stage.folder, "it is a folder")
        self.refused("", "No such file")

    def test_the_good_one_is_good(self):
        """The control: the text above is refused for its mistakes alone."""
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        ran = self.stage.run("verify", f"https://127.0.0.1:{port}", "--policy", self.stage.write("good.yml", GOOD))
        self.expect(ran, 6, "cannot connect")

    def test_a_beginning_is_no_end(self):
        """What init writes is a policy, and lint says what is still to be filled in."""
        for platform, missing in [("sev-snp", "sev_snp.measurements"), ("azure-aci", "sev_snp.host_data"),
                                  ("azure-vm", "azure.vm.pcrs.4")]:
            with self.subTest(platform):
                made = self.stage.run("policy", "init", "--platform", platform)
                self.assertEqual((made.code, made.err), (0, ""))
                judged = self.stage.run("policy", "lint", self.stage.write("begun.yml", made.out))
                self.assertEqual((judged.code, judged.err), (7, ""), judged)
                self.assertRegex(judged.out, rf"(?m)^.*begun.yml: error: {missing}: ")
        self.expect(self.stage.run("policy", "init", "--platform", "tdx"), 2, "sev-snp, azure-aci or azure-vm")
        self.expect(self.stage.run("policy"), 2, "subcommand is required")

    def test_lint_of_a_policy_that_holds(self):
        judged = self.stage.run("policy", "lint", self.stage.write("good.yml", GOOD))
        self.assertEqual((judged.code, judged.err), (0, ""), judged)
        self.assertIn("warning: sev_snp.products.Milan.minimum_firmware: ", judged.out)
        self.expect(self.stage.run("policy", "lint", self.stage.write("bad.yml", "version: 2\n")), 7, "bad.yml:1:")


if __name__ == "__main__":
    harness.main(fuse=False)
