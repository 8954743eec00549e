# SPDX-License-Identifier: Apache-2.0
"""blindbox init, build, push and inspect: from an image that knows nothing to one that is sealed off."""

import fcntl
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest
import unittest.mock

import harness
import images

SERVER = {"Entrypoint": ["/bin/server"], "Cmd": ["--port", "8000"], "Env": ["PATH=/bin", "GREETING=hello"],
          "User": "1000:1000", "WorkingDir": "/srv", "ExposedPorts": {"8000/tcp": {}}, "StopSignal": "SIGINT"}


class Wrap(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="blindbox-wrap-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.archive = images.docker_archive(self.folder / "app.tar", [images.layer_of({"bin/server": b"#!/bin/sh\n"})],
                                             **SERVER)

    def run_blindbox(self, *arguments, **options):
        ran = subprocess.run([harness.BINARY, *map(str, arguments)], capture_output=True, timeout=120, cwd=self.folder,
                             env={**os.environ, "BLINDBOX_STORE": str(self.folder / "store")}, **options)
        return ran.returncode, ran.stdout.decode(), ran.stderr.decode()

    def initialise(self, text=None):
        if text is None:
            self.assertEqual(self.run_blindbox("init")[0], 0)
        else:
            (self.folder / "blindbox.yml").write_text(text)

    def build(self, tag="sealed", source=None, *more):
        return self.run_blindbox("build", "--source-image", source or f"docker-archive:{self.archive}", "--tag", tag, *more)

    def built(self, tag="sealed", source=None, *more):
        code, out, err = self.build(tag, source, *more)
        self.assertEqual(code, 0, err)
        return out, err

    def inspected(self, tag="sealed"):
        code, out, err = self.run_blindbox("inspect", tag, "--json")
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def test_the_verbs_of_2023(self):
        self.initialise()
        out, _ = self.built()
        found = self.inspected()
        self.assertIn(found["digest"], out)
        self.assertIn(found["specification_sha256"], out)
        application = found["specification"]["application"]
        self.assertEqual(application["command"], ["/bin/server", "--port", "8000"])
        self.assertEqual(application["environment"], ["PATH=/bin", "GREETING=hello"])
        self.assertEqual((application["user"], application["working_directory"]), ("1000:1000", "/srv"))
        self.assertEqual(application["stop_signal"], "SIGINT")
        self.assertEqual(found["specification"]["port"], 8000)
        self.assertEqual(found["specification"]["egress"], [])
        code, table, _ = self.run_blindbox("inspect", "sealed")
        self.assertEqual(code, 0)
        for line in ("may reach            nobody", "output that leaves   none", "least isolation      namespaces"):
            self.assertIn(line, table)

    def test_init_overwrites_nothing_unasked(self):
        self.initialise("mine")
        code, _, err = self.run_blindbox("init")
        self.assertEqual(code, 10)
        self.assertIn("--force", err)
        self.assertEqual((self.folder / "blindbox.yml").read_text(), "mine")
        self.assertEqual(self.run_blindbox("init", "--force", "--port", "8000")[0], 0)
        self.assertIn("\nport: 8000\n", (self.folder / "blindbox.yml").read_text())

    def test_a_layout_that_other_tools_read(self):
        self.initialise()
        self.built(f"oci:{self.folder}/out:sealed")
        layout = images.Layout(self.folder / "out")
        self.assertEqual(layout.config["config"]["Entrypoint"], ["/.blindbox/init"])
        self.assertNotIn("Cmd", layout.config["config"])
        self.assertNotIn("User", layout.config["config"])
        layer = layout.blob(layout.manifest["layers"][-1]["digest"])
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            names = tar.getnames()
            self.assertTrue(all(entry.mtime == 0 and entry.uid == 0 for entry in tar))
            specification = json.load(tar.extractfile(".blindbox/specification.json"))
        self.assertEqual(names, [".blindbox", ".blindbox/.wh..wh..opq", ".blindbox/init", ".blindbox/specification.json"])
        self.assertEqual(specification["application"]["command"][0], "/bin/server")
        if shutil.which("skopeo"):
            ran = subprocess.run(["skopeo", "inspect", f"oci:{self.folder}/out:sealed"], capture_output=True, check=True)
            self.assertEqual(json.loads(ran.stdout)["Digest"], layout.digest)

    def test_the_same_inputs_give_the_same_digest(self):
        self.initialise()
        for name in ("one", "two"):
            self.built(f"oci:{self.folder}/{name}:x")
        self.assertEqual(images.Layout(self.folder / "one").digest, images.Layout(self.folder / "two").digest)
        (self.folder / "blindbox.yml").write_text("platform: azure-aci\noutput: all\n")
        self.built(f"oci:{self.folder}/three:x")
        self.assertNotEqual(images.Layout(self.folder / "one").digest, images.Layout(self.folder / "three").digest)

    def test_standard_input(self):
        self.initialise()
        with open(self.archive, "rb") as archive:
            code, _, err = self.run_blindbox("build", "--source-image", "docker-archive:-", "--tag", "sealed", stdin=archive)
        self.assertEqual(code, 0, err)
        self.assertEqual(self.inspected()["specification"]["port"], 8000)

    def test_push_to_an_archive_and_back(self):
        self.initialise()
        self.built()
        code, out, err = self.run_blindbox("push", "sealed", "--to", f"docker-archive:{self.folder}/out.tar:sealed:1")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.inspected(f"docker-archive:{self.folder}/out.tar")["specification"], self.inspected()["specification"])

    def test_measured_before_anything_runs(self):
        self.initialise("platform: azure-aci\nenvironment: [GREETING]\n")
        self.built()
        code, out, err = self.run_blindbox("measure", "sealed", "--json", "--write-container-policy", "policy.rego",
                                           "--write-policy", "policy.yml")
        self.assertEqual((code, err), (0, ""))
        found, rego = json.loads(out)["image"], (self.folder / "policy.rego").read_bytes()
        self.assertEqual(found["host_data"], images.sha256(rego))
        self.assertIn(found["host_data"], (self.folder / "policy.yml").read_text())
        self.assertIn(found["specification_sha256"], (self.folder / "policy.yml").read_text())
        # The same of the same image elsewhere, under another name and in another form.
        self.assertEqual(self.run_blindbox("push", "sealed", "--to", f"docker-archive:{self.folder}/out.tar:other:2")[0], 0)
        again = json.loads(self.run_blindbox("measure", f"docker-archive:{self.folder}/out.tar", "--json")[1])["image"]
        self.assertEqual(again["host_data"], found["host_data"])
        line = next(line for line in rego.decode().splitlines() if line.startswith("containers := "))
        sealed, pause = json.loads(line.removeprefix("containers := "))
        self.assertEqual(sealed["layers"], [layer["root_hash"] for layer in found["layers"]])
        self.assertEqual((sealed["command"], sealed["exec_processes"], sealed["allow_stdio_access"]),
                         (["/.blindbox/init"], [], False))
        self.assertEqual(sealed["capabilities"]["bounding"], images.POLICY_CAPABILITIES)
        self.assertTrue(sealed["no_new_privileges"])
        self.assertIn({"pattern": "GREETING=.*", "required": False, "strategy": "re2"}, sealed["env_rules"])
        self.assertEqual(pause["command"], ["/pause"])
        code, _, err = self.run_blindbox("policy", "lint", "policy.yml")
        self.assertEqual((code, err), (0, ""))

    def test_what_moved_a_value(self):
        self.initialise("platform: azure-aci\n")
        self.built("one")
        self.initialise("platform: azure-aci\nenvironment: [GREETING]\n")
        self.built("two")
        code, out, err = self.run_blindbox("measure", "two", "--explain", "one", "--json")
        self.assertEqual((code, err), (0, ""))
        explained = {change["what"]: change for change in json.loads(out)["explain"]}
        self.assertEqual(explained["specification/environment_passed/0"]["after"], '"GREETING"')
        self.assertIn("environment_passed", explained["specification, sha-256"]["because"])
        self.assertNotIn("layer 0", explained)
        self.assertIn("layer 1, root hash", explained)
        self.assertIn("container policy/0/layers/1", explained["host data"]["because"])
        self.assertNotIn("container policy/0/layers/0", explained)
        self.assertTrue(any(change["because"] == '"environment" in blindbox.yml' for change in explained.values()))
        self.assertIn("nothing moved", self.run_blindbox("measure", "two", "--explain", "two")[1])
        # A release tells hashes alone.
        self.assertEqual(self.run_blindbox("release", "one", "--epoch", "1", "--out", "one.json")[0], 0)
        code, out, _ = self.run_blindbox("measure", "two", "--explain", "one.json")
        self.assertEqual(code, 0)
        self.assertIn("layer 1, root hash", out)
        self.assertIn("host data", out)
        self.assertEqual(self.run_blindbox("measure", "--explain", "one")[0], 2)

    def test_refusals(self):
        code, _, err = self.build()
        self.assertEqual(code, 10)
        self.assertIn("blindbox init", err)
        self.initialise("platform: azure-aci\nip-rules: [192.0.2.1]\n")
        code, _, err = self.build()
        self.assertEqual(code, 3)
        self.assertIn("blindbox.yml:2:12", err)
        self.assertIn("egress", err)
        self.initialise("platform: azure-aci\n")
        self.built()
        code, _, err = self.build("again", f"oci:{self.folder}/store")
        self.assertEqual(code, 2)
        self.assertIn("wrapped already", err)
        code, _, err = self.build("x", f"docker-archive:{self.folder}/absent.tar")
        self.assertEqual(code, 10)
        code, _, err = self.run_blindbox("inspect", f"docker-archive:{self.archive}")
        self.assertEqual(code, 2)
        self.assertIn("not made by", err)
        code, _, err = self.run_blindbox("inspect", "absent")
        self.assertNotEqual(code, 0)
        self.assertFalse((self.folder / "store/blobs/sha256/again").exists())

    def test_an_address_that_the_proxy_refuses_is_refused_at_once(self):
        self.initialise("platform: azure-aci\negress: [\"169.254.169.254:80\"]\n")
        code, _, err = self.build()
        self.assertEqual(code, 3)
        self.assertIn("egress to 169.254.169.254", err)
        self.assertIn("metadata", err)

    def test_folders_whose_owner_was_killed_go_with_the_next(self):
        temporary = self.folder / "tmp"
        abandoned, held = temporary / "blindbox-build-aaaaaa", temporary / "blindbox-build-bbbbbb"
        for folder in (abandoned, held):
            (folder / "rootfs").mkdir(parents=True)
            os.utime(folder, (1, 1))
        self.initialise("platform: azure-aci\n")
        lock = os.open(held, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with unittest.mock.patch.dict(os.environ, TMPDIR=str(temporary)):
                self.built()
        finally:
            os.close(lock)
        self.assertEqual([path.name for path in temporary.iterdir()], [held.name])

    def test_an_image_without_a_command(self):
        self.initialise()
        empty = images.docker_archive(self.folder / "empty.tar", [images.layer_of({"a": b""})])
        code, _, err = self.build("x", f"docker-archive:{empty}")
        self.assertEqual(code, 2)
        self.assertIn("nothing to run", err)

    def noted(self, **config):
        files = {"usr/bin/server": b"#!/bin/sh\n", "etc/passwd": b"root:x:0:0::/:\nweb:x:5:5::/:\n",
                 "etc/group": b"root:x:0:\nweb:x:5:\n"}
        usr = tarfile.TarInfo("bin")
        usr.type, usr.linkname = tarfile.SYMTYPE, "/usr/bin"
        image = images.docker_archive(self.folder / "noted.tar", [images.layer_of({**files, "bin": usr})],
                                      ExposedPorts={"8000/tcp": {}}, **config)
        return self.built("x", f"docker-archive:{image}")[1]

    def test_what_would_not_start_is_noted(self):
        self.initialise()
        for config in ({"Entrypoint": ["/bin/server"]}, {"Cmd": ["server"]}, {"Cmd": ["./server"], "WorkingDir": "/bin"},
                       {"Cmd": ["server"], "User": "web:web", "Env": ["PATH=/x:/bin"]},
                       {"Cmd": ["server"], "User": "77:88"}):
            self.assertEqual(self.noted(**config), "", config)
        for config, note in (({"Entrypoint": ["/srv/none"]}, 'no program "/srv/none"'),
                             ({"Cmd": ["server"], "Env": ["PATH=/sbin"]}, 'no program "server"'),
                             ({"Cmd": ["/etc/../../../../bin/sh"]}, 'no program "/etc/'),
                             ({"Cmd": ["server"], "User": "nobody"}, 'no user "nobody"'),
                             ({"Cmd": ["server"], "User": "99999999999"}, 'no user "99999999999"'),
                             ({"Cmd": ["server"], "User": "5:nogroup"}, 'no group "nogroup"'),
                             ({"Cmd": ["server"], "User": "a\x1b[31m"}, 'no user "a?[31m"'),
                             ({"Cmd": ["server"], "WorkingDir": "/none"}, "/none is no folder of the image")):
            self.assertIn(note, self.noted(**config))

    def test_another_init_must_be_a_static_program(self):
        self.initialise()
        code, _, err = self.build("x", None, "--init", harness.BINARY)
        self.assertIn(code, (3, 11))
        code, _, err = self.build("x", None, "--init", "/etc/passwd")
        self.assertEqual(code, 3)
        self.assertIn("no blindbox-init", err)


if __name__ == "__main__":
    harness.main(fuse=False)
