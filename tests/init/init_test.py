# SPDX-License-Identifier: Apache-2.0
"""blindbox-init in real containers: what a client gets, what ends how, and what each profile reaches."""

import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys
import unittest

import container
from container import Container, harness


MEASUREMENT = "ab" * 48


def elf_types(path):
    """The program header types of an ELF file."""
    with open(path, "rb") as file:
        head = file.read(64)
        offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
        file.seek(offset)
        return [struct.unpack("<I", file.read(size)[:4])[0] for _ in range(count)]


class Binary(unittest.TestCase):
    def test_is_static_and_small(self):
        self.assertLessEqual(os.path.getsize(container.INIT), 15 * 1000 * 1000)
        self.assertNotIn(3, elf_types(container.INIT), "PT_INTERP: a dynamic loader is asked for")
        ran = subprocess.run([container.INIT, "--version"], capture_output=True, text=True, check=True, env={})
        self.assertRegex(ran.stdout, r"^blindbox-init \d")

    def test_takes_no_command(self):
        ran = subprocess.run([container.INIT, "/bin/sh"], capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 2)
        self.assertIn("the application's command is in the measured specification", ran.stderr)

    def test_roles_are_not_for_others(self):
        for role in ["gateway", "egress"]:
            ran = subprocess.run([container.INIT, role], capture_output=True, text=True, check=False)
            self.assertNotEqual(ran.returncode, 0)


class InitTest(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.folder.chmod(0o755)
        # What it reports of itself: its root's fingerprint is in its last line, its measurement in every report.
        emulator = cls.stage.emulator("guest", "--measurement", MEASUREMENT)
        cls.fingerprint = emulator.ready.rsplit(" ", 1)[1].rstrip(")")

    def start(self, *arguments, **changes):
        made = Container(self.stage, *arguments, **changes)
        self.addCleanup(made.discard)
        return made

    def policy(self, posture):
        return self.stage.write("policy.yml", f"""\
version: 1
sev_snp:
  products:
    Milan:
      minimum_tcb: {{bootloader: 0, tee: 0, snp: 0, microcode: 0}}
  measurements:
    - "{MEASUREMENT}"
manifest:
  model_sha256:
    - "{'00' * 32}"
  isolation_postures:
    - "{posture}"
unsafe:
  trust_emulator: "{self.fingerprint}"
""")

    def get(self, made, path="/index.html", posture="namespaces"):
        """The answer to a request through a proxy that has verified the container."""
        proxy = self.stage.connect(made.url, self.policy(posture))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=harness.PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        proxy.process.stop()
        return answer.status, body, answer


class Serving(InitTest):
    def test_a_client_verifies_and_gets_an_answer(self):
        made = self.start().ready()
        self.assertEqual(self.get(made)[:2], (200, b"hello from inside\n"))
        self.assertEqual(made.posture()["tier"], "namespaces")
        self.assertIn("EMULATED, NOT A TEE", made.errors())
        # Nobody but the gateway reaches the application: its port is in a network of its own.
        connection = http.client.HTTPConnection("127.0.0.1", made.specification["port"], timeout=5)
        self.assertRaises(ConnectionRefusedError, connection.request, "GET", "/")
        self.assertEqual(made.stop(), 143)
        self.assertIn("draining", made.errors())

    def test_a_client_that_wants_more_refuses(self):
        made = self.start().ready()
        ran = self.stage.run("verify", made.url, "--policy", self.policy("confined"))
        self.assertEqual(ran.code, 5)
        self.assertIn("the isolation posture is not in the policy", ran.err)

    def test_nothing_gets_out_and_a_client_can_ask(self):
        made = self.start().ready()
        ran = self.stage.run("verify", made.url, "--policy", self.policy("namespaces"), "--probe")
        self.assertEqual(ran.code, 0, ran.err)
        self.assertRegex(ran.out, r"escape attempts now: 1\d\d blocked, 0 escaped")
        # By now the start's own run is over, and lies beside the evidence.
        ran = self.stage.run("verify", made.url, "--policy", self.policy("namespaces"))
        self.assertRegex(ran.out, r"escape attempts when the server started: 1\d\d blocked, 0 escaped")

    def test_health_gates_and_is_told(self):
        made = self.start(health={"path": "/absent", "interval_ms": 50, "timeout_ms": 1000, "start_ms": 300},
                          restart="never")
        self.assertEqual(made.wait(), 137)
        self.assertIn("was not well within the time", made.errors())


class Ending(InitTest):
    def test_status_passes_through(self):
        for script, status in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)]:
            made = self.start(command=["/bin/sh", "-c", script], restart="never")
            self.assertEqual(made.wait(), status, made.errors())

    def test_a_killed_application_is_restarted(self):
        made = self.start().ready()
        os.kill(made.pids("httpd")[0], signal.SIGKILL)
        made.ready(times=2)
        self.assertEqual(self.get(made)[:2], (200, b"hello from inside\n"))

    def test_a_killed_gateway_ends_everything(self):
        made = self.start().ready()
        everybody = made.all_pids()
        os.kill(made.pids("gateway")[0], signal.SIGKILL)
        self.assertEqual(made.wait(), 137)
        for pid in everybody:
            self.assertTrue(harness.gone(pid))

    def test_a_killed_init_ends_everything(self):
        made = self.start().ready()
        everybody = made.all_pids()
        self.assertGreaterEqual(len(everybody), 4)
        os.kill(made.init(), signal.SIGKILL)
        self.assertEqual(made.wait(), 137)
        for pid in everybody:
            self.assertTrue(harness.gone(pid))

    def test_an_application_that_does_not_want_to_end(self):
        made = self.start(command=["/bin/sh", "-c", "trap '' TERM; httpd() { busybox httpd -f -p PORT -h /www; }; httpd & "
                                   "while :; do sleep 1; done"]).ready()
        self.assertEqual(made.stop(), 137)
        self.assertIn("killing it", made.errors())

    def test_nonsense_for_a_specification(self):
        made = self.start(platform="emulator:/guest", tls_port=0)
        self.assertNotEqual(made.wait(), 0)
        self.assertIn("blindbox-init: error: ", made.errors())


class Output(InitTest):
    script = ["/bin/sh", "-c", "echo to-output; echo to-error >&2; env | sort; exit 3"]

    def said(self, output):
        made = self.start(command=self.script, output=output, restart="never", environment_passed=["PASSED"],
                          environment=["PASSED=p", "SECRET=s"])
        self.assertEqual(made.wait(), 3)
        return made.output().decode(), made.errors()

    def test_nothing_by_default(self):
        out, err = self.said("none")
        self.assertEqual(out, "")
        self.assertNotIn("to-error", err)

    def test_errors_alone(self):
        out, err = self.said("stderr")
        self.assertEqual(out, "")
        self.assertIn("to-error\n", err)

    def test_all_and_a_closed_environment(self):
        out, err = self.said("all")
        self.assertIn("to-output\n", out)
        self.assertIn("to-error\n", err)
        variables = [line for line in out.splitlines() if "=" in line]
        names = {line.split("=")[0] for line in variables} - {"SHLVL", "PWD"}
        self.assertEqual(names, {"FROM_IMAGE", "PASSED", "PATH", "HOME"})


class Egress(InitTest):
    script = ["/bin/sh", "-c", "for url in http://unlisted.invalid/ http://listed.invalid/; do "
                               "busybox wget -q -O - $url; done; http_proxy= busybox wget -q -O - http://192.0.2.1/; exit 4"]

    def test_goes_through_the_proxy_alone(self):
        made = self.start(command=self.script, output="all", restart="never", egress=["listed.invalid:80"])
        if made.wait() == 1 and "built without the egress proxy" in made.errors():
            self.skipTest("blindbox-init was built without the egress proxy")
        self.assertIn("403 Forbidden", made.errors())
        self.assertRegex(made.errors(), "502|504")
        self.assertIn("Network is unreachable", made.errors())
        counted = re.search(r"egress: (\{.*\})", made.errors())
        self.assertTrue(counted, made.errors())
        self.assertEqual(json.loads(counted[1])["refused"]["not_listed"], 1)
        self.assertNotIn("unlisted", counted[1])

    def test_needs_a_network_of_its_own(self):
        made = self.start("root-moby", command=self.script, egress=["listed.invalid:80"], minimum_tier="filtered")
        status = made.wait()
        if status == 1 and "built without the egress proxy" in made.errors():
            self.skipTest("blindbox-init was built without the egress proxy")
        self.assertEqual(status, 9, made.errors())
        self.assertIn("the egress list cannot be enforced here", made.errors())


class Profiles(InitTest):
    def test_privileged_is_confined(self):
        made = self.start("privileged").ready()
        self.assertEqual(made.posture()["tier"], "confined", made.errors())
        self.assertEqual(self.get(made, posture="confined")[0], 200)

    def test_what_the_container_policy_for_azure_leaves_is_enough(self):
        made = self.start("policy").ready()
        self.assertEqual(made.posture()["tier"], "namespaces", made.errors())
        self.assertEqual(self.get(made)[:2], (200, b"hello from inside\n"))

    def test_moby_filter_is_refused_below_the_minimum(self):
        made = self.start("root-moby")
        self.assertEqual(made.wait(), 9, made.errors())
        self.assertIn('does not grant the isolation tier "namespaces"', made.errors())
        self.assertIn("network_namespace: unshare: operation not permitted", made.errors())

    def test_moby_filter_is_filtered(self):
        made = self.start("root-moby", minimum_tier="filtered").ready()
        self.assertEqual(made.posture()["tier"], "filtered")
        self.assertEqual(self.get(made, posture="filtered")[:2], (200, b"hello from inside\n"))

    def test_a_plain_user(self):
        # The emulator's file system opens for root alone, so that no evidence comes: what is shown is what is said.
        for profile, tier in [("user", "namespaces"), ("user-moby", "filtered")]:
            made = self.start(profile, user="1000", minimum_tier="filtered", writable=[])
            self.assertNotEqual(made.wait(), 0)
            if "posture" in made.errors():
                self.assertEqual(made.posture()["tier"], tier, made.errors())


class Limits(InitTest):
    """In a privileged container, where control groups are granted."""

    def run_script(self, script, **changes):
        made = self.start("privileged", command=["/bin/sh", "-c", script], output="all", restart="never", **changes)
        return made.wait(), made.output().decode(), made

    def test_memory(self):
        status, out, made = self.run_script("busybox dd if=/dev/zero of=/dev/shm/a bs=1M count=60 && echo written",
                                            limits=dict(container.SPECIFICATION["limits"], memory=16 << 20))
        self.assertNotIn("written", out, made.errors())
        self.assertEqual(status, 137, made.errors())

    def test_processes(self):
        status, out, _ = self.run_script("i=0; while [ $i -lt 200 ]; do busybox sleep 1000 & i=$((i+1)); done; echo all",
                                         limits=dict(container.SPECIFICATION["limits"], processes=20))
        self.assertNotIn("all\n", out)
        self.assertNotEqual(status, 0)

    def test_a_full_directory(self):
        status, out, _ = self.run_script("busybox dd if=/dev/zero of=/data/a bs=1M count=2; echo status $?; "
                                         "echo x > /www/y; echo status $?")
        self.assertIn("status 1\n", out)
        self.assertNotIn("status 0", out)
        self.assertEqual(status, 0)

    def test_orphans_are_reaped(self):
        status, out, _ = self.run_script(
            "i=0; while [ $i -lt 20 ]; do (busybox true & ) ; i=$((i+1)); done; busybox sleep 0.3; "
            "busybox ps -o stat | busybox grep -c Z; exit 0")
        self.assertEqual((status, out.strip()), (0, "0"))


if __name__ == "__main__":
    reason = container.why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(harness.SKIPPED)
    harness.main()
