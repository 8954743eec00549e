# SPDX-License-Identifier: Apache-2.0
"""What editors and curl meet at the loopback proxy, in each protocol, with good requests and bad ones."""

import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import socket

import harness
import wire

HOLE = {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 8}
BIG = 8 * 1024 * 1024


class ProxyTest(harness.ChannelTest):
    def ask(self, method, path, body=None, fields=None):
        return wire.ask(self.proxy.port, method, path, body, fields)

    def error(self, answer, status, text="", kind=None):
        """In llama.cpp's and OpenAI's shape."""
        self.assertEqual(answer.status, status, answer)
        error = answer.json()["error"]
        self.assertEqual(sorted(error), ["code", "message", "type"])
        self.assertEqual(error["code"], status)
        self.assertIn(text, error["message"])
        if kind:
            self.assertEqual(error["type"], kind)

    def detail(self, answer, status, text=""):
        """In the shape of the original's /generate."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(sorted(answer.json()), ["detail", "error", "error_type"])
        self.assertIn(text, answer.json()["detail"])


class Protocols(ProxyTest):
    def test_infill(self):
        answer = self.ask("POST", "/infill", HOLE)
        self.assertEqual(answer.status, 200)
        self.assertIn(b'"content":"', answer.body)  # llama.vim matches the raw text
        self.assertNotIn(b"\n", answer.body)
        whole = answer.json()
        self.assertTrue(whole["stop"] and whole["content"] and not whole["truncated"])
        self.assertLessEqual(whole["tokens_predicted"], 8)

        streamed = self.ask("POST", "/infill", dict(HOLE, stream=True))
        self.assertEqual((streamed.status, streamed.fields["content-type"]), (200, "text/event-stream"))
        events = streamed.events()
        self.assertEqual("".join(event["content"] for event in events), whole["content"])
        self.assertEqual([event["stop"] for event in events], [False] * (len(events) - 1) + [True])

    def test_infill_warms_up(self):
        answer = self.ask("POST", "/infill", dict(HOLE, n_predict=0))
        self.assertEqual((answer.status, answer.json()["content"]), (200, ""))

    def test_completions_with_a_suffix(self):
        asked = {"prompt": HOLE["input_prefix"], "suffix": "\n", "max_tokens": 8, "temperature": 0}
        answer = self.ask("POST", "/v1/completions", asked)
        self.assertEqual(answer.status, 200)
        choice = answer.json()["choices"][0]
        self.assertIn(choice["finish_reason"], ["stop", "length"])
        events = self.ask("POST", "/v1/completions", dict(asked, stream=True)).events()
        self.assertEqual(events[-1], "[DONE]")
        self.assertEqual("".join(event["choices"][0]["text"] for event in events[:-1]), choice["text"])
        # The suffix counts: it is the same hole as llama.cpp's protocol asks for.
        self.assertEqual(choice["text"], self.ask("POST", "/infill", HOLE).json()["content"])

    def test_generate(self):
        answer = self.ask("POST", "/generate", {"input_text": "def print_hello_world():", "max_new_tokens": 6})
        self.assertEqual((answer.status, list(answer.json())), (200, ["text"]))
        self.assertTrue(answer.json()["text"].startswith("def print_hello_world():"))

    def test_health_and_models(self):
        self.assertEqual(self.ask("GET", "/health").json()["status"], "ok")
        model = self.ask("GET", "/v1/models").json()["data"][0]
        self.assertEqual(model["meta"]["sha256"], hashlib.sha256(pathlib.Path(harness.MODEL).read_bytes()).hexdigest())

    def test_answers_say_what_they_came_through(self):
        for asked in [("GET", "/health"), ("POST", "/infill", HOLE), ("POST", "/infill", b"{"), ("GET", "/nothing")]:
            answer = self.ask(*asked)
            self.assertEqual(answer.fields["blindbox-verdict"], "accepted; EMULATED, NOT A TEE")

    def test_api_keys_go_through(self):
        for fields in [{"Authorization": "Bearer k"}, {"X-Api-Key": "k"}]:
            self.assertEqual(self.ask("POST", "/infill", HOLE, fields).status, 200)

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.ask("POST", "/infill", HOLE), range(16)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(len({answer.json()["content"] for answer in answers}), 1)


class Refusals(ProxyTest):
    def test_unknown_paths_and_methods(self):
        self.error(self.ask("GET", "/nothing"), 404, "POST /infill")
        self.error(self.ask("POST", "/v1/chat", {}), 404)
        wrong = self.ask("GET", "/infill")
        self.error(wrong, 405, "this path takes POST")
        self.assertEqual(wrong.fields["allow"], "POST")
        self.error(self.ask("POST", "/.well-known/blindbox/attestation", b"\xa0"), 404, "not relayed")

    def test_bodies_that_are_no_request(self):
        for body, text in [(b"", "has no body"), (b"{", "not valid JSON"), (b"[]", "not a JSON object"),
                           (b'"text"', "not a JSON object"), (b'{"a":1,"a":2}', "a key twice"),
                           (b'{"a":' * 100 + b"1" + b"}" * 100, "nested too deeply"),
                           (b'{"input_prefix":"\xff","input_suffix":"","prompt":"\xff","input_text":"\xff"}', "UTF-8"),
                           (b'{"input_prefix":1,"input_suffix":"","prompt":1,"input_text":1}', "must be a string"),
                           (b'{"input_suffix":""}', "is required")]:
            with self.subTest(body[:60]):
                self.error(self.ask("POST", "/infill", body), 400, text, "invalid_request_error")
                self.error(self.ask("POST", "/v1/completions", body), 400, text, "invalid_request_error")
                self.detail(self.ask("POST", "/generate", body), 422, text)

    def test_prompts_longer_than_the_context(self):
        long = "value = 1\n" * 20_000
        kind = "exceed_context_size_error"
        self.error(self.ask("POST", "/v1/completions", {"prompt": long}), 400, "longer than the model's context", kind)
        self.detail(self.ask("POST", "/generate", {"input_text": long}), 422, "longer than the model's context")
        # A hole keeps what is nearest to it, and says so.
        answer = self.ask("POST", "/infill", dict(HOLE, input_prefix=long + HOLE["input_prefix"], input_suffix=long))
        self.assertEqual((answer.status, answer.json()["truncated"]), (200, True))

    def test_oversize(self):
        self.error(self.ask("POST", "/infill", b"x" * BIG), 400)  # it fits, and is no JSON
        head = b"POST /infill HTTP/1.1\r\nHost: localhost\r\n"
        chunk = b"100000\r\n%b\r\n" % (b"x" * 0x100000)
        for sent in [head + b"Content-Length: %d\r\n\r\n" % (BIG + 1),
                     head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9 + b"0\r\n\r\n"]:
            with self.subTest(sent[:100]):
                self.assertRegex(wire.raw(self.proxy.port, sent), rb"\AHTTP/1.1 413 [^\0]*is larger than 8388608 bytes")
        sent = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n"
        self.assertRegex(wire.raw(self.proxy.port, sent), rb"\AHTTP/1.1 431 [^\0]*is larger than 16384 bytes")
        sent = b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.assertRegex(wire.raw(self.proxy.port, sent), rb"\AHTTP/1.1 414 [^\0]*target is too long")

    def test_who_may_ask(self):
        """A web page cannot use the proxy: not by its own origin, not by a name that it makes point here."""
        for fields, text in [({"Host": "attacker.example"}, "not this machine"),
                             ({"Host": "192.0.2.1:80"}, "not this machine"),
                             ({"Host": "localhost.attacker.example"}, "not this machine"),
                             ({"Origin": "https://attacker.example"}, "web pages"),
                             ({"Origin": "null"}, "web pages"),
                             ({"Origin": "http://localhost.attacker.example"}, "web pages")]:
            with self.subTest(fields):
                self.error(self.ask("POST", "/infill", HOLE, fields), 403, text)
                self.error(self.ask("GET", "/health", fields=fields), 403, text)
        for fields in [{"Host": "localhost"}, {"Host": "LOCALHOST:1"}, {"Host": "[::1]:80"},
                       {"Origin": "http://127.0.0.1:3000"}]:
            with self.subTest(fields):
                self.assertEqual(self.ask("GET", "/health", fields=fields).status, 200)


class Framing(ProxyTest):
    HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    LAST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    def test_smuggling(self):
        """Each is answered once, with 400 and a closed connection: what follows it is never taken for a request."""
        post = b"POST /infill HTTP/1.1\r\nHost: localhost\r\n"
        for name, sent in [
                ("two lengths", post + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n"),
                ("a list of lengths", post + b"Content-Length: 0, 0\r\n\r\n"),
                ("a signed length", post + b"Content-Length: +0\r\n\r\n"),
                ("a hexadecimal length", post + b"Content-Length: 0x0\r\n\r\n"),
                ("a length beside chunks", post + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                ("an unknown coding", post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
                ("chunked not last", post + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
                ("two codings", post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                ("a bad chunk size", post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
                ("a chunk without an end", post + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n"),
                ("bare line feeds", b"GET /health HTTP/1.1\nHost: localhost\n\n"),
                ("a bare line feed in the fields", b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n"),
                ("a bare carriage return", b"GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n"),
                ("a space before the colon", post + b"Content-Length : 0\r\n\r\n"),
                ("a zero byte", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n"),
                ("no host", b"GET /health HTTP/1.1\r\n\r\n"),
                ("two hosts", b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
                ("another's absolute target", b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                ("a tunnel", b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n"),
                ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                ("HTTP/0.9", b"GET /health\r\n\r\n"),
                ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
        ]:
            with self.subTest(name):
                received = wire.raw(self.proxy.port, sent + self.HEALTH)
                self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received)
                self.assertEqual(received.count(b"HTTP/1.1 "), 1, received)
                body = received.split(b"\r\n\r\n", 1)[1]
                self.assertIn("HTTP/1.1", json.loads(body)["error"]["message"])
        self.assertEqual(self.ask("GET", "/health").status, 200)

    def test_one_after_the_other_on_a_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=wire.LIMIT)
        self.addCleanup(connection.close)
        for body in [HOLE, dict(HOLE, stream=True)] * 3:
            connection.request("POST", "/infill", json.dumps(body))
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            response.read()

    def test_sent_ahead(self):
        received = wire.raw(self.proxy.port, self.HEALTH * 3 + self.LAST)
        self.assertEqual(received.count(b"HTTP/1.1 200 "), 4, received)

    def test_http_1_0(self):
        received = wire.raw(self.proxy.port, b"GET /health HTTP/1.0\r\n\r\n")
        head, body = received.split(b"\r\n\r\n", 1)
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), received)
        self.assertEqual(json.loads(body)["status"], "ok")
        body = json.dumps(dict(HOLE, stream=True)).encode()
        sent = b"POST /infill HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        received = wire.raw(self.proxy.port, sent)
        head, streamed = received.split(b"\r\n\r\n", 1)
        self.assertNotIn(b"chunked", head)
        self.assertTrue(wire.Answer(200, {}, streamed).events()[-1]["stop"])

    def test_curl_asks_before_it_sends(self):
        body = json.dumps(dict(HOLE, n_predict=1)).encode()
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=wire.LIMIT) as connection:
            connection.sendall(b"POST /infill HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body))
            self.assertEqual(wire.read_head(connection), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(body)
            self.assertTrue(wire.read_head(connection).startswith(b"HTTP/1.1 200 "))

    def test_a_body_that_ends_early(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=wire.LIMIT) as connection:
            connection.sendall(b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer)
        self.assertEqual(self.ask("POST", "/infill", HOLE).status, 200)


if __name__ == "__main__":
    harness.main()
