# SPDX-License-Identifier: Apache-2.0
"""What breaks while it is used: clients that go away, servers that die or change, engines that crash."""

import contextlib
import json
import os
import resource
import signal
import socket
import time

import harness
import wire

HOLE = {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 8}
# A model that sees nothing but this goes on with it for as long as it may.
LONG = {"prompt": "x = 1\n" * 40, "max_tokens": 300, "temperature": 0}


class FailuresTest(harness.ChannelTest):
    def ask(self, path="/infill", body=None):
        return wire.ask(self.proxy.port, "POST", path, HOLE if body is None else body)

    def expect_error(self, status, kind, text):
        """In the protocol of whoever asked."""
        for path in ["/infill", "/v1/completions"]:
            answer = self.ask(path)
            self.assertEqual(answer.status, status, answer)
            self.assertEqual((answer.json()["error"]["code"], answer.json()["error"]["type"]), (status, kind))
            self.assertIn(text, answer.json()["error"]["message"])
            self.assertEqual(answer.fields.get("retry-after"), "2" if status == 503 else "1")
        answer = self.ask("/generate", {"input_text": "x"})
        self.assertEqual((answer.status, sorted(answer.json())), (status, ["detail", "error", "error_type"]))
        self.assertIn(text, answer.json()["detail"])


class Clients(FailuresTest):
    def begin(self, answered):
        """A client that asks for a long stream, and has its beginning where answered; closing it is the caller's."""
        body = json.dumps(dict(LONG, stream=True)).encode()
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=wire.LIMIT)
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        if answered:
            received = wire.read_head(client)
            while b"data: " not in received:
                received += client.recv(65536)
        return client

    def test_clients_that_go_away(self):
        """Their work ends with them: who comes next does not wait for it."""
        def timed():
            begun = time.monotonic()
            self.assertEqual(self.ask("/v1/completions", LONG).status, 200)
            return time.monotonic() - begun
        self.assertEqual(self.ask("/v1/completions", LONG).json()["usage"]["completion_tokens"], LONG["max_tokens"])
        alone = max(timed(), timed())
        clients = [self.begin(answered=True)] + [self.begin(answered=False) for _ in range(39)]
        for client in clients:
            client.close()
        self.assertLess(timed(), 20 * alone)  # 40 times as long were they all served
        self.assertEqual(wire.ask(self.proxy.port, "GET", "/health").status, 200)
        self.assertTrue(self.server.process.running())

    def test_clients_that_break_the_connection(self):
        for _ in range(5):
            client = self.begin(answered=True)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset instead of an end
            client.close()
        self.assertEqual(self.ask().status, 200)

    def test_clients_that_say_nothing(self):
        """Open connections without a request cost the others nothing."""
        clients = [socket.create_connection(("127.0.0.1", self.proxy.port)) for _ in range(50)]
        self.assertEqual(self.ask().status, 200)
        for client in clients:
            client.close()


class FewDescriptors(harness.StageTest):
    """A crowd that merely stays connected locks nobody out."""

    def test_a_crowd(self):
        few = {resource.RLIMIT_NOFILE: 64}
        self.stage.emulator()
        policy = self.stage.policy()
        server = self.stage.start("serve", "--model", harness.MODEL, "--platform",
                                  f"emulator:{self.stage.folder / 'guest'}", "--listen", "127.0.0.1:0", limits=few)
        url, _ = server.wait_for("ready: ")
        proxy = self.stage.start("connect", url, "--policy", policy, "--listen", "127.0.0.1:0", limits=few)
        at, _ = proxy.wait_for("ready: point editors at ")
        for port in [int(url.rsplit(":", 1)[1]), int(at.rsplit(":", 1)[1])]:
            with contextlib.ExitStack() as crowd:
                for _ in range(150):
                    crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
                late = self.stage.connect(url, policy)  # a connection of its own
                self.assertEqual(wire.ask(late.port, "POST", "/infill", HOLE).status, 200)
                self.assertEqual(wire.ask(int(at.rsplit(":", 1)[1]), "POST", "/infill", HOLE).status, 200)
        self.assertTrue(server.running() and proxy.running())


class Servers(FailuresTest):
    """A channel of its own for each test: all of them break it."""

    @classmethod
    def setUpClass(cls):
        harness.StageTest.setUpClass.__func__(cls)
        cls.stage.emulator()
        cls.policy = cls.stage.policy()

    def setUp(self):
        self.server = self.stage.serve()
        self.proxy = self.stage.connect(self.server.url, self.policy)

    def tearDown(self):
        self.proxy.process.discard()
        self.server.process.discard()

    def test_a_server_that_dies(self):
        engine = self.server.process.children()[0]
        self.assertEqual(self.ask().status, 200)
        self.server.process.stop(signal.SIGKILL)
        self.assertTrue(harness.gone(engine))
        self.expect_error(503, "server_unreachable", "cannot connect to 127.0.0.1")
        ran = self.stage.run("complete", self.stage.write("f.py", "x = \n").name + ":1:5", "--proxy", self.proxy.url)
        self.expect(ran, 6, "blindbox: error: cannot connect to", "server_unreachable")
        # The proxy waits for nobody to restart it.
        self.server = self.stage.serve(port=self.server.port)
        self.assertEqual(self.ask().status, 200)

    def test_a_server_that_dies_in_a_stream(self):
        """A completion is asked for once more where no byte of an answer came; with nobody there it says so."""
        body = json.dumps(dict(LONG, stream=True)).encode()
        os.kill(self.server.process.children()[0], signal.SIGSTOP)  # the engine: the answer cannot have ended
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=wire.LIMIT) as client:
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            wire.until(lambda: wire.ask(self.proxy.port, "GET", "/.blindbox/api/status").json()["servers"][0]
                       ["connections"]["busy"] == 1)
            self.server.process.stop(signal.SIGKILL)
            answer = wire.read_head(client)
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b'"type":"server_unreachable"', answer)

    def test_another_server_at_its_address(self):
        """The restart is seen, refused by name, and gets nothing."""
        self.stage.emulator("other", "--measurement", "cd" * 48)
        self.assertEqual(self.ask().status, 200)
        self.server.process.stop()
        other = self.stage.serve("other", port=self.server.port)
        self.expect_error(502, "evidence_not_acceptable", "sev_snp.measurement")
        ran = self.stage.run("complete", self.stage.write("f.py", "x = \n").name + ":1:5", "--proxy", self.proxy.url)
        self.expect(ran, 5, "sev_snp.measurement")
        # The page's button asks at once; an editor that asks with every key does not.
        for _ in range(3):
            told = wire.ask(self.proxy.port, "POST", "/infill", HOLE)
            self.assertEqual((told.status, told.fields["x-should-retry"]), (502, "false"))
            self.assertGreaterEqual(int(told.fields["retry-after"]), 1)
            wire.ask(self.proxy.port, "POST", "/.blindbox/api/attest", {}, {"Blindbox-Page": "1"})
        code, lines = other.process.stop()
        counted = harness.counters(lines)
        self.assertEqual((code, counted["application_bytes"], counted["requests"]), (0, 0, 0))
        self.assertGreaterEqual(counted["challenges"], 3)
        self.assertIn("no connection: ", self.proxy.process.errors())

    def test_an_engine_that_dies(self):
        before = self.stage.leftovers()  # of the servers that other tests have killed
        os.kill(self.server.process.children()[0], signal.SIGKILL)
        code, lines = self.server.process.wait()
        self.assertEqual(code, 8)
        self.assertIn("the engine ended: signal Killed", self.server.process.errors())
        self.assertIn("application_bytes", harness.counters(lines))
        self.assertLess(set(self.stage.leftovers()), set(before))
        self.assertEqual(self.stage.strays(), [])

    def test_a_device_that_goes_away(self):
        """Connections with a verdict go on; a new one gets none, and says why."""
        guest = self.stage.emulator("brief")
        policy = self.stage.policy("brief")
        server = self.stage.serve("brief")
        self.addCleanup(server.process.discard)
        proxy = self.stage.connect(server.url, policy)
        self.addCleanup(proxy.process.discard)
        guest.stop()
        self.assertEqual(wire.ask(proxy.port, "POST", "/infill", HOLE).status, 200)
        ran = self.stage.run("verify", server.url, "--policy", policy)
        self.expect(ran, 9, "the server has no evidence", "the server's log says more")
        self.assertIn("no evidence", server.process.errors())
        self.assertTrue(server.process.running())


if __name__ == "__main__":
    harness.main()
