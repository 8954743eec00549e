# SPDX-License-Identifier: Apache-2.0
"""Signals: what is under way is finished, and nothing stays behind."""

import contextlib
import json
import os
import signal
import socket

import harness
import wire

BODY = json.dumps({"prompt": "x = 1\n" * 40, "max_tokens": 60, "temperature": 0, "stream": True}).encode()


def refused(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


class Shutdown(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        cls.policy = cls.stage.policy()

    def setUp(self):
        self.server = self.stage.serve()
        self.proxy = self.stage.connect(self.server.url, self.policy)
        self.clients = []

    def tearDown(self):
        for client in self.clients:  # the proxy would wait for half a request
            client.close()
        self.proxy.process.discard()
        self.server.process.discard()
        self.assertEqual((self.stage.leftovers(), self.stage.strays()), ([], []))

    def everybody(self, number):
        """As a terminal's Ctrl-C and a service manager do: to the server and to its engine."""
        for pid in [*self.server.process.children(), self.server.process.pid]:
            os.kill(pid, number)

    def begin(self, sent):
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=wire.LIMIT)
        self.clients.append(client)
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                       b"Content-Length: %d\r\n\r\n%b" % (len(BODY), sent))
        return client

    def read_to_the_end(self, client, received=b""):
        while piece := client.recv(65536):
            received += piece
        self.assertTrue(received.startswith(b"HTTP/1.1 200 "), received[:1000])
        self.assertIn(b"data: [DONE]\n\n", received[-1000:])

    def test_idle(self):
        for number in [signal.SIGTERM, signal.SIGINT]:
            with self.subTest(number):
                server = self.stage.serve()
                proxy = self.stage.connect(server.url, self.policy)
                self.assertEqual(proxy.process.stop(number), (0, []))
                code, lines = server.process.stop(number)
                self.assertEqual((code, len(lines)), (0, 1))
                self.assertEqual(harness.counters(lines), {"connections": 1, "challenges": 1, "device_calls": 1,
                                                           "requests": 0, "application_bytes": 0})
                self.assertTrue(refused(server.port) and refused(proxy.port))
                self.assertEqual((server.process.errors(), proxy.process.errors()), ("", ""))

    def test_the_server_finishes_its_answers(self):
        client = self.begin(BODY)
        received = wire.read_head(client)  # so the server has the request
        self.everybody(signal.SIGTERM)
        self.read_to_the_end(client, received)
        code, lines = self.server.process.wait()
        self.assertEqual((code, harness.counters(lines)["requests"]), (0, 1))
        self.assertEqual(self.server.process.errors(), "")

    def test_ctrl_c(self):
        self.everybody(signal.SIGINT)
        code, lines = self.server.process.wait()
        self.assertEqual((code, harness.counters(lines)["requests"]), (0, 0))
        self.assertEqual(self.server.process.errors(), "")

    def test_a_signal_while_the_model_loads(self):
        """Wherever it comes, nothing is left (tearDown looks)."""
        server = self.stage.start("serve", "--model", harness.MODEL, "--listen", "127.0.0.1:0", "--platform",
                                  f"emulator:{self.stage.folder / 'guest'}")
        while server.running() and not server.children():
            pass
        code, _ = server.stop()
        self.assertIn(code, [0, 12])
        self.assertEqual("interrupted while the model was loading" in server.errors(), code == 12)

    def test_the_proxy_finishes_its_requests(self):
        client = self.begin(BODY[:100])
        health = wire.ask(self.proxy.port, "GET", "/health")  # sent later and answered, so the proxy has read the other
        self.assertEqual(health.status, 200)
        self.proxy.process.send(signal.SIGTERM)
        while not refused(self.proxy.port):
            pass
        self.assertTrue(self.proxy.process.running())
        client.sendall(BODY[100:])
        self.read_to_the_end(client)
        self.assertEqual(self.proxy.process.wait(), (0, []))

    def end_twice(self, server):
        """With a request under way, which a single signal would wait for."""
        server.process.send(signal.SIGTERM)
        while not refused(server.port):
            pass
        self.assertEqual(server.process.stop()[0], 128 + signal.SIGTERM)

    def test_a_second_signal_to_the_proxy_waits_for_nobody(self):
        self.begin(BODY[:100])
        # Asked later and answered, so the proxy has the half.
        self.assertEqual(wire.ask(self.proxy.port, "GET", "/health").status, 200)
        self.end_twice(self.proxy)

    def test_a_second_signal_to_the_server_waits_for_nobody(self):
        engine = self.server.process.children()[0]
        wire.read_head(self.begin(BODY))  # the answer has begun ...
        os.kill(engine, signal.SIGSTOP)  # ... and does not end
        try:
            self.end_twice(self.server)
        finally:
            with contextlib.suppress(ProcessLookupError):  # it has gone with the server
                os.kill(engine, signal.SIGCONT)
        self.assertTrue(harness.gone(engine))


if __name__ == "__main__":
    harness.main()
