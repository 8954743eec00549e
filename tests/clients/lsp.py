# SPDX-License-Identifier: Apache-2.0
"""The editor's side of the language server protocol, over a process's standard streams."""

import json
import subprocess


class Client:
    def __init__(self, command, environment, log):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment)
        self._last = 0

    def notify(self, method, parameters):
        self._send({"method": method, "params": parameters})

    def ask(self, method, parameters):
        """The result; what the server says meanwhile is nobody's business here."""
        self._last += 1
        self._send({"id": self._last, "method": method, "params": parameters})
        while True:
            message = self._receive()
            if message.get("id") == self._last and "method" not in message:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self):
        length = 0
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise AssertionError("the language server ended")
            if not line.strip():
                return json.loads(self._process.stdout.read(length))
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
