# SPDX-License-Identifier: Apache-2.0
"""blindbox release: keys, a trust root, a signed release, and clients that take it as their policy."""

import hashlib
import json
import pathlib
import os
import shutil
import subprocess
import tempfile
import unittest

import harness
import images


class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-release-"))
        cls.addClassCleanup(shutil.rmtree, cls.home)
        images.docker_archive(cls.home / "app.tar", [images.layer_of({"bin/server": b"#!/bin/sh\n"})],
                              Entrypoint=["/bin/server"], ExposedPorts={"8000/tcp": {}})
        cls.blindbox(cls.home, "init")
        cls.blindbox(cls.home, "build", "--source-image", "docker-archive:app.tar", "--tag", "hello")
        for name in ("a", "b", "c", "d"):
            cls.blindbox(cls.home, "release", "key", "generate", name)
        cls.blindbox(cls.home, "release", "trust", "root.json", "--add", "a.pub", "--add", "b.pub", "--add", "c.pub",
                     "--sign", "a", "--sign", "b")
        cls.release(cls.home, "five.json", 5)
        cls.release(cls.home, "six.json", 6)

    @classmethod
    def release(cls, home, out, epoch, *more, signers=("a", "b")):
        signing = [word for key in signers for word in ("--sign", key)]
        return cls.blindbox(home, "release", "hello", "--epoch", epoch, "--out", out, *signing, *more)

    @staticmethod
    def run_blindbox(home, *arguments):
        ran = subprocess.run([harness.BINARY, *map(str, arguments)], capture_output=True, timeout=120, cwd=home,
                             env={**os.environ, "BLINDBOX_STORE": str(home / "store"), "XDG_STATE_HOME": str(home / "state")})
        return harness.Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    @classmethod
    def blindbox(cls, home, *arguments):
        ran = cls.run_blindbox(home, *arguments)
        if ran.code != 0:
            raise AssertionError(f"{arguments}: {ran}")
        return ran.out

    def setUp(self):
        # A machine that has seen nothing yet.
        shutil.rmtree(self.home / "state", ignore_errors=True)

    def refused(self, code, text, *arguments):
        ran = self.run_blindbox(self.home, *arguments)
        self.assertEqual(ran.code, code, ran)
        self.assertEqual(ran.out, "")
        self.assertIn(text, ran.err)

    def from_release(self, *files, root="root.json"):
        return self.blindbox(self.home, "policy", "from-release", *files, "--trust", root)

    def test_keys_are_secret_and_ordinary(self):
        self.assertEqual((self.home / "a").stat().st_mode & 0o777, 0o600)
        self.refused(10, "is there already", "release", "key", "generate", "a")
        ran = subprocess.run(["openssl", "pkey", "-in", self.home / "a", "-pubout"], capture_output=True, check=True)
        self.assertEqual(ran.stdout, (self.home / "a.pub").read_bytes())
        self.assertEqual(self.blindbox(self.home, "release", "key", "show", "a").split()[0],
                         self.blindbox(self.home, "release", "key", "show", "a.pub").split()[0])

    def test_other_tools_can_check_it(self):
        document = json.loads((self.home / "five.json").read_text())
        signed = json.dumps(document["signed"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        (self.home / "signed").write_bytes(signed)
        identity = self.blindbox(self.home, "release", "key", "show", "a.pub").split()[0]
        (self.home / "signature").write_bytes(bytes.fromhex(document["signatures"][identity]))
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.home / "a.pub", "-rawin", "-in",
                        self.home / "signed", "-sigfile", self.home / "signature"], check=True, capture_output=True)

    def test_it_promises_what_measure_computes(self):
        measured = json.loads(self.blindbox(self.home, "measure", "hello", "--json"))["image"]
        signed = json.loads((self.home / "five.json").read_text())["signed"]
        self.assertEqual(signed["image"], measured["digest"])
        self.assertEqual(signed["platforms"]["azure-aci"]["host_data"], [measured["host_data"]])
        self.assertEqual(signed["layers"], measured["layers"])
        self.assertEqual(signed["name"], "hello")
        policy = self.from_release("five.json")
        self.assertIn(measured["host_data"], policy)
        self.assertIn(measured["specification_sha256"], policy)
        (self.home / "policy.yml").write_text(policy)
        self.blindbox(self.home, "policy", "lint", "policy.yml")

    def test_nobody_goes_back(self):
        self.from_release("five.json")
        self.from_release("six.json")
        self.refused(14, "epoch 5, seen was 6", "policy", "from-release", "five.json", "--trust", "root.json")
        self.assertEqual(self.from_release("six.json", "five.json"), self.from_release("five.json", "six.json"))
        self.refused(14, "epoch 5, seen was 6", "connect", "https://127.0.0.1:1", "--release", "five.json", "--trust",
                     "root.json")
        self.refused(14, "epoch 5, seen was 6", "verify", "https://127.0.0.1:1", "--release", "five.json", "--trust",
                     "root.json")

    def test_withdrawn(self):
        self.release(self.home, "seven.json", 7, "--minimum-epoch", 6, "--force")
        self.from_release("seven.json", "six.json")
        self.refused(14, "epoch 5, the least is 6", "policy", "from-release", "seven.json", "five.json", "--trust", "root.json")

    def test_two_must_sign(self):
        self.release(self.home, "one.json", 8, "--force", signers=("a",))
        self.refused(4, "1 have signed, version 1 asks for 2", "policy", "from-release", "one.json", "--trust", "root.json")
        out = self.blindbox(self.home, "release", "sign", "one.json", "--key", "c")
        self.assertEqual(out.count("signed by"), 2)
        self.from_release("one.json")
        self.assertIn("are enough", self.blindbox(self.home, "release", "show", "one.json", "--trust", "root.json"))
        self.release(self.home, "stranger.json", 9, "--force", signers=("a", "d"))
        self.refused(4, "1 have signed", "policy", "from-release", "stranger.json", "--trust", "root.json")

    def test_a_changed_byte(self):
        text = (self.home / "six.json").read_text()
        (self.home / "bad.json").write_text(text.replace('"epoch":6', '"epoch":7'))
        self.refused(4, "is wrong", "policy", "from-release", "bad.json", "--trust", "root.json")
        (self.home / "bad.json").write_text(json.dumps(json.loads(text), indent=2))
        self.refused(3, "canonical", "policy", "from-release", "bad.json", "--trust", "root.json")
        self.assertFalse((self.home / "state").exists() and any((self.home / "state").rglob("*.json")))

    def test_keys_change_hands(self):
        self.from_release("five.json")
        self.blindbox(self.home, "release", "key", "revoke", "root.json", "--remove", "a.pub", "--add", "d.pub",
                      "--sign", "b", "--sign", "c", "--out", "root2.json")
        self.refused(4, "version 2 asks for 2", "policy", "from-release", "five.json", "--trust", "root2.json")
        self.blindbox(self.home, "release", "sign", "five.json", "--key", "d")
        self.from_release("five.json", root="root2.json")
        self.refused(14, "older than the trust root", "policy", "from-release", "five.json", "--trust", "root.json")
        self.refused(2, "revoked and may not come back", "release", "key", "rotate", "root2.json", "--add", "a.pub",
                     "--out", "root3.json")
        out = self.blindbox(self.home, "release", "key", "rotate", "root2.json", "--threshold", 3, "--sign", "d", "--out",
                            "root3.json")
        self.assertIn("2 more of its own keys", out)
        self.assertIn("1 more of the last version's keys", out)
        self.refused(4, "too few signatures", "policy", "from-release", "five.json", "--trust", "root3.json")

    def test_mistakes(self):
        self.refused(2, "--epoch", "release", "hello", "--out", "x.json")
        self.refused(2, "no TAG", "release")
        self.refused(10, "is there already", "release", "hello", "--epoch", 5, "--out", "five.json")
        self.refused(2, "fewer than two", "release", "trust", "x.json", "--add", "a.pub", "--threshold", 1)
        self.refused(2, "more signatures than it lists keys", "release", "trust", "x.json", "--add", "a.pub")
        self.refused(2, "needs --trust", "policy", "from-release", "five.json")
        self.refused(2, "nothing says what to accept", "connect", "https://127.0.0.1:1")
        self.refused(2, "need --release", "connect", "https://127.0.0.1:1", "--policy", "x", "--trust", "root.json")
        self.refused(2, "needs --measurement", "release", "hello", "--epoch", 5, "--platform", "sev-snp", "--out", "x.json")
        self.refused(2, "--expires", "release", "hello", "--epoch", 5, "--expires", "2020-01-01", "--out", "x.json")
        self.refused(2, "--pcr is for", "release", "hello", "--epoch", 5, "--pcr", "11=00", "--out", "x.json")
        os.chmod(self.home / "d", 0o644)
        ran = self.run_blindbox(self.home, "release", "sign", "five.json", "--key", "d")
        os.chmod(self.home / "d", 0o600)
        self.assertEqual(ran.code, 14)
        self.assertIn("chmod 600", ran.err)
        self.assertFalse((self.home / "x.json").exists())

    def test_other_platforms(self):
        launch = hashlib.sha384(b"launch").hexdigest()
        (self.home / "initdata.toml").write_text('algorithm = "sha256"\nversion = "0.1.0"\n')
        self.release(self.home, "all.json", 9, "--force", "--platform", "azure-aci", "--platform", "aks-virtual-nodes",
                     "--platform", "sev-snp", "--measurement", launch, "--initdata", "initdata.toml")
        platforms = json.loads((self.home / "all.json").read_text())["signed"]["platforms"]
        self.assertNotEqual(platforms["azure-aci"]["host_data"], platforms["aks-virtual-nodes"]["host_data"])
        self.assertEqual(platforms["sev-snp"]["host_data"],
                         [hashlib.sha256((self.home / "initdata.toml").read_bytes()).hexdigest()])
        self.refused(2, "several platforms", "policy", "from-release", "all.json", "--trust", "root.json")
        policy = self.blindbox(self.home, "policy", "from-release", "all.json", "--trust", "root.json",
                               "--release-platform", "sev-snp")
        self.assertIn(launch, policy)


if __name__ == "__main__":
    harness.main(fuse=False)
