# SPDX-License-Identifier: Apache-2.0
"""The scoring, the sandbox against programs that try to get out, and a whole run against a server made here."""

import gzip
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import ask  # noqa: E402
import results  # noqa: E402
import sandbox  # noqa: E402
import scoring  # noqa: E402
import tasks  # noqa: E402

BODY = ["    total = 0\n", "    for one in numbers:\n", "        total += one\n", "    return total\n"]
HEAD = "def add(numbers):\n"
TEST = "def check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0\n"


def single(index):
    return {"task_id": f"SingleLineInfilling/Made/0/L{index}", "entry_point": "add", "prompt": HEAD + "".join(BODY[:index]),
            "suffix": "".join(BODY[index + 1:]), "canonical_solution": BODY[index], "test": TEST}


HOLES = [tasks.hole(single(index)) for index in range(len(BODY))]
WHOLE = HEAD + "".join(BODY)
NO_SANDBOX = ""
try:
    sandbox.require()
except sandbox.Missing as missing:
    NO_SANDBOX = str(missing)


class Scoring(unittest.TestCase):
    def test_a_single_line(self):
        hole = HOLES[2]
        for text in ("        total += one\n    more", "\n        total += one  \nx", hole.wanted):
            self.assertTrue(scoring.exact("single-line", hole, text), text)
        for text in ("", "\n", "total += one", "        total += one # so", "        total += on"):
            self.assertFalse(scoring.exact("single-line", hole, text), text)
        self.assertEqual(scoring.filled("single-line", hole, "\n        total += one\nrubbish("), WHOLE)

    def test_other_holes_are_taken_whole(self):
        hole = HOLES[0]._replace(wanted="a\nb", before="<", after=">")
        self.assertEqual(scoring.filled("random-span", hole, "a\nb"), "<a\nb>")
        self.assertTrue(scoring.exact("random-span", hole, "a\nb\n"))
        self.assertFalse(scoring.exact("random-span", hole, "a\nb\nc"))
        self.assertFalse(scoring.exact("random-span", hole, "\na\nb"))

    def test_intervals(self):
        low, high = scoring.interval(50, 100)
        self.assertAlmostEqual(low, 40.38, 1)
        self.assertAlmostEqual(high, 59.62, 1)
        self.assertEqual(scoring.interval(0, 0), (0.0, 100.0))
        self.assertEqual(scoring.interval(0, 20)[0], 0.0)

    def test_runs_of_lines(self):
        made = tasks.multi_line(HOLES)
        self.assertEqual(len(made), 6)
        for hole in made:
            self.assertEqual(hole.before + hole.wanted + hole.after, WHOLE)
            self.assertGreaterEqual(hole.wanted.count("\n"), 2)
        self.assertEqual(len({hole.name for hole in made}), 6)

    def test_behind_the_indentation(self):
        hole = tasks.indented(HOLES[2])
        self.assertEqual((hole.wanted, hole.before + hole.wanted + hole.after), ("total += one\n", WHOLE))
        self.assertTrue(scoring.exact("single-line", hole, "total += one\nmore"))
        self.assertEqual(scoring.filled("single-line", hole, "total += one\nrubbish("), WHOLE)

    def test_samples(self):
        self.assertEqual(tasks.sample(HOLES, 2, 1), tasks.sample(HOLES[::-1], 3, 1)[:2])
        self.assertEqual(sorted(tasks.sample(HOLES, 0, 1)), sorted(HOLES))

    def test_the_filter_refuses_machines_it_does_not_know(self):
        self.assertEqual(len(sandbox.seccomp_filter("x86_64")) % 8, 0)
        with self.assertRaises(sandbox.Missing):
            sandbox.seccomp_filter("pdp11")


class ResultFiles(unittest.TestCase):
    def test_a_run_goes_on(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/r.jsonl"
            first = results.Results(path, {"model": "a"})
            first.add({"name": "x"})
            first.close()
            with open(path, "ab") as file:
                file.write(b'{"name": "cut of')
            again = results.Results(path, {"model": "a"})
            self.assertEqual(again.known(), {"x"})
            again.add({"name": "y"})
            again.close()
            with open(path, encoding="utf-8") as file:
                self.assertEqual([json.loads(line) for line in file], [{"model": "a"}, {"name": "x"}, {"name": "y"}])
            with self.assertRaisesRegex(ValueError, "another run"):
                results.Results(path, {"model": "b"})


@unittest.skipIf(NO_SANDBOX, NO_SANDBOX)
class Sandbox(unittest.TestCase):
    """Each program would say "out" if it got what it is after."""

    def contained(self, program, outcome="failed", limits=sandbox.Limits()):
        ran = sandbox.run(program + "\nprint('out')\n", limits)
        self.assertEqual(ran.outcome, outcome, ran.out[:300])
        self.assertNotIn("out", ran.out)

    def test_what_is_harmless_runs(self):
        ran = sandbox.run("import math, re, collections, hashlib\nopen('/tmp/x', 'w').write('a')\nprint(open('/tmp/x').read())")
        self.assertEqual((ran.outcome, ran.out), ("ended", "a\n"))

    def test_other_processes(self):
        for program in ("import os; os.fork()", "import subprocess; subprocess.run(['/usr/bin/true'])",
                        "import threading; threading.Thread(target=int).start()",
                        "import os; os.posix_spawn('/usr/bin/true', ['true'], {})"):
            self.contained(program)

    def test_the_network(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.contained(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
            server.settimeout(0)
            self.assertRaises(BlockingIOError, server.accept)
        self.contained("import socket; socket.socket(socket.AF_UNIX)")

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            secret = pathlib.Path(folder, "secret")
            secret.write_text("out")
            self.contained(f"print(open({str(secret)!r}).read())")
            self.contained(f"open({str(pathlib.Path(folder, 'new'))!r}, 'w')")
            self.assertEqual(os.listdir(folder), ["secret"])
        for path in ("/usr/lib/x", "/x", "/dev/shm/x", "/bin/x"):
            self.contained(f"open({path!r}, 'w')")
        for path in ("/etc/passwd", "/proc/self/environ", "/root", "/home", "/var", "/run", "/sys"):
            self.contained(f"import os; os.stat({path!r})")
        self.contained(f"open({str(HERE / 'sandbox.py')!r})")

    def test_the_environment(self):
        ran = sandbox.run("import os; print(sorted(os.environ))")
        self.assertEqual(ran.out, "['LC_ALL', 'PATH', 'PWD']\n")

    def test_loops_end(self):
        self.contained("while True: pass", "timeout", sandbox.Limits(cpu=1))
        self.contained("import time; time.sleep(1000)", "timeout", sandbox.Limits(wall=2))
        self.contained("import signal\nsignal.signal(signal.SIGXCPU, lambda *_: 0)\nwhile True: pass", "timeout",
                       sandbox.Limits(cpu=1))

    def test_memory_ends(self):
        self.contained("x = ' ' * (1 << 32)", "memory")
        self.contained("x = []\nwhile True: x.append(bytearray(1 << 20))", "memory")
        self.contained("import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))")
        # Segments live on when nobody has them mapped, which no bound on a program's own memory counts.
        self.contained("import ctypes, sys\nctypes.CDLL(None).shmget(0, 4096, 0o1600) < 0 and sys.exit(1)")

    def test_output_ends(self):
        ran = sandbox.run("while True: print('x' * 1000)")
        self.assertEqual(ran.outcome, "output")
        self.assertLessEqual(len(ran.out), sandbox.OUTPUT)
        self.contained("f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(1 << 16))", "output")
        self.contained("for i in range(64): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))")

    def test_an_early_end_has_passed_nothing(self):
        for hole, text, right in ((HOLES[2], "        total += one", True), (HOLES[2], "        total -= one", False),
                                  (HOLES[3], "    import os; os._exit(0)", False), (HOLES[3], "    exit()", False),
                                  (HOLES[3], "    print('passed-')", False)):
            program, word = scoring.program("single-line", hole, text)
            ran = sandbox.run(program)
            self.assertEqual(ran.outcome == "ended" and ran.out.endswith(word), right, text)


class Model(http.server.BaseHTTPRequestHandler):
    """Knows every line but one. Its tokens are characters, its markers control characters."""
    protocol_version = "HTTP/1.1"
    markers = {"<fim_prefix>": 1, "<fim_suffix>": 2, "<fim_middle>": 3}
    asked = []
    busy = 0  # requests that are still to be told to come again
    strict = False

    def answer(self, body, status=200):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer({"data": [{"id": "made"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            known = asked["parse_special"] and self.markers.get(asked["content"])
            return self.answer({"tokens": [known] if known else [ord(c) for c in asked["content"]]})
        Model.asked.append((self.path, asked))
        if Model.busy > 0:
            Model.busy -= 1
            return self.answer({}, 503)
        if Model.strict and "stop_rules" in asked:
            return self.answer({"error": "stop_rules is unknown"}, 400)
        before = asked.get("input_prefix", asked.get("prompt"))
        if isinstance(before, list):
            text = "".join(map(chr, before))
            before = text[text.index("\3") + 1:] if text[1] == "\2" else text[1:text.index("\2")]
        line = next(hole.wanted for hole in HOLES if hole.before == before)
        text = "    pass\n" if "for" in line else line + "    rubbish(\n"
        if self.path == "/v1/completions":
            return self.answer({"choices": [{"text": text, "finish_reason": "length"}]})
        return self.answer({"content": text, "stop_type": "eos"})

    def log_message(self, *_):
        pass


@unittest.skipIf(NO_SANDBOX, NO_SANDBOX)
class WholeRun(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        self.server.daemon_threads = True
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.addCleanup(lambda: (self.server.shutdown(), self.server.server_close(), thread.join()))
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        data = pathlib.Path(self.folder.name, "humaneval-infilling")
        data.mkdir()
        with gzip.open(data / tasks.FILES["single-line"], "wt") as file:
            file.writelines(json.dumps(single(index)) + "\n" for index in range(len(BODY)))
        Model.asked.clear()
        Model.busy, Model.strict = 0, False

    def run_it(self, *arguments, path=os.environ["PATH"]):
        environment = dict(os.environ, BLINDBOX_VECTORS=self.folder.name, PATH=path)
        return subprocess.run([sys.executable, "-B", HERE, "--server", f"http://127.0.0.1:{self.server.server_address[1]}",
                               "--output", self.folder.name + "/{order}.jsonl", *arguments],
                              env=environment, capture_output=True, text=True, timeout=120, check=False)

    def test_every_order_is_scored_and_resumed(self):
        ran = self.run_it("--order", "model,psm,spm,openai")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        rows = ran.stdout.splitlines()[2:]
        self.assertEqual([row.split(" | ")[2] for row in rows], ["model", "psm", "spm", "openai"])
        for row in rows:
            self.assertIn("| 4 | 3 (75.0 %", row)
            self.assertEqual(row.count("3 (75.0 %"), 2, row)
        for name, order in (("model", "/infill"), ("psm", "/completion"), ("openai", "/v1/completions")):
            self.assertTrue(any(path == order and asked.get("stop_rules") == [] for path, asked in Model.asked), name)
        before = len(Model.asked)
        again = self.run_it("--order", "model,psm,spm,openai")
        self.assertEqual((again.stdout, len(Model.asked)), (ran.stdout, before))
        other = self.run_it("--order", "model", "--rules")
        self.assertEqual(other.returncode, 1)
        self.assertIn("holds another run", other.stderr)

    def test_a_server_that_is_busy_and_knows_no_field_of_ours(self):
        Model.busy, Model.strict = 3, True
        ran = self.run_it("--order", "openai")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("| 4 | 3 (75.0 %", ran.stdout)
        self.assertFalse(any("stop_rules" in asked for _, asked in Model.asked[-3:]))

    def test_frames(self):
        server = ask.Server(f"127.0.0.1:{self.server.server_address[1]}")
        hole = HOLES[0]._replace(before="<fim_prefix>", after="b")
        inside = [ord(c) for c in "<fim_prefix>"]
        self.assertEqual(server.frame(hole, "psm"), [1, *inside, 2, ord("b"), 3])
        self.assertEqual(server.frame(hole, "spm"), [1, 2, ord("b"), 3, *inside])

    def test_without_a_sandbox_nothing_runs(self):
        ran = self.run_it(path="/nowhere")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("quality: error: no sandbox, so nothing that a model wrote is run: there is no bwrap", ran.stderr)
        self.assertEqual(Model.asked, [])


if __name__ == "__main__":
    if NO_SANDBOX:
        print(f"skipped: the sandbox and the whole runs: {NO_SANDBOX}", file=sys.stderr)
    unittest.main(verbosity=2)
