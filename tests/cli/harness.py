# SPDX-License-Identifier: Apache-2.0
"""Starts blindbox as a user would, and leaves nothing behind: processes, mounts, folders.

Nothing here sleeps: processes are waited for by what they print or by their end, each under PATIENCE.
"""

import ctypes
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("BLINDBOX_BINARY", str(ROOT / "build/release/apps/blindbox"))
MODEL = os.environ.get("BLINDBOX_MODEL", str(ROOT / "models/blindbox-tiny-python.gguf"))
SKIPPED = 77
PATIENCE = 90.0  # seconds; far above what anything takes, so that only a hang reaches it
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


def main(fuse=True):
    """Runs the tests of the calling file."""
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"error: there is no blindbox at {BINARY}; name one with BLINDBOX_BINARY")
    if fuse and not pathlib.Path("/dev/fuse").exists():
        print("skipped: there is no /dev/fuse here, so no emulated guest can be shown")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)


class Ran(typing.NamedTuple):
    code: int
    out: str
    err: str


def limit(limits, dies_with_parent=False):
    """Of the calling process: what it may have, by resource (resource.RLIMIT_...), soft and hard."""
    if dies_with_parent:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for which, most in (limits or {}).items():
        resource.setrlimit(which, (most, most))


class Process:
    """A blindbox that runs until it is stopped."""

    def __init__(self, arguments, folder, environment, merged=False, limits=None):
        """merged: what goes to standard error is among the lines of its output. limits: see limit()."""
        self.name = "blindbox " + " ".join(arguments)
        self._errors = tempfile.TemporaryFile(dir=folder)
        # Should this process be killed, its children are not to stay.
        self._popen = subprocess.Popen([BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT if merged else self._errors, cwd=folder,
                                       env=environment,
                                       preexec_fn=lambda: limit(limits, dies_with_parent=True))
        self._read = b""
        self.pid = self._popen.pid

    def errors(self):
        if self._errors.closed:
            return ""  # discarded already
        # Where it writes next is shared with the process itself: reading must not move that place.
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    def _line(self, due):
        """The next line of its output, None at the end."""
        while b"\n" not in self._read:
            left = due - time.monotonic()
            if left <= 0 or not select.select([self._popen.stdout], [], [], left)[0]:
                raise AssertionError(f"{self.name} says nothing; it said before: {self._read!r}\n{self.errors()}")
            piece = os.read(self._popen.stdout.fileno(), 65536)
            if not piece:
                return None
            self._read += piece
        line, self._read = self._read.split(b"\n", 1)
        return line.decode()

    def wait_for(self, prefix):
        """The rest of the first line that begins with prefix, and the lines before it."""
        return self._wait_for(prefix, str.startswith)

    def wait_for_text(self, text):
        """What follows the text in the first line that holds it, and the lines before it."""
        return self._wait_for(text, str.__contains__)

    def _wait_for(self, text, found):
        before, due = [], time.monotonic() + PATIENCE
        while True:
            line = self._line(due)
            if line is None:
                code = self._popen.wait(PATIENCE)
                raise AssertionError(f"{self.name} ended with {code} before \"{text}\":\n{before}\n{self.errors()}")
            if found(line, text):
                return line.split(text, 1)[1], before
            before.append(line)

    def send(self, number):
        self._popen.send_signal(number)

    def wait(self):
        """Its exit status (negative: the signal that ended it) and the lines that it still printed."""
        lines, due = [], time.monotonic() + PATIENCE
        for line in iter(lambda: self._line(due), None):
            lines.append(line)
        return self._popen.wait(PATIENCE), lines

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def running(self):
        return self._popen.poll() is None

    def children(self):
        tasks = pathlib.Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def resident_kib(self):
        return resident_kib(self.pid)

    def discard(self):
        if self.running():
            self._popen.terminate()
            try:
                self._popen.wait(20)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()
        self._popen.stdout.close()
        self._errors.close()


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def environment_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # ended meanwhile, or not ours to look into
        return b""


def gone(pid):
    """Waits until a process that is no child of ours has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE)[0])
    finally:
        os.close(handle)


def mounts_below(folder):
    return [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
            if line.split()[1].startswith(str(folder))]


def wait_for_mounts(condition):
    """Until condition() holds, which the kernel's notice of every mount and unmount has looked at."""
    with open("/proc/self/mounts", "rb") as mounts:
        changes = select.poll()
        changes.register(mounts, select.POLLPRI)
        due = time.monotonic() + PATIENCE
        while not condition():
            if not changes.poll(max(0, due - time.monotonic()) * 1000):
                raise AssertionError("the mounts did not change")


class Server(typing.NamedTuple):
    process: Process
    url: str
    port: int


class Stage:
    """A folder and the processes that play in it; close() removes all of them."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bb-cli-"))
        self.temporary = self.folder / "tmp"  # where blindbox keeps its own temporary folders
        self.temporary.mkdir()
        self.environment = dict(os.environ, TMPDIR=str(self.temporary), XDG_RUNTIME_DIR=str(self.temporary),
                                XDG_CACHE_HOME=str(self.folder / "cache"), XDG_CONFIG_HOME=str(self.folder / "config"),
                                XDG_STATE_HOME=str(self.folder / "state"))
        self.environment.pop("UVM_SECURITY_CONTEXT_DIR", None)
        self._processes = []

    def close(self):
        for process in reversed(self._processes):
            process.discard()
        for mount in mounts_below(self.folder):
            subprocess.run(["fusermount3", "-uz", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self):
        return list(self._processes)

    def run(self, *arguments, stdout=subprocess.PIPE, limits=None):
        done = subprocess.run([BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, cwd=self.folder, env=self.environment, timeout=PATIENCE,
                              check=False, preexec_fn=lambda: limit(limits))
        return Ran(done.returncode, (done.stdout or b"").decode(errors="replace"), done.stderr.decode(errors="replace"))

    def start(self, *arguments, merged=False, limits=None):
        process = Process([str(argument) for argument in arguments], self.folder, self.environment, merged, limits)
        self._processes.append(process)
        return process

    def write(self, name, contents):
        path = self.folder / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return path

    def leftovers(self):
        """What blindbox has left in its temporary folder."""
        return sorted(path.name for path in self.temporary.iterdir())

    def strays(self):
        """Processes of this stage that nobody waits for any more: children of children that outlived them."""
        known = {process.pid for process in self._processes if process.running()}
        known |= {pid for process in self._processes if process.running() for pid in process.children()}
        mark = f"TMPDIR={self.temporary}".encode()
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if pid not in known and mark in environment_of(pid).split(b"\0")]

    def emulator(self, name="guest", *options, keys=None):
        """Mounts an emulated guest; the process, whose kds is the URL of its key distribution service. All of one run
        share their root, those with keys of their own apart."""
        (self.folder / name).mkdir()
        keys = keys or os.environ.get("BLINDBOX_TEST_KEYS", str(self.folder / "keys"))
        process = self.start("emulator", "--mount", self.folder / name, "--keys", keys, *options)
        process.ready, before = process.wait_for("ready: ")
        process.kds = next((line[len("kds: "):] for line in before if line.startswith("kds: ")), None)
        return process

    def serve(self, guest="guest", port=0):
        process = self.start("serve", "--model", MODEL, "--platform", f"emulator:{self.folder / guest}",
                             "--listen", f"127.0.0.1:{port}")
        url, _ = process.wait_for("ready: ")
        return Server(process, url, int(url.rsplit(":", 1)[1]))

    def policy(self, guest="guest"):
        """The policy.yml that accepts a server in that guest."""
        printed = self.run("serve", "--model", MODEL, "--platform", f"emulator:{self.folder / guest}", "--print-policy")
        if printed.code != 0:
            raise AssertionError(f"serve --print-policy: {printed}")
        return self.write("policy.yml", printed.out)

    def connect(self, url, policy, *options):
        """Waits for no server that is away, unless the options say so."""
        hold = [] if "--hold" in options else ["--hold", "0"]
        process = self.start("connect", url, "--policy", policy, "--listen", "127.0.0.1:0", *hold, *options)
        at, _ = process.wait_for("ready: point editors at ")
        return Server(process, at, int(at.rsplit(":", 1)[1]))


class StageTest(unittest.TestCase):
    """One stage for the tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        cls.addClassCleanup(cls.stage.close)

    def run(self, result=None):
        """What the processes said is printed where a test of theirs failed, before it goes with the stage."""
        failures = len(result.failures) + len(result.errors) if result else 0
        done = super().run(result)
        if result and len(result.failures) + len(result.errors) > failures:
            for process in self.stage.processes():
                print(f"--- {process.name} said:\n{process.errors()}", file=sys.stderr)
        return done

    def expect(self, ran, code, *texts, out=""):
        """The exit status, every text in what was said, and nothing but out on standard output (None: anything)."""
        self.assertEqual(ran.code, code, ran)
        for text in texts:
            self.assertIn(text, ran.err)
        if code:
            self.assertRegex(ran.err.splitlines()[-1], r"\A(blindbox: error: |blindbox: hint: |  )")
        if out is not None:
            self.assertEqual(ran.out, out)


class ChannelTest(StageTest):
    """A guest, a server in it, its policy, and a proxy."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        cls.policy = cls.stage.policy()
        cls.server = cls.stage.serve()
        cls.proxy = cls.stage.connect(cls.server.url, cls.policy)


def counters(lines):
    """What serve has counted: its last line."""
    return json.loads(lines[-1])
