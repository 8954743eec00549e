# SPDX-License-Identifier: Apache-2.0
"""blindbox serve: the wrong files for a model, ports in use, and what a good start says."""

import hashlib
import os
import pathlib
import resource
import socket
import subprocess

import harness
import wire


class ServeTest(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        cls.model = pathlib.Path(harness.MODEL).read_bytes()

    def reserve(self):
        """A port that is nobody else's, and still free for who asks for it by its number."""
        reserved = socket.socket()
        self.addCleanup(reserved.close)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        return reserved.getsockname()[1]

    def serve(self, model, *options, port=0):
        return self.stage.run("serve", "--model", model, "--platform", f"emulator:{self.stage.folder / 'guest'}",
                              "--listen", f"127.0.0.1:{port}", *options)


class WrongModels(ServeTest):
    def refused(self, code, model, *texts, options=()):
        """With a message of its own, no open port, no folder left, no process left."""
        port = self.reserve()
        self.expect(self.serve(model, *options, port=port), code, "blindbox: error: ", *texts)
        with socket.socket() as client:
            self.assertNotEqual(client.connect_ex(("127.0.0.1", port)), 0)
        self.assertEqual(self.stage.leftovers(), [])
        self.assertEqual(self.stage.strays(), [])
        self.expect(self.serve(model, "--print-policy", *options), code, *texts)

    def test_files_that_are_no_model(self):
        write = self.stage.write
        self.refused(8, "absent.gguf", "cannot read the model file absent.gguf", "No such file or directory")
        self.refused(8, "no-such-name", "there is no model named no-such-name", "blindbox model list")
        self.refused(8, self.stage.folder, "the model is not a regular file")
        self.refused(8, "/dev/zero", "the model is not a regular file: /dev/zero")
        self.refused(8, write("empty.gguf", ""), "the model is not a GGUF file", "it is empty")
        self.refused(8, write("text.gguf", "hello\n"), "the model is not a GGUF file", 'does not begin with "GGUF"',
                     "hint: docs/models.md")

    def test_broken_models(self):
        write = self.stage.write
        self.refused(8, write("header.gguf", self.model[:20]), "not a valid GGUF file: it ends inside the header")
        self.refused(8, write("pairs.gguf", self.model[:2000]), "not a valid GGUF file: ")
        self.refused(8, write("cut.gguf", self.model[:-4096]), "not a valid GGUF file: it is cut off", "the file has")
        counts = self.model[:8] + b"\xff" * 16 + self.model[24:]
        self.refused(8, write("counts.gguf", counts), "not a valid GGUF file: 18446744073709551615 tensors")
        version = self.model[:4] + b"\x63\0\0\0" + self.model[8:]
        self.refused(8, write("version.gguf", version), "version 99, supported are 2 and 3")

    def test_another_architecture(self):
        other = self.model.replace(b"starcoder", b"falconish")
        self.refused(8, self.stage.write("other.gguf", other),
                     "its architecture is not one of those that BlindBox loads",
                     'found "falconish", known are starcoder, starcoder2, llama, qwen2', "hint: docs/models.md")

    def test_another_digest(self):
        found = hashlib.sha256(self.model).hexdigest()
        self.refused(8, harness.MODEL, "the model file has another digest than expected",
                     f"sha256 {found}, expected {'00' * 32}", options=["--model-sha256", "00" * 32])
        # Before it is parsed: a broken file with another digest is refused for its digest.
        broken = self.stage.write("broken.gguf", self.model[:2000])
        self.refused(8, broken, "another digest", options=["--model-sha256", found])
        for text in ["", "00", "zz" * 32, found + "00"]:
            self.refused(2, harness.MODEL, "not a SHA-256 digest: " + text, "64 hexadecimal digits",
                         options=["--model-sha256", text])


class TooLittle(ServeTest):
    """What a machine or a container lacks is told, not guessed from a process that is gone."""

    def refused(self, code, *texts, model=harness.MODEL, limits=None):
        ran = self.stage.run("serve", "--model", model, "--platform", f"emulator:{self.stage.folder / 'guest'}",
                             "--listen", "127.0.0.1:0", limits=limits)
        self.expect(ran, code, "blindbox: error: ", *texts)
        self.assertEqual(self.stage.strays(), [])

    def test_memory(self):
        huge = self.stage.write("huge.gguf", self.model)
        try:
            os.truncate(huge, 1 << 42)
        except OSError as error:
            self.skipTest(f"no file of 4 TiB can be made here: {error}")
        self.refused(8, "there is not memory enough for this model", "loading takes 8388608 MiB, twice its file",
                     model=huge)

    def test_memory_of_a_control_group(self):
        """Version 1 or 2, where one can be made: below the limit of the machine."""
        for mounted, file in [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]:
            group = pathlib.Path(mounted, f"blindbox-test-{os.getpid()}")
            try:
                group.mkdir()
            except OSError:
                continue
            self.addCleanup(group.rmdir)
            try:
                (group / file).write_text(str(2 * len(self.model) - 4096))
            except OSError:
                continue  # no such controller in this hierarchy
            done = subprocess.run(["sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh", harness.BINARY,
                                   "serve", "--model", harness.MODEL, "--platform",
                                   f"emulator:{self.stage.folder / 'guest'}", "--print-policy"],
                                  capture_output=True, check=False, timeout=harness.PATIENCE,
                                  env=self.stage.environment)
            self.assertEqual(done.returncode, 8, done)
            self.assertIn(b"there is not memory enough for this model", done.stderr)
            self.assertIn(f"the control group /{group.name}, {file} has".encode(), done.stderr)
            return
        self.skipTest("no control group for memory can be made here")

    def test_file_size(self):
        self.refused(10, "cannot hold the model in memory", "File too large", limits={resource.RLIMIT_FSIZE: 1 << 20})

    def test_descriptors(self):
        """Enough for the gateway, and none left to start the engine with."""
        self.refused(8, "the engine ended before it was ready", "exit status ", "descriptors enough",
                     limits={resource.RLIMIT_NOFILE: 20})


class Starts(ServeTest):
    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            in_use = f"cannot listen on 127.0.0.1:{port}: Address already in use"
            hint = "hint: stop what uses the port, or choose another with --listen (port 0 takes a free one)"
            self.expect(self.serve(harness.MODEL, port=port), 10, in_use, hint)
            ran = self.stage.run("connect", f"https://127.0.0.1:{port}", "--policy", self.stage.policy(),
                                 "--listen", f"127.0.0.1:{port}")
            self.expect(ran, 10, in_use, hint)
            other.setblocking(False)
            self.assertRaises(BlockingIOError, other.accept)
        self.expect(self.serve(harness.MODEL, port=70000), 2, "not an address")
        self.assertEqual(self.stage.leftovers(), [])

    def test_what_it_says(self):
        digest = hashlib.sha256(self.model).hexdigest()
        process = self.stage.start("serve", "--model", harness.MODEL, "--model-sha256", digest, "--threads", "1",
                                   "--listen", "127.0.0.1:0", "--platform", f"emulator:{self.stage.folder / 'guest'}")
        url, before = process.wait_for("ready: ")
        self.assertRegex(url, r"\Ahttps://127\.0\.0\.1:\d+\Z")
        self.assertIn("EMULATED, NOT A TEE", before[0])
        self.assertIn(digest, before[1])
        self.assertIn("EMULATED, NOT A TEE", before[2])
        self.assertEqual(process.errors(), "")

    def test_what_a_connection_asked_is_forgotten_with_it(self):
        process = self.stage.start("--verbose", "serve", "--model", harness.MODEL, "--threads", "1", "--listen",
                                   "127.0.0.1:0", "--platform", f"emulator:{self.stage.folder / 'guest'}", merged=True)
        url, _ = process.wait_for("ready: ")
        proxy = self.stage.connect(url, self.stage.policy())
        asked = wire.ask(proxy.port, "POST", "/infill", {"input_prefix": "def a(", "input_suffix": "", "n_predict": 1})
        self.assertEqual(asked.status, 200, asked)
        proxy.process.discard()
        process.wait_for_text('"path":"/cache","status":200')

    def test_the_other_interface_of_the_device(self):
        """Requests by ioctl reach into the caller's memory, which the emulator may only where this user may."""
        ran = self.stage.run("serve", "--model", harness.MODEL, "--print-policy", "--platform",
                             f"emulator-ioctl:{self.stage.folder / 'guest'}")
        self.assertIn(ran.code, [0, 9], ran)
        if ran.code == 0:
            self.assertEqual(ran.out, self.stage.policy().read_text())

    def test_zz_memory(self):
        """Printed, not judged: the budget of 16 MB is for the release build, and bench/ holds it to that."""
        server = self.stage.serve()
        proxy = self.stage.connect(server.url, self.stage.policy())
        engine = server.process.children()[0]
        for name, pid in [("gateway", server.process.pid), ("engine", engine), ("proxy", proxy.process.pid)]:
            print(f"  {name}: {harness.resident_kib(pid) / 1024:.1f} MiB resident", flush=True)


if __name__ == "__main__":
    harness.main()
