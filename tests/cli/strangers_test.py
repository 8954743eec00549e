# SPDX-License-Identifier: Apache-2.0
"""Far ends that are no BlindBox: each gets its own exit status, and no more than a challenge."""

import re
import socket
import ssl

import harness
import strangers
from policy_test import GOOD
from strangers import Stranger, answers, message, over_tls

CBOR = "application/cbor"


class Strangers(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificate = strangers.make_certificate(cls.stage.folder)
        cls.policy = cls.stage.write("policy.yml", GOOD)
        # Begun here and judged in the last test, so that ten seconds pass beside the others and not after them.
        cls.silent = cls.stranger(strangers.says_nothing)
        cls.waiting = cls.stage.start("verify", cls.silent.url, "--policy", cls.policy)

    @classmethod
    def stranger(cls, serve):
        stranger = Stranger(serve)
        cls.addClassCleanup(stranger.close)
        return stranger

    def refused(self, serve, code, *texts):
        """Both who ask are told, with nothing on standard output."""
        stranger = self.stranger(serve)
        self.expect(self.stage.run("verify", stranger.url, "--policy", self.policy), code, *texts)
        connected = self.stage.run("connect", stranger.url, "--policy", self.policy, "--listen", "127.0.0.1:0")
        self.expect(connected, code, *texts)
        return stranger.received

    def refused_over_tls(self, serve, code, *texts):
        """And the far end has seen two challenges, byte for byte, and nothing else."""
        received = self.refused(over_tls(self.certificate, serve), code, *texts)
        one = re.escape(strangers.CHALLENGE) + rb"Host: blindbox\r\nContent-Type: application/cbor\r\n" \
            rb"Content-Length: 36\r\n\r\n\xa1\x01\x58\x20.{32}"
        self.assertRegex(received, re.compile(rb"\A(" + one + rb"){2}\Z", re.DOTALL))

    def test_a_closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for command in [["verify"], ["connect", "--listen", "127.0.0.1:0"]]:
            ran = self.stage.run(*command, f"https://127.0.0.1:{port}", "--policy", self.policy)
            self.expect(ran, 6, f"cannot connect to 127.0.0.1:{port}: Connection refused",
                        "hint: is the server running, and is the port right?")

    def test_a_name_that_nobody_has(self):
        ran = self.stage.run("verify", "https://blindbox.invalid:8443", "--policy", self.policy)
        self.expect(ran, 6, "cannot find blindbox.invalid")

    def test_plain_http(self):
        for command in [["verify"], ["connect", "--listen", "127.0.0.1:0"]]:
            ran = self.stage.run(*command, "http://127.0.0.1:8443", "--policy", self.policy)
            self.expect(ran, 2, "not a URL of the form https://HOST:PORT: http://127.0.0.1:8443",
                        "hint: nothing goes there over plain HTTP; write https://127.0.0.1:8443")
        received = self.refused(answers(message("400 Bad Request")), 6, "TLS", "is it a plain HTTP server")
        self.assertNotIn(b"POST", received)
        self.refused(strangers.speaks_first(b"SSH-2.0-OpenSSH_9.2\r\n"), 6, "TLS")

    def test_hanging_up_in_the_handshake(self):
        self.refused(strangers.hangs_up, 6, "TLS")

    def test_tls_1_2(self):
        serve = over_tls(self.certificate, strangers.says_nothing, ssl.TLSVersion.TLSv1_2)
        self.assertNotIn(b"POST", self.refused(serve, 6, "TLS", "protocol version"))

    def test_a_web_server(self):
        hint = 'the URL must name a "blindbox serve"'
        no_blindbox = "blindbox: error: the server is not a BlindBox"
        self.refused_over_tls(answers(message("404 Not Found", b"<html>no")), 13, no_blindbox, "status 404", hint)
        self.refused_over_tls(answers(message("302 Found", more="Location: https://localhost/\r\n")), 13, no_blindbox,
                              "status 302", hint)
        self.refused_over_tls(answers(message("200 OK", b"<html>hello")), 13, no_blindbox, "status 200", hint)
        self.refused_over_tls(answers(b"220 mail.example.com ESMTP\r\n"), 13, no_blindbox, hint)
        self.refused_over_tls(strangers.ends, 13, no_blindbox, "it closed the connection", hint)
        self.refused_over_tls(strangers.hangs_up, 6, "reading from the connection failed")

    def test_a_server_without_a_device(self):
        self.refused_over_tls(answers(message("503 Service Unavailable")), 9, "the server has no evidence",
                              "the server's log says more")

    def test_evidence_that_is_none(self):
        def with_body(body):
            return answers(message("200 OK", body, CBOR))
        for name, body in [("empty", b""), ("text", b"hello"), ("an empty map", b"\xa0"), ("an open map", b"\xbf\xff"),
                           ("a duplicate key", b"\xa2\x01\x01\x01\x01"), ("an unknown key", b"\xa1\x18\x63\x00"),
                           ("deep", b"\x81" * 100_000)]:
            with self.subTest(name):
                self.refused_over_tls(with_body(body), 3, "blindbox: error: ", "bundle")
        with self.subTest("oversize"):
            self.refused_over_tls(with_body(b"\xa0" * (1024 * 1024 + 1)), 3, "larger than 1048576 bytes")

    def test_zz_a_server_that_says_nothing(self):
        code, lines = self.waiting.wait()
        self.assertEqual((code, lines), (6, []))
        self.assertIn("the TLS handshake timed out", self.waiting.errors())


if __name__ == "__main__":
    harness.main(fuse=False)
