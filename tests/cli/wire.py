# SPDX-License-Identifier: Apache-2.0
"""HTTP as editors speak it, and raw bytes as an attacker does."""

import http.client
import json
import socket
import time
import typing

LIMIT = 90  # seconds


class Answer(typing.NamedTuple):
    status: int
    fields: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    def events(self):
        """The data of each event of a stream."""
        parts = self.body.decode().split("\n\n")
        if parts.pop() != "" or not all(part.startswith("data: ") and "\n" not in part for part in parts):
            raise AssertionError(f"not a stream of events: {self.body!r}")
        return [part if part == "[DONE]" else json.loads(part) for part in (part[6:] for part in parts)]


def ask(port, method, path, body=None, fields=None):
    """One request on a connection of its own. body: bytes as they are, anything else as JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request(method, path, body, fields or {})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def raw(port, sent):
    """Whatever comes back until the far end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as connection:
        try:
            connection.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all sent
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def read_head(connection):
    """From an open connection: up to the first empty line."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            raise AssertionError(f"the connection ended in the head: {received!r}")
        received += piece
    return received


def until(condition):
    """Asks until it holds; each asking waits for a process, so none of this spins."""
    due = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > due:
            raise AssertionError("it did not come to be")
