# SPDX-License-Identifier: Apache-2.0
"""What the command line says about itself, and to those who mistype it."""

import os
import socket
import subprocess
import unittest

import harness
import policy_test

OPTIONS = {
    "serve": ["--model", "--model-sha256", "--listen", "--platform", "--threads", "--print-policy"],
    "connect": ["SERVER", "--policy", "--save", "--default", "--listen", "--token-file", "--scan", "--project",
                "--ignore-file", "--ledger", "--ledger-dir", "--hold", "--keep-trying", "--install-service",
                "--remove-service", "--offline", "--kds-url", "--cache-dir"],
    "status": ["--json", "--proxy", "--token-file"],
    "ledger": ["--since", "--server", "--json", "--sum", "--follow", "--ledger-dir"],
    "verify": ["SOURCE", "--policy", "--at", "--report-data", "--json", "--explain", "--offline", "--kds-url", "--cache-dir"],
    "checks": ["--markdown"],
    "complete": ["FILE:LINE:COLUMN", "--proxy", "--max-tokens", "--line"],
    "lsp": ["--proxy", "--stdio"],
    "demo": ["--model"],
    "emulator": ["--mount", "--keys", "--product", "--report-version", "--measurement", "--host-data", "--debug",
                 "--latency", "--exit-with-parent", "--no-certificates", "--kds", "--revoke"],
    "version": [],
    "shell-completion": [],
}


class Help(harness.StageTest):
    def test_every_command_names_its_options(self):
        for command, options in OPTIONS.items():
            with self.subTest(command):
                helped = self.stage.run(command, "--help")
                self.assertEqual((helped.code, helped.err), (0, ""))
                for option in ["--help", *options]:
                    self.assertRegex(helped.out, rf"(?m)^  (-h,)?{option}\b")
                self.assertIn("Exit status:", helped.out)

    def test_the_whole_lists_the_commands(self):
        helped = self.stage.run("--help")
        self.assertEqual((helped.code, helped.err), (0, ""))
        for command in OPTIONS:
            self.assertRegex(helped.out, rf"(?m)^  {command} ")
        self.assertNotRegex(helped.out, r"(?m)^  engine ")

    def test_version(self):
        version = (harness.ROOT / "VERSION").read_text().strip()
        self.assertEqual(self.stage.run("--version"), (0, f"blindbox {version}\n", ""))
        long = self.stage.run("version")
        self.assertEqual((long.code, long.err), (0, ""))
        for text in [f"blindbox {version}\n", "build", "openssl", "engine", "protocol"]:
            self.assertIn(text, long.out)

    def test_shell_completion_completes(self):
        script = self.stage.run("shell-completion")
        self.assertEqual((script.code, script.err), (0, ""))
        asked = script.out + 'COMP_WORDS=(blindbox verify --po) COMP_CWORD=2; _blindbox; echo "${COMPREPLY[@]}"\n' \
            'COMP_WORDS=(blindbox conn) COMP_CWORD=1; _blindbox; echo "${COMPREPLY[@]}"\n'
        bash = subprocess.run(["bash", "-u", "-c", asked], capture_output=True, text=True, check=False)
        self.assertEqual((bash.stdout, bash.stderr), ("--policy\nconnect\n", ""))


class Mistakes(harness.StageTest):
    def test_each_is_named(self):
        hint = 'blindbox: hint: see "blindbox --help"'
        for arguments, text in [
                ([], "no command was given"),
                (["frobnicate"], "frobnicate"),
                (["--frobnicate"], "--frobnicate"),
                (["serve"], "--model is required"),
                (["serve", "--model"], "--model"),
                (["serve", "--model", "m", "--frobnicate"], "--frobnicate"),
                (["serve", "--model", "m", "--threads", "many"], "--threads"),
                (["verify"], "SOURCE is required"),
                (["verify", "x", "--at"], "--at"),
                (["connect", "https://localhost:1"], "nothing says what to accept"),
                (["complete", "a:1:1", "--max-tokens", "0"], "--max-tokens"),
                (["complete", "a:1:1", "--max-tokens", "lots"], "--max-tokens"),
                (["emulator"], "--mount is required"),
                (["emulator", "--mount", "m", "--product", "naples"], "--product"),
                (["emulator", "--mount", "m", "--report-version", "4"], "--report-version"),
        ]:
            with self.subTest(arguments):
                self.expect(self.stage.run(*arguments), 2, "blindbox: error: ", text, hint)

    def test_bad_urls(self):
        for url in ["", "localhost:8443", "http://localhost:8443", "https://", "https://:8443", "https://local host:1",
                    "https://localhost:0x1", "https://localhost:65536", "https://localhost:-1",
                    "https://localhost:1/path", "https://user@localhost:1", "https://::1:8443", "https://[::1:8443",
                    "ftp://localhost:1"]:
            # Without a scheme verify takes it for a file.
            file = url and "://" not in url
            for arguments, code in [(["verify", url], 6 if file else 2), (["connect", url, "--policy", "p"], 2)]:
                with self.subTest(arguments):
                    self.expect(self.stage.run(*arguments), code, "blindbox: error: ",
                                "https://host:port" if file and code == 6 else "")

    def test_the_proxy_listens_on_loopback_only(self):
        for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1.example.com:0"]:
            with self.subTest(listen):
                self.expect(self.stage.run("connect", "https://localhost:1", "--policy", "p", "--listen", listen), 2,
                            "the proxy listens on loopback only: " + listen, "hint: ", "use 127.0.0.1")
        for listen in ["8765", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ""]:
            with self.subTest(listen):
                self.expect(self.stage.run("connect", "https://localhost:1", "--policy", "p", "--listen", listen), 2,
                            "not an address", "hint: ")

    def test_digests_have_their_length(self):
        guest = self.stage.folder / "guest"
        guest.mkdir()
        self.expect(self.stage.run("emulator", "--mount", guest, "--measurement", "abcd"), 2,
                    "--measurement needs 96 hexadecimal digits")
        self.expect(self.stage.run("emulator", "--mount", guest, "--host-data", "z" * 64), 2,
                    "--host-data needs 64 hexadecimal digits")


class Output(harness.StageTest):
    """What could not be written is no success."""

    def test_a_full_disk(self):
        for arguments in [["version"], ["shell-completion"], ["--help"], ["--version"]]:
            with self.subTest(arguments), open("/dev/full", "wb") as full:
                self.expect(self.stage.run(*arguments, stdout=full), 10,
                            "cannot write to standard output: No space left on device")

    def test_nobody_reads(self):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb") as pipe:
            self.expect(self.stage.run("version", stdout=pipe), 10, "cannot write to standard output: Broken pipe")

    def test_closed_streams(self):
        """No connection and no file takes the place of a stream that was closed."""
        script = 'exec <&- >&- 2>&-; exec "$0" verify "$1" --policy "$2"'
        with socket.create_server(("127.0.0.1", 0)) as server:
            process = subprocess.Popen(["bash", "-c", script, harness.BINARY,
                                        "https://127.0.0.1:%d" % server.getsockname()[1],
                                        self.stage.write("policy.yml", policy_test.GOOD)])
            with server.accept()[0] as client:
                self.assertTrue(client.recv(1).startswith(b"\x16"))  # a TLS record
                for number in range(3):
                    self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{number}"), "/dev/null")
            self.assertEqual(process.wait(harness.PATIENCE), 6)


class Platforms(harness.StageTest):
    """serve asks the platform first: no model is needed to learn that there is none."""

    def serve(self, platform):
        return self.stage.run("serve", "--model", "m", "--listen", "127.0.0.1:0", "--platform", platform)

    @unittest.skipIf(any(map(os.path.exists, ["/dev/sev-guest", "/dev/sev", "/sys/kernel/config/tsm"])),
                     "this machine is a confidential guest")
    def test_no_tee(self):
        self.expect(self.serve("auto"), 9, "this is no confidential guest", "/sys/kernel/config/tsm/report",
                    "/dev/sev-guest", "/dev/sev ", "UVM_SECURITY_CONTEXT_DIR is not set",
                    'hint: for development run "blindbox emulator" and choose it with --platform emulator:DIR')

    def test_an_emulator_that_is_not_there(self):
        self.expect(self.serve("emulator:absent"), 9, "no emulator at absent", "absent/emulator.json",
                    'hint: start "blindbox emulator" with that folder first')

    def test_a_folder_that_only_looks_like_an_emulator(self):
        (self.stage.folder / "fake").mkdir()
        for notice in ["", "{}", '{"emulated": false}', "no JSON", "[1]"]:
            with self.subTest(notice):
                self.stage.write("fake/emulator.json", notice)
                self.expect(self.serve("emulator:fake"), 9, "fake/emulator.json does not say that this is an emulator")

    def test_no_imitation_of_the_kernels_own(self):
        device = self.stage.write("sev-guest", b"")
        self.expect(self.serve(f"sev-guest:{device}"), 9, f"{device} is not a device", "hint: ")
        self.expect(self.serve(f"tsm:{self.stage.folder}"), 9, "is not in configfs", "hint: ")
        self.expect(self.serve("azure"), 9, "UVM_SECURITY_CONTEXT_DIR is not set")

    def test_words_that_are_no_platform(self):
        for platform in ["", "emulator", "emulator:", "auto:x", "tdx", "sev-guest:", "x" * 10000]:
            with self.subTest(platform[:20]):
                self.expect(self.serve(platform), 2, "unknown platform", "hint: use auto, ")


if __name__ == "__main__":
    harness.main(fuse=False)
