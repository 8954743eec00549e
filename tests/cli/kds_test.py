# SPDX-License-Identifier: Apache-2.0
"""What evidence lacks is fetched from a key distribution service, kept, and judged like the rest."""

import pathlib
import re

import harness

ASK_MILAN = "0x10001"  # the serial number of AMD's intermediate, which the emulator's has too


class Kds(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # All of one root: a guest that brings its certificates, from whose evidence the policy is made, and one whose
        # host leaves them to the client.
        cls.stage.emulator("full")
        cls.policy = cls.stage.policy("full")
        emulator = cls.stage.emulator("bare", "--no-certificates", "--kds", "127.0.0.1:0")
        cls.kds = emulator.kds
        cls.banner = emulator.errors()
        cls.server = cls.stage.serve("bare")
        text = cls.policy.read_text()
        cls.with_crl = cls.stage.write("crl.yml", text.replace("require_crl: false", "require_crl: true"))
        assert cls.with_crl.read_text() != text

    def verify(self, *options, policy=None):
        return self.stage.run("verify", self.server.url, "--policy", policy or self.policy, *options)

    def files(self, folder):
        return sorted(path.name for path in pathlib.Path(folder).iterdir())

    def test_the_emulator_says_what_it_is(self):
        self.assertRegex(self.kds, r"^http://127\.0\.0\.1:[1-9]\d*$")
        self.assertIn("EMULATED, NOT A TEE", self.banner)
        self.assertIn(f"EMULATED key distribution service: {self.kds}", self.banner)

    def test_fetched_once_then_kept(self):
        cache = self.stage.folder / "once"
        ran = self.verify("--kds-url", self.kds, "--cache-dir", cache)
        self.assertEqual((ran.code, ran.err), (0, ""), ran)
        # In no order: the chip's id, which is another each time the keys are made, may sort behind "chain".
        kept = set(self.files(cache)) - {"vcek-Milan-chain"}
        self.assertEqual(len(self.files(cache)), 2)
        self.assertRegex(kept.pop(), r"^vcek-Milan-[0-9a-f]{128}-[0-9a-f]{16}$")
        self.assertEqual(self.verify("--offline", "--cache-dir", cache).code, 0)
        # No list was asked for, so none was fetched.
        self.expect(self.verify("--offline", "--cache-dir", cache, policy=self.with_crl), 6,
                    "could not fetch the revocation list (Milan, vcek)", "offline was asked for", out=None)

    def test_kept_where_the_user_keeps_such_things(self):
        self.assertEqual(self.verify("--kds-url", self.kds).code, 0)
        self.assertEqual(len(self.files(self.stage.folder / "cache/blindbox/kds")), 2)

    def test_offline_with_nothing_kept(self):
        folder = self.stage.folder / "empty"
        for command in [["verify"], ["connect", "--listen", "127.0.0.1:0"]]:
            with self.subTest(command[0]):
                ran = self.stage.run(*command, self.server.url, "--policy", self.policy, "--offline", "--cache-dir",
                                     folder)
                self.expect(ran, 6, "could not fetch the VCEK (Milan)", "offline was asked for",
                            "once without --offline", out=None)
                self.assertNotRegex(ran.out, "accepted|ready")

    def test_revocation_lists(self):
        cache = self.stage.folder / "lists"
        self.assertEqual(self.verify("--kds-url", self.kds, "--cache-dir", cache, policy=self.with_crl).code, 0)
        self.assertIn("vcek-Milan-crl", self.files(cache))
        self.assertEqual(self.verify("--offline", "--cache-dir", cache, policy=self.with_crl).code, 0)

    def test_a_revoked_intermediate(self):
        emulator = self.stage.emulator("revoking", "--kds", "127.0.0.1:0", "--revoke", ASK_MILAN)
        ran = self.verify("--kds-url", emulator.kds, "--cache-dir", self.stage.folder / "revoked", policy=self.with_crl)
        self.expect(ran, 4, "sev_snp.crl", out=None)
        self.assertRegex(ran.out, r"(?m)^sev_snp\.crl .*revoked.* FAILED$")
        emulator.stop()

    def test_what_is_fetched_is_judged(self):
        """A service with other keys hands out a chain that is sound in itself, and no VCEK of this chip."""
        emulator = self.stage.emulator("stranger", "--kds", "127.0.0.1:0", keys=self.stage.folder / "other-keys")
        cache = self.stage.folder / "strange"
        self.expect(self.verify("--kds-url", emulator.kds, "--cache-dir", cache), 6, "could not fetch the VCEK (Milan)",
                    "has none", out=None)
        # With the right VCEK at hand its chain comes into the evidence, and is refused there.
        self.assertEqual(self.verify("--kds-url", self.kds, "--cache-dir", cache).code, 0)
        (cache / "vcek-Milan-chain").unlink()
        self.expect(self.verify("--kds-url", emulator.kds, "--cache-dir", cache), 4, "sev_snp.root", out=None)
        emulator.stop()

    def test_a_cache_that_cannot_be_written(self):
        ran = self.verify("--kds-url", self.kds, "--cache-dir", self.stage.write("file", ""))
        self.assertEqual(ran.code, 0, ran)
        self.assertRegex(ran.err, r"\Ablindbox: warning: what was fetched cannot be kept: .*\n\Z")

    def test_the_proxy_fetches_too(self):
        cache = self.stage.folder / "proxy"
        proxy = self.stage.start("connect", self.server.url, "--policy", self.with_crl, "--listen", "127.0.0.1:0",
                                 "--kds-url", self.kds, "--cache-dir", cache)
        _, before = proxy.wait_for("ready: point editors at ")
        self.assertTrue(any(re.match(r"verdict: accepted", line) for line in before), before)
        self.assertEqual(len(self.files(cache)), 3)
        proxy.stop()

    def test_usage(self):
        for options, text in [(["--kds-url", "http://192.0.2.1"], "plain HTTP only goes to this machine"),
                              (["--kds-url", "kdsintf.amd.com"], "not a URL"),
                              (["--cache-dir", ""], "--cache-dir needs the name of a folder")]:
            with self.subTest(options):
                self.expect(self.verify(*options), 2, text)
                self.expect(self.stage.run("connect", self.server.url, "--policy", self.policy, *options), 2, text)
        mount = self.stage.folder / "unused"
        mount.mkdir()
        for options, text in [(["--kds", "nowhere"], "not an address"),
                              (["--kds", "127.0.0.1:0", "--revoke", "one"], "--revoke"),
                              (["--revoke", "1"], "--kds")]:
            with self.subTest(options):
                self.expect(self.stage.run("emulator", "--mount", mount, *options), 2, text)


if __name__ == "__main__":
    harness.main()
