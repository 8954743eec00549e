# SPDX-License-Identifier: Apache-2.0
"""The proxy as a user lives with it: names, status, ledger, scan, faults of the network and of the far end."""

import contextlib
import json
import os
import pathlib
import pwd
import signal
import socket
import stat
import subprocess
import threading

import harness
import wire

HOLE = {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 4}
SECRET = "AKIA" + "Z7QJ4XW2LMNRT5VB"


class ConnectTest(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        cls.policy = cls.stage.policy()
        cls.server = cls.stage.serve()

    def ledger(self, *options):
        ran = self.stage.run("ledger", "--json", *options)
        self.expect(ran, 0, out=None)
        return [json.loads(line) for line in ran.out.splitlines()]

    def status(self, port):
        return wire.ask(port, "GET", "/.blindbox/api/status").json()


class Names(ConnectTest):
    def test_a_server_gets_a_name_and_answers_to_it(self):
        proxy = self.stage.start("connect", self.server.url, "--policy", self.policy, "--save", "work", "--listen",
                                 "127.0.0.1:0")
        at, before = proxy.wait_for("ready: point editors at ")
        self.assertIn(f"saved: {self.server.url} as work", before)
        self.assertEqual(proxy.stop()[0], 0)
        saved = self.stage.folder / "config/blindbox/connections.yml"
        self.assertEqual(stat.S_IMODE(saved.stat().st_mode), 0o600)
        (self.stage.folder / "policy.yml").rename(self.stage.folder / "gone.yml")
        try:
            again = self.stage.start("connect", "--listen", "127.0.0.1:0")
            at, _ = again.wait_for("ready: point editors at ")
            port = int(at.rsplit(":", 1)[1])
            self.assertEqual(wire.ask(port, "POST", "/@work/infill", HOLE).status, 200)
            self.assertEqual(wire.ask(port, "POST", "/infill", HOLE, {"Blindbox-Server": "work"}).status, 200)
            self.assertEqual(wire.ask(port, "POST", "/@home/infill", HOLE).status, 404)
            again.stop()
        finally:
            (self.stage.folder / "gone.yml").rename(self.stage.folder / "policy.yml")
        self.expect(self.stage.run("connect", "home"), 2, "no server is saved under the name home")
        self.expect(self.stage.run("connect", "127.0.0.1:8443"), 2, "not a URL of the form https://HOST:PORT")
        self.expect(self.stage.run("connect", "work", "--policy", self.policy), 2, "go with a URL")

    def test_without_home_the_users_own_folder_is_meant(self):
        home = {name: value for name, value in self.stage.environment.items()
                if name not in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
        ran = subprocess.run([harness.BINARY, "connect", "nobody-saved-this"], capture_output=True, text=True, check=False,
                             env=home, cwd=self.stage.folder)
        self.assertEqual(ran.returncode, 2)
        self.assertIn(f"  {pwd.getpwuid(os.geteuid()).pw_dir}/.config/blindbox/connections.yml", ran.stderr)

    def test_a_refused_server_is_not_saved(self):
        policy = self.stage.write("other.yml", self.policy.read_text().replace("measurements:\n", "measurements:\n", 1))
        text = policy.read_text()
        first = next(line for line in text.splitlines() if len(line.strip(" -\"'")) == 96)
        policy.write_text(text.replace(first.strip(" -\"'"), "ab" * 48))
        ran = self.stage.run("connect", self.server.url, "--policy", policy, "--save", "bad", "--listen", "127.0.0.1:0")
        self.expect(ran, 5, "measurement", out=None)
        saved = self.stage.folder / "config/blindbox/connections.yml"
        self.assertFalse(saved.exists() and "bad" in saved.read_text())


class Life(ConnectTest):
    def test_status_finds_what_runs(self):
        self.expect(self.stage.run("status"), 6, "no proxy of yours is running")
        proxy = self.stage.connect(self.server.url, self.policy)
        ran = self.stage.run("status")
        self.expect(ran, 0, out=None)
        for text in ["accepted", f"127.0.0.1:{proxy.port}", "EMULATED, NOT A TEE"]:
            self.assertIn(text, ran.out)
        told = json.loads(self.stage.run("status", "--json").out)
        self.assertEqual([server["state"] for server in told[0]["servers"]], ["accepted"])
        self.assertEqual(told[0]["servers"][0]["verdict"]["verdict"], "accepted")
        # A proxy that was killed leaves its file; nobody takes it for one that runs.
        proxy.process.stop(signal.SIGKILL)
        self.expect(self.stage.run("status"), 6, "no proxy of yours is running")
        self.assertEqual([name for name in self.stage.leftovers() if name.startswith("blindbox-connect")], [])

    def test_status_is_told_by_proxies_alone(self):
        answers = [b"{}", b'{"servers":[{}],"proxy":1}', b'{"servers":[{"requests":5}],"proxy":{"paused":5}}',
                   b'{"servers":[1,{"name":"\\u001b[31m","requests":{"total":"x"}}],"proxy":{},"scan":5,"ledger":5}']
        with socket.create_server(("127.0.0.1", 0)) as listening:
            at = f"127.0.0.1:{listening.getsockname()[1]}"

            def pretend():
                for answer in answers:
                    connection, _ = listening.accept()
                    with connection:
                        wire.read_head(connection)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

            thread = threading.Thread(target=pretend)
            thread.start()
            for code in [13, 13, 6, 6]:
                ran = self.stage.run("status", "--proxy", at)
                self.expect(ran, code, out=None)
                self.assertNotIn("json.exception", ran.err)
                self.assertNotIn("\x1b", ran.out)
            thread.join()
        self.expect(self.stage.run("status", "--proxy", "blindbox.example:80"), 2, "on this machine only")

    def test_a_proxy_that_does_not_tell_hides_no_other(self):
        token = self.stage.write("hidden-token", "0123456789abcdef0123\n")
        shut = self.stage.connect(self.server.url, self.policy, "--token-file", token)
        proxy = self.stage.connect(self.server.url, self.policy)
        ran = self.stage.run("status")
        self.expect(ran, 14, f"127.0.0.1:{shut.port}: the proxy wants its token", out=None)
        self.assertIn(f"127.0.0.1:{proxy.port}  blindbox", ran.out)
        shut.process.stop()
        proxy.process.stop()

    def test_the_channels_paths_are_not_relayed(self):
        proxy = self.stage.connect(self.server.url, self.policy)
        for path in ["/.well-known/blindbox/attestation", "/@default/.well-known/blindbox/attestation"]:
            answer = wire.ask(proxy.port, "POST", path, b"x" * 36)
            self.assertEqual(answer.status, 404, path)
            self.assertIn("is not relayed", answer.json()["error"]["message"])
        proxy.process.stop()

    def test_a_project_that_is_not_there_is_refused(self):
        self.expect(self.stage.run("connect", self.server.url, "--policy", self.policy, "--project", "nowhere"), 2,
                    "--project nowhere is no folder", out=None)

    def test_a_proxy_that_was_killed_starts_again_at_its_port(self):
        proxy = self.stage.connect(self.server.url, self.policy)
        self.assertEqual(wire.ask(proxy.port, "POST", "/infill", HOLE).status, 200)
        before = len(self.ledger())
        proxy.process.stop(signal.SIGKILL)
        again = self.stage.start("connect", self.server.url, "--policy", self.policy, "--listen",
                                 f"127.0.0.1:{proxy.port}")
        again.wait_for("ready: ")
        self.addCleanup(again.discard)
        self.assertEqual(wire.ask(proxy.port, "POST", "/infill", HOLE).status, 200)
        self.assertEqual(len(self.ledger()), before + 1)

    def test_a_unix_socket_is_its_users_alone(self):
        path = self.stage.folder / "proxy.sock"
        proxy = self.stage.start("connect", self.server.url, "--policy", self.policy, "--listen", f"unix:{path}")
        proxy.wait_for(f"ready: point editors at unix:{path}")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        asked = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

        def ask():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                with contextlib.suppress(BrokenPipeError):
                    client.sendall(asked)
                received = b""
                with contextlib.suppress(ConnectionResetError):
                    while piece := client.recv(65536):
                        received += piece
                return received
        self.assertTrue(ask().startswith(b"HTTP/1.1 200 "))
        ran = self.stage.run("status")
        self.expect(ran, 0, out=None)
        if os.geteuid() == 0:  # as another user, for whom the way to the socket is open on purpose
            path.chmod(0o666)
            self.stage.folder.chmod(0o755)
            child = os.fork()
            if child == 0:
                os.setgid(65534)
                os.setuid(65534)
                os._exit(0 if ask() == b"" else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        proxy.send(signal.SIGKILL)
        proxy.wait()
        again = self.stage.start("connect", self.server.url, "--policy", self.policy, "--listen", f"unix:{path}")
        again.wait_for("ready: ")
        self.assertEqual(again.stop()[0], 0)
        self.assertFalse(path.exists())

    def test_a_token(self):
        token = self.stage.write("token", "0123456789abcdef0123\n")
        proxy = self.stage.connect(self.server.url, self.policy, "--token-file", token)
        self.addCleanup(proxy.process.discard)
        self.assertEqual(wire.ask(proxy.port, "GET", "/health").status, 401)
        self.assertEqual(wire.ask(proxy.port, "GET", "/health", None,
                                  {"Authorization": "Bearer 0123456789abcdef0123"}).status, 200)
        page = wire.ask(proxy.port, "GET", "/.blindbox/?token=another", None,
                        {"Cookie": f"blindbox_token_{proxy.port}=0123456789abcdef0123"})
        self.assertEqual((page.status, page.fields["set-cookie"].split(";")[0]),
                         (307, f"blindbox_token_{proxy.port}=0123456789abcdef0123"))
        self.expect(self.stage.run("status", "--proxy", f"127.0.0.1:{proxy.port}"), 14, "wants its token")
        ran = self.stage.run("status", "--proxy", f"127.0.0.1:{proxy.port}", "--token-file", token)
        self.expect(ran, 0, out=None)
        ran = self.stage.run("connect", self.server.url, "--policy", self.policy, "--token-file",
                             self.stage.write("short", "abc"), "--listen", "127.0.0.1:0")
        self.expect(ran, 2, "cannot be used")

    def test_the_page_is_served_and_stays_here(self):
        proxy = self.stage.connect(self.server.url, self.policy)
        self.addCleanup(proxy.process.discard)
        page = wire.ask(proxy.port, "GET", "/.blindbox/")
        self.assertEqual(page.status, 200)
        self.assertIn("content-security-policy", page.fields)
        browser = wire.ask(proxy.port, "GET", "/", None, {"Accept": "text/html"})
        self.assertEqual((browser.status, browser.fields["location"]), (307, "/.blindbox/"))

    def test_the_service_unit(self):
        ran = self.stage.run("connect", self.server.url, "--policy", "policy.yml", "--install-service")
        self.expect(ran, 0, out=None)
        unit = self.stage.folder / "config/systemd/user/blindbox-connect.service"
        self.assertIn(f"wrote: {unit}", ran.out)
        text = unit.read_text()
        self.assertIn(f'"{self.stage.folder}/policy.yml"', text)
        self.assertIn("NoNewPrivileges=yes", text)
        self.assertIn(f'"--project" "{self.stage.folder}"', text)
        command = next(line for line in text.splitlines() if line.startswith("ExecStart="))[len("ExecStart="):]
        # The command line of the unit, as it stands, starts a proxy.
        arguments = [part.strip('"') for part in command.split('" "')][1:]
        arguments[arguments.index("--listen") + 1] = "127.0.0.1:0"
        proxy = self.stage.start(*arguments)
        proxy.wait_for("ready: ")
        proxy.stop()
        if subprocess.run(["systemd-analyze", "--version"], capture_output=True, check=False).returncode == 0:
            checked = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", str(unit)], capture_output=True, text=True,
                                     check=False, env=self.stage.environment)
            self.assertNotIn("blindbox-connect.service:", checked.stderr)
        self.expect(self.stage.run("connect", "--remove-service"), 0, out=None)
        self.assertFalse(unit.exists())
        self.expect(self.stage.run("connect", "--remove-service"), 2, "no service to remove")


class Records(ConnectTest):
    def test_the_ledger_tells_everything_but_the_content(self):
        proxy = self.stage.connect(self.server.url, self.policy)
        self.addCleanup(proxy.process.discard)
        marker = "never_to_be_seen_anywhere"
        answer = wire.ask(proxy.port, "POST", "/infill?x=" + marker, dict(HOLE, input_prefix=marker + " = "))
        self.assertEqual(answer.status, 200)
        entry = self.ledger()[-1]
        self.assertEqual((entry["method"], entry["path"], entry["status"], entry["outcome"]),
                         ("POST", "/infill", 200, "answered"))
        self.assertEqual(entry["bytes_in"], len(answer.body))
        self.assertEqual(entry["verdict"], self.status(proxy.port)["servers"][0]["verdict_digest"])
        state = self.stage.folder / "state/blindbox"
        self.assertEqual(stat.S_IMODE((state / "ledger.jsonl").stat().st_mode), 0o600)
        for file in state.iterdir():
            self.assertNotIn(marker.encode(), file.read_bytes())
        sums = json.loads(self.stage.run("ledger", "--sum", "--json").out)
        self.assertEqual(sums["requests"], len(self.ledger()))
        self.assertEqual(self.ledger("--since", "2100-01-01"), [])
        self.assertEqual(self.ledger("--server", "nobody"), [])
        self.expect(self.stage.run("ledger", "--since", "yesterday"), 2, "not a time")

    def test_a_large_ledger_holds_nobody_up(self):
        line = json.dumps({"time": "2026-11-01T00:00:00.000001Z", "id": "0" * 16, "server": "work", "verdict": "0" * 64,
                           "method": "POST", "path": "/infill", "status": 200, "bytes_out": 1, "bytes_in": 1,
                           "sha256": "0" * 64, "outcome": "answered", "findings": []}).encode() + b"\n"
        folder = self.stage.folder / "large"
        folder.mkdir()
        for day in range(1, 7):
            (folder / f"ledger-2026-11-{day:02}T00:00:00.000000Z.jsonl").write_bytes(line * ((16 << 20) // len(line)))
        proxy = self.stage.connect(self.server.url, self.policy, "--ledger-dir", folder)
        with socket.create_connection(("127.0.0.1", proxy.port)) as waiting:
            waiting.sendall(b"GET /.blindbox/api/ledger?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(wire.ask(proxy.port, "GET", "/health").status, 200)
            waiting.setblocking(False)
            self.assertRaises(BlockingIOError, waiting.recv, 1)  # still being added up
        sums = wire.ask(proxy.port, "GET", "/.blindbox/api/ledger?limit=1").json()["sums"]
        self.assertEqual(sums["requests"], 6 * ((16 << 20) // len(line)) + 1)
        self.assertEqual(proxy.process.stop()[0], 0)

    def test_the_ledger_can_be_followed(self):
        proxy = self.stage.connect(self.server.url, self.policy)
        self.addCleanup(proxy.process.discard)
        self.assertEqual(wire.ask(proxy.port, "GET", "/health").status, 200)
        follower = self.stage.start("ledger", "--follow")
        follower.wait_for_text("/health")
        self.assertEqual(wire.ask(proxy.port, "GET", "/v1/models").status, 200)
        follower.wait_for_text("/v1/models")
        self.assertEqual(follower.stop()[0], 0)

    def test_secrets_by_mode(self):
        body = dict(HOLE, input_prefix=f"key = '{SECRET}'\n")
        for mode, status in [("off", 200), ("warn", 200), ("redact", 200), ("block", 403)]:
            with self.subTest(mode):
                proxy = self.stage.connect(self.server.url, self.policy, "--scan", mode)
                self.addCleanup(proxy.process.discard)
                answer = wire.ask(proxy.port, "POST", "/infill", body)
                self.assertEqual(answer.status, status, answer)
                found = answer.fields.get("blindbox-scan")
                self.assertEqual(found, None if mode == "off" else f"{mode}; aws-access-token:1")
                self.assertEqual(self.ledger()[-1]["findings"], [] if mode == "off" else ["aws-access-token"])
                self.assertNotIn(SECRET, proxy.process.errors() + repr(self.ledger()))
                self.assertEqual("aws-access-token in line 1" in proxy.process.errors(), mode != "off")

    def test_secrets_in_the_address(self):
        """In its query and its path, beside one in the body; the ledger is spared them too."""
        for mode, status in [("warn", 404), ("redact", 403), ("block", 403), ("off", 404)]:
            proxy = self.stage.connect(self.server.url, self.policy, "--scan", mode)
            self.addCleanup(proxy.process.discard)
            answer = wire.ask(proxy.port, "POST", f"/keys/{SECRET}?key={SECRET}", dict(HOLE, input_prefix=SECRET))
            self.assertEqual(answer.status, status, mode)
            self.assertEqual(answer.fields.get("blindbox-scan"), {
                "warn": "warn; aws-access-token:0, aws-access-token:0, aws-access-token:1",
                "off": None}.get(mode, f"{mode}; aws-access-token:0, aws-access-token:0"))
            entry = self.ledger()[-1]
            self.assertEqual(entry["path"], f"/keys/{SECRET}" if mode == "off" else "/keys/[redacted aws-access-token]")
            self.assertEqual(entry["bytes_out"] == 0, status == 403)
            proxy.process.stop()

    def test_ignored_files(self):
        project = self.stage.folder / "project"
        project.mkdir(exist_ok=True)
        (project / ".blindboxignore").write_text("private/\n")
        proxy = self.stage.connect(self.server.url, self.policy, "--project", project)
        self.addCleanup(proxy.process.discard)
        extra = [{"filename": "a.py", "text": "x = 1"}, {"filename": "private/b.py", "text": "y = 2"}]
        answer = wire.ask(proxy.port, "POST", "/infill", dict(HOLE, input_extra=extra))
        self.assertEqual((answer.status, answer.fields["blindbox-scan"]), (200, "warn; blindboxignore:0"))
        answer = wire.ask(proxy.port, "GET", "/health?path=private%2Fb.py%3A12")
        self.assertEqual((answer.status, answer.json()["error"]["type"]), (403, "blocked_by_scan"))
        extra[1]["filename"] = "private/b.py:12 (working tree)"
        answer = wire.ask(proxy.port, "POST", "/infill", dict(HOLE, input_extra=extra))
        self.assertEqual((answer.status, answer.fields["blindbox-scan"]), (200, "warn; blindboxignore:0"))
        tabby = {"language": "python", "segments": {"prefix": "x", "filepath": str(project / "private/b.py")}}
        answer = wire.ask(proxy.port, "POST", "/v1/completions", tabby)
        self.assertEqual(answer.status, 403, answer)

    def test_a_ledger_that_cannot_be_written(self):
        full = self.stage.folder / "full"
        full.mkdir(exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(full)], capture_output=True,
                                 check=False)
        if mounted.returncode != 0:
            self.skipTest("a small file system to fill needs the right to mount one")
        self.addCleanup(subprocess.run, ["umount", "-l", str(full)], check=False)
        for mode, status in [("on", 200), ("required", 507)]:
            with self.subTest(mode):
                folder = full / mode
                proxy = self.stage.connect(self.server.url, self.policy, "--ledger", mode, "--ledger-dir", folder)
                self.addCleanup(proxy.process.discard)
                filler = full / "filler"
                with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                    while file.write(b"\0" * 4096):
                        pass
                # The file's own last page still has room for some lines.
                for _ in range(30):
                    answer = wire.ask(proxy.port, "GET", "/health")
                self.assertEqual(answer.status, status)
                if mode == "on":
                    self.assertIn("the ledger cannot be written", proxy.process.errors())
                    self.assertIn("No space left", self.status(proxy.port)["ledger"]["error"])
                filler.unlink()
                self.assertEqual(wire.ask(proxy.port, "GET", "/health").status, 200)
                if mode == "on":
                    told = self.stage.run("ledger", "--json", "--ledger-dir", folder).out.splitlines()
                    self.assertEqual(len(told), 31, "not one is lost")


class Faults(ConnectTest):
    def test_requests_wait_for_a_server_that_is_away(self):
        server = self.stage.serve()
        proxy = self.stage.connect(server.url, self.policy, "--hold", "60")
        self.addCleanup(proxy.process.discard)
        server.process.stop(signal.SIGKILL)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(wire.ask(proxy.port, "POST", "/infill", HOLE)))
        waiting.start()
        wire.until(lambda: self.status(proxy.port)["servers"][0]["requests"]["held"] == 1)
        self.expect(self.stage.run("status"), 6, out=None)
        again = self.stage.serve(port=server.port)
        self.addCleanup(again.process.discard)
        waiting.join()
        self.assertEqual(answers[0].status, 200)

    def test_a_replacement_with_another_measurement_gets_nothing(self):
        self.stage.emulator("other", "--measurement", "cd" * 48)
        server = self.stage.serve()
        proxy = self.stage.connect(server.url, self.policy, "--hold", "60")
        self.addCleanup(proxy.process.discard)
        server.process.stop(signal.SIGKILL)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(wire.ask(proxy.port, "POST", "/infill", HOLE)))
        waiting.start()
        wire.until(lambda: self.status(proxy.port)["servers"][0]["requests"]["held"] == 1)
        other = self.stage.serve("other", port=server.port)
        waiting.join()
        self.assertEqual(answers[0].status, 502)
        self.assertIn("sev_snp.measurement", answers[0].json()["error"]["message"])
        ran = self.stage.run("status")
        self.expect(ran, 5, out=None)
        self.assertIn("refused", ran.out)
        entry = self.ledger()[-1]
        self.assertEqual((entry["outcome"], entry["bytes_out"], entry["sha256"]), ("refused", 0, ""))
        counted = harness.counters(other.process.stop()[1])
        self.assertEqual((counted["application_bytes"], counted["requests"]), (0, 0))


class Network(harness.StageTest):
    """A server behind a wire of its own, which can be cut and listened to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.name = f"bb{os.getpid() % 100000}"
        cls.near, cls.far = f"{cls.name}a", f"{cls.name}b"
        cls.net = 200 + os.getpid() % 50
        made = subprocess.run(["ip", "netns", "add", cls.name], capture_output=True, check=False) \
            if pathlib.Path("/sbin/ip").exists() or pathlib.Path("/usr/bin/ip").exists() else None
        if made is None or made.returncode != 0:
            raise harness.unittest.SkipTest("a network that can be cut needs ip(8) and the right to make a name space")
        cls.addClassCleanup(subprocess.run, ["ip", "netns", "del", cls.name], check=False)
        cls.ip("link", "add", cls.near, "type", "veth", "peer", "name", cls.far, "netns", cls.name)
        cls.addClassCleanup(subprocess.run, ["ip", "link", "del", cls.near], check=False, capture_output=True)
        cls.address = f"10.251.{cls.net}.2"
        cls.ip("addr", "add", f"10.251.{cls.net}.1/24", "dev", cls.near)
        cls.ip("-n", cls.name, "addr", "add", f"{cls.address}/24", "dev", cls.far)
        for where in [["-n", cls.name, "link", "set", cls.far, "up"], ["-n", cls.name, "link", "set", "lo", "up"],
                      ["link", "set", cls.near, "up"]]:
            cls.ip(*where)
        cls.stage.emulator()
        cls.policy = cls.stage.policy()

    @classmethod
    def ip(cls, *arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def serve(self):
        """serve, started in the other network and then as any process of the stage."""
        inside = subprocess.Popen(["ip", "netns", "exec", self.name, harness.BINARY, "serve", "--model", harness.MODEL,
                                   "--platform", f"emulator:{self.stage.folder}/guest", "--listen", f"{self.address}:0"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.stage.environment)
        self.addCleanup(inside.stdout.close)
        self.addCleanup(inside.wait, harness.PATIENCE)
        self.addCleanup(inside.terminate)
        for line in inside.stdout:
            if line.startswith(b"ready: "):
                return line.split()[1].decode()
        raise AssertionError("serve did not start")

    def test_a_cut_and_what_went_over_the_wire(self):
        url = self.serve()
        wiretap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wiretap.bind((self.near, 0))
        wiretap.settimeout(0.2)
        self.addCleanup(wiretap.close)
        heard, done = [], threading.Event()

        def listen():
            while not done.is_set():
                with contextlib.suppress(TimeoutError, OSError):
                    heard.append(wiretap.recv(1 << 16))
        tap = threading.Thread(target=listen)
        tap.start()
        proxy = self.stage.connect(url, self.policy, "--hold", "60")
        marker = "marker_of_the_request"
        body = dict(HOLE, input_prefix=marker + " = ")
        self.assertEqual(wire.ask(proxy.port, "POST", "/infill", body).status, 200)
        answers = []
        self.ip("link", "set", self.near, "down")
        waiting = threading.Thread(target=lambda: answers.append(wire.ask(proxy.port, "POST", "/infill", body)))
        waiting.start()
        wire.until(lambda: wire.ask(proxy.port, "GET", "/.blindbox/api/status").json()["servers"][0]["requests"]
                   ["active"] == 1)
        self.ip("link", "set", self.near, "up")
        waiting.join()
        self.assertEqual(answers[0].status, 200, "held, and not lost")
        proxy.process.stop()
        done.set()
        tap.join()
        # Everything that went to the server is TLS to its port, and none of it is readable.
        self.assertGreater(sum(map(len, heard)), 2000)
        for packet in heard:
            self.assertNotIn(marker.encode(), packet)
            self.assertNotIn(b"/infill", packet)


if __name__ == "__main__":
    harness.main()
