# SPDX-License-Identifier: Apache-2.0
"""blindbox run: a wrapped image under an OCI runtime, from its clients' side, and how it ends."""

import json
import os
import pathlib
import re
import shutil
import signal
import sys
import urllib.request

import harness
import images

PAGE = b"hello from inside\n"
# The application's own status, so that nobody else's can be taken for it.
TAKES_ITS_LEAVE = "trap 'exit 5' TERM; /bin/busybox httpd -f -p 8000 -h /srv & while :; do wait; done"


class RunTest(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.environment["BLINDBOX_STORE"] = str(cls.stage.folder / "store")
        cls.keys = os.environ.get("BLINDBOX_TEST_KEYS", str(cls.stage.folder / "keys"))
        cls.layer = images.layer_of({"bin/busybox": pathlib.Path(shutil.which("busybox")).read_bytes(),
                                     "bin/sh": b"#!/bin/busybox sh\n", "srv/index.html": PAGE})
        cls.wrap("sealed", TAKES_ITS_LEAVE)
        cls.wrap("ends", 'exit "${STATUS:-7}"', "restart: never\nenvironment: [STATUS]\n")

    @classmethod
    def wrap(cls, tag, script, more=""):
        archive = images.docker_archive(cls.stage.folder / f"{tag}.tar", [cls.layer],
                                        Entrypoint=["/bin/busybox", "sh", "-c", script], Env=["PATH=/bin"],
                                        ExposedPorts={"8000/tcp": {}})
        cls.stage.write("blindbox.yml", "platform: azure-aci\n" + more)
        built = cls.stage.run("build", "--source-image", f"docker-archive:{archive}", "--tag", tag)
        if built.code:
            raise AssertionError(built.err)

    def start(self, tag, *options):
        """What init and the application say comes with what blindbox says."""
        return self.stage.start("run", tag, "--keys", self.keys, "--listen", "127.0.0.1:0", *options, merged=True)

    def serving(self):
        """A container whose application answers: the process, its URL, its policy."""
        policy = self.stage.folder / f"{self._testMethodName}.yml"
        process = self.start("sealed", "--write-policy", policy)
        port, before = process.wait_for_text("ready: attested TLS on port ")
        self.assertIn("EMULATED, NOT A TEE", before[0])
        process.wait_for_text("the application answers")
        return process, f"https://127.0.0.1:{port}", policy

    def ended(self, process, number=signal.SIGTERM):
        """The exit status and the gateway's counters."""
        code, lines = process.stop(number)
        counters = [line for line in lines if " gateway: {" in line]
        self.assertEqual(len(counters), 1, lines)
        return code, json.loads(counters[0][counters[0].index("{"):])

    def nothing_is_left(self):
        self.assertEqual((self.stage.leftovers(), self.stage.strays(), harness.mounts_below(self.stage.folder)),
                         ([], [], []))

    def get(self, url, policy):
        """Through a proxy that verifies: the page."""
        proxy = self.stage.connect(url, policy)
        with urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/index.html", timeout=harness.PATIENCE) as answer:
            page = answer.read()
        self.assertEqual(proxy.process.stop()[0], 0)
        return page


class Serving(RunTest):
    def test_a_client_verifies_and_is_served(self):
        process, url, policy = self.serving()
        inside = self.container(process)
        self.assertGreaterEqual(len(inside), 4)  # the runtime, init, the gateway, the keeper or the application
        verified = self.stage.run("verify", url, "--policy", policy)
        self.assertEqual(verified.code, 0, verified)
        self.assertEqual(self.get(url, policy), PAGE)
        code, counters = self.ended(process)
        self.assertEqual(code, 5, "the application's own status, after it was asked to end")
        self.assertEqual(counters["requests"], 1)
        self.assertGreater(counters["application_bytes"], 0)
        for pid in inside:
            self.assertTrue(harness.gone(pid))
        self.nothing_is_left()

    def test_clients_that_demand_something_else_give_nothing_away(self):
        process, url, policy = self.serving()
        text = policy.read_text()
        digest = re.search(r"isolation_policies:\s*(?:#[^\n]*\s*)*- \"?([0-9a-f]{64})", text)[1]
        other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
        confined = re.sub(r'\n +- "?(filtered|namespaces)"?(?=\n)', "", text)
        self.assertNotEqual(confined, text)
        for name, demanded, reason in [("posture", confined, "the isolation posture is not in the policy"),
                                       ("digest", text.replace(digest, other), "the isolation policy")]:
            with self.subTest(name):
                refusing = self.stage.write(f"{name}.yml", demanded)
                self.expect(self.stage.run("verify", url, "--policy", refusing), 5, reason, out=None)
                connected = self.stage.run("connect", url, "--policy", refusing, "--listen", "127.0.0.1:0")
                self.expect(connected, 5, reason, out=None)
        code, counters = self.ended(process, signal.SIGINT)
        self.assertEqual((code, counters["requests"], counters["application_bytes"]), (5, 0, 0))
        self.assertGreaterEqual(counters["challenges"], 4)
        self.nothing_is_left()

    def test_a_signed_release_is_what_clients_demand(self):
        process, url, policy = self.serving()
        text = policy.read_text()
        measurement = re.search(r"measurements:\s*(?:#[^\n]*\s*)*- \"?([0-9a-f]{96})", text)[1]
        digest = re.search(r"isolation_policies:\s*(?:#[^\n]*\s*)*- \"?([0-9a-f]{64})\"?", text)
        # What the hardware must be stays the policy's; what runs there is the release's.
        open_policy = self.stage.write("open.yml", text[:digest.start()] + "isolation_policies: []" + text[digest.end():])
        state = ("--state-dir", self.stage.folder / "releases")
        for words in (("key", "generate", "one"), ("key", "generate", "two"),
                      ("trust", "root.json", "--add", "one.pub", "--add", "two.pub", "--sign", "one", "--sign", "two")):
            self.assertEqual(self.stage.run("release", *words).code, 0)
        for tag in ("sealed", "ends"):
            made = self.stage.run("release", tag, "--epoch", 1, "--platform", "sev-snp", "--measurement", measurement,
                                  "--sign", "one", "--sign", "two", "--out", f"{tag}.json")
            self.assertEqual(made.code, 0, made)
        demands = ("--policy", open_policy, "--trust", "root.json", *state)
        accepted = self.stage.run("verify", url, "--release", "sealed.json", *demands)
        self.assertEqual(accepted.code, 0, accepted)
        self.expect(self.stage.run("verify", url, "--release", "ends.json", *demands), 5, "the isolation policy", out=None)
        self.expect(self.stage.run("connect", url, "--release", "ends.json", *demands, "--listen", "127.0.0.1:0"), 5,
                    "the isolation policy", out=None)
        self.expect(self.stage.run("verify", url, "--release", "ends.json", "--policy", policy, "--trust", "root.json", *state),
                    7, "nothing in common", out=None)
        proxy = self.stage.start("connect", url, "--release", "sealed.json", *demands, "--listen", "127.0.0.1:0")
        at, _ = proxy.wait_for("ready: point editors at ")
        with urllib.request.urlopen(at + "/", timeout=harness.PATIENCE) as answer:
            self.assertEqual(answer.read(), PAGE)
        proxy.stop()
        self.ended(process)

    def container(self, process):
        """Every process below it, the emulator too."""
        pending, found = process.children(), []
        while pending:
            pid = pending.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                pending += map(int, task.read_text().split())
        return found


class Ending(RunTest):
    def test_the_applications_status_is_ours(self):
        for options, status in [((), 7), (("-e", "STATUS=0"), 0), (("--env", "STATUS=255"), 255)]:
            process = self.start("ends", *options)
            code, lines = process.wait()
            self.assertEqual(code, status, lines)
        self.nothing_is_left()

    def test_localhost_is_a_name(self):
        self.wrap("named", '/bin/busybox grep -q "^127.0.0.1 localhost" /etc/hosts && exit 9', "restart: never\n")
        code, lines = self.start("named").wait()
        self.assertEqual(code, 9, lines)

    def test_asked_to_end_before_anything_runs(self):
        process = self.start("sealed")
        process.wait_for_text("policy: ")
        code, lines = process.stop()
        self.assertNotEqual(code, 0, lines)
        self.nothing_is_left()


class Refusals(RunTest):
    def refused(self, code, *arguments, texts):
        self.expect(self.stage.run("run", *arguments, "--keys", self.keys), code, *texts, out=None)
        self.nothing_is_left()

    def test_variables_that_the_image_does_not_take(self):
        self.refused(2, "ends", "-e", "LD_PRELOAD=/srv/x", texts=["the image takes no variable LD_PRELOAD"])
        self.refused(2, "ends", "-e", "STATUS=1", "-e", "GREETING=x", texts=["the image takes no variable GREETING"])
        self.refused(2, "ends", "-e", "STATUS", texts=["--env takes NAME=value"])
        self.refused(2, "ends", "-e", "=1", texts=["--env takes NAME=value"])

    def test_images_that_were_not_wrapped(self):
        self.refused(2, f"docker-archive:{self.stage.folder}/sealed.tar", texts=["not made by"])

    def test_images_that_are_not_there(self):
        ran = self.stage.run("run", "absent", "--keys", self.keys)
        self.assertNotEqual(ran.code, 0)
        self.assertIn("blindbox: error: ", ran.err)
        self.nothing_is_left()

    def test_a_runtime_that_is_not_there(self):
        self.refused(9, "sealed", "--runtime", "/absent/runtime", texts=["cannot start /absent/runtime",
                                                                         "install an OCI runtime"])

    def test_an_address_that_is_none(self):
        self.refused(2, "sealed", "--listen", "nowhere", texts=["nowhere"])


if __name__ == "__main__":
    for tool in ["runc", "busybox"]:
        if not shutil.which(tool):
            print(f"skipped: there is no {tool}")
            sys.exit(harness.SKIPPED)
    harness.main()
