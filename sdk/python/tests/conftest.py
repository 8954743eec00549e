# SPDX-License-Identifier: Apache-2.0
"""Real servers in emulated guests, and far ends that are none and count what reaches them."""

import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
import harness  # noqa: E402

HIDDEN = "def never_to_be_seen(): pass"


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    if not os.access(harness.BINARY, os.X_OK):
        pytest.skip(f"there is no blindbox at {harness.BINARY}; name one with BLINDBOX_BINARY")
    if not pathlib.Path("/dev/fuse").exists():
        pytest.skip("there is no /dev/fuse here, so no emulated guest can be shown")
    made = harness.Stage()
    try:
        made.emulator()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def policy(stage):
    return str(stage.policy())


@pytest.fixture(scope="session")
def server(stage, policy):
    """A blindbox serve that the policy accepts."""
    return stage.serve()


@pytest.fixture
def counted(stage, policy):
    """Starts a server in a guest of its own; afterwards its counters can be asked for."""
    started = []

    def start(name, *options):
        if not (stage.folder / name).exists():
            stage.emulator(name, *options)
        started.append(stage.serve(name))
        return started[-1]

    def stop(one):
        started.remove(one)
        code, lines = one.process.stop()
        assert code == 0
        return harness.counters(lines)

    start.stop = stop
    yield start
    for one in started:
        one.process.discard()


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch, tmp_path):
    for name in ("BLINDBOX_POLICY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


class FarEnd:
    """Accepts connections in a thread and hands each to serve(socket); seen: every byte that serve() said it read."""

    def __init__(self, serve):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.seen = b""
        self.accepted = threading.Semaphore(0)
        self._serve = serve
        self._threads = []
        self._open = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.accepted.release()
            thread = threading.Thread(target=self._run, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _run(self, connection):
        try:
            self._serve(self, connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join()


@pytest.fixture
def far_end():
    made = []

    def make(serve):
        made.append(FarEnd(serve))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Of a server of the web that nobody vouches for."""
    folder = tmp_path_factory.mktemp("web")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1"],
                   check=True, capture_output=True)
    return folder


def tls_context(folder, version=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.minimum_version = context.maximum_version = version
    return context


def challenge_and_rest(seen):
    """What a far end read, as the one challenge that it must begin with and whatever is more than that."""
    head, _, rest = seen.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /.well-known/blindbox/attestation HTTP/1.1\r\n"), seen
    return rest[:36], rest[36:]


