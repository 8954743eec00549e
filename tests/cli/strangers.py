# SPDX-License-Identifier: Apache-2.0
"""Servers that are no BlindBox. Each keeps every byte that a client sent to it."""

import pathlib
import socket
import ssl
import subprocess
import threading

CHALLENGE = b"POST /.well-known/blindbox/attestation HTTP/1.1\r\n"


class Stranger:
    """Listens on a free port; serve(connection) runs for each client, on a thread of its own."""

    def __init__(self, serve):
        self.received = b""
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            connection.settimeout(60)
            thread = threading.Thread(target=self._run, args=[connection])
            self._threads.append(thread)
            thread.start()

    def _run(self, connection):
        with connection:
            try:
                self._serve(self, connection)
            except OSError:  # the client has gone, or TLS failed: that is what is being tried
                pass

    def read(self, connection):
        """At least a byte; False at the end."""
        piece = connection.recv(65536)
        self.received += piece
        return bool(piece)

    def read_all(self, connection):
        while self.read(connection):
            pass

    def close(self):
        self._closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def make_certificate(folder):
    """A key and a certificate of its own, as any web server has; the path of both in one file."""
    path = pathlib.Path(folder) / "web.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-days", "30", "-keyout", path, "-out", f"{path}.crt"],
                   check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + pathlib.Path(f"{path}.crt").read_bytes())
    return path


def over_tls(certificate, serve, newest=ssl.TLSVersion.TLSv1_3):
    """The same behaviour inside TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(certificate)

    def wrapped(stranger, connection):
        with context.wrap_socket(connection, server_side=True) as inside:
            serve(stranger, inside)
    return wrapped


def answers(text):
    """Waits for the client's first bytes, says text, and hears the rest."""
    def serve(stranger, connection):
        if stranger.read(connection):
            connection.sendall(text)
            stranger.read_all(connection)
    return serve


def speaks_first(text):
    def serve(stranger, connection):
        connection.sendall(text)
        stranger.read_all(connection)
    return serve


def says_nothing(stranger, connection):
    stranger.read_all(connection)


def hangs_up(stranger, connection):
    stranger.read(connection)


def ends(stranger, connection):
    """In TLS's own way, while hangs_up() only drops the connection."""
    stranger.read(connection)
    connection.unwrap()


def message(status, body=b"", content_type="text/html", more=""):
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body
