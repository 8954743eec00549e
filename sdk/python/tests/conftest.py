# SPDX-License-Identifier: Apache-2.0
"""Real servers in emulated guests, and far ends that are none and count what reaches them."""

import gzip
import http.server
import json
import os
import pathlib
import re
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




class Echo(http.server.BaseHTTPRequestHandler):
    """An application with something for each feature of a client."""

    protocol_version = "HTTP/1.1"
    held = threading.Event()  # what /hold waits for

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, body, status=200, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunk(self, piece):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.flush()

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def do_any(self):
        sent = self.body()
        path = self.path.partition("?")[0]
        if path == "/redirect":
            self.answer(b"", 302, Location=self.headers["X-To"])
        elif path == "/gzip":
            self.answer(gzip.compress(b"squeezed " * 1000), Content_Encoding="gzip")
        elif path == "/cookies":
            self.answer(b"", Set_Cookie="crumb=1; Path=/")
        elif path.startswith("/status/"):
            self.answer(b"so it is", int(path[8:]))
        elif path == "/large":
            self.answer(b"x" * 3_000_000)
        elif path == "/events":  # the second waits until the client has the first and says so
            self.begin_stream()
            self.chunk(b"data: one\n\n")
            Echo.held.wait(60)
            self.chunk(b"data: two\n\n")
            self.chunk(b"")
        elif path == "/endless":
            self.begin_stream()
            try:
                while True:
                    self.chunk(b"data: more\n\n" * 100)
            except OSError:
                Echo.held.set()  # the client went away, and this end heard of it
        elif path == "/hold":
            Echo.held.wait(60)
            self.answer(b"at last")
        elif path == "/broken":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            told = {"method": self.command, "path": self.path, "body": sent.decode("latin-1"),
                    "fields": {name.lower(): value for name, value in self.headers.items()}}
            self.answer(json.dumps(told).encode(), Content_Type="application/json")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = do_any


class Applications(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Clients that go away are what some tests are about."""


@pytest.fixture(scope="session")
def echo_policy(stage):
    """Accepts any application in the guest."""
    printed = stage.run("serve", "--model", harness.MODEL, "--platform", f"emulator:{stage.folder / 'guest'}",
                        "--print-policy")
    assert printed.code == 0, printed
    return str(stage.write("echo.yml", re.sub(r"(?ms)^manifest:.*?(?=^\S|\Z)", "", printed.out)))


@pytest.fixture(scope="session")
def echo_gateway(stage):
    """Starts a gateway before the Echo application; stop() returns what it counted."""
    binary = os.environ.get("BLINDBOX_TEST_GATEWAY", str(ROOT / "build/release/tests/python/attested_gateway"))
    if not os.access(binary, os.X_OK):
        pytest.skip(f"there is no attested_gateway at {binary}; name one with BLINDBOX_TEST_GATEWAY")
    application = Applications(("127.0.0.1", 0), Echo)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    running = []

    class Gateway:
        def __init__(self):
            self._process = subprocess.Popen([binary, stage.folder / "guest", str(application.server_port)],
                                             stdout=subprocess.PIPE, text=True)
            running.append(self._process)
            self.url = self._process.stdout.readline().partition("ready: ")[2].strip()
            assert self.url

        def stop(self):
            self._process.terminate()
            told, _ = self._process.communicate(timeout=60)
            return json.loads(told)

    yield Gateway
    for process in running:
        process.kill()
        process.communicate()
    application.shutdown()
    application.server_close()


@pytest.fixture(scope="session")
def echo(echo_gateway):
    return echo_gateway().url


@pytest.fixture
def held():
    """What /hold and the second event of /events wait for; set at the end of the test at the latest."""
    Echo.held.clear()
    yield Echo.held
    Echo.held.set()
