# SPDX-License-Identifier: Apache-2.0
"""The engine beside llama-server of the same sources: the same GGUF file, the same threads, the same requests, one
after the other. Programmers that type: each request has a few characters more before the cursor than the last."""

import argparse
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import completion_model

ROOT = pathlib.Path(__file__).resolve().parents[1]
BEFORE, AFTER = 1500, 300  # characters, and tokens, around the cursor
KEYS = 3  # that are typed between two requests


def code(user, length):
    functions = (f"def function_{user}_{i}(value):\n    return value + {i * 7 % 100}\n\n" for i in range(length // 40 + 1))
    return "".join(functions)[:length]


class Server:
    def __init__(self, name, command, port):
        self.name = name
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        self.port = port or int(self.process.stdout.readline())
        while not self._healthy():
            if self.process.poll() is not None:
                self.log.seek(0)
                sys.exit(f"bench: error: {name} ended: {self.log.read()[-2000:].decode(errors='replace')}")
            time.sleep(0.05)

    def _healthy(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def infill(self, before, after, count, stop_after=None):
        """Times of the pieces of the answer, in seconds since the request; stop_after closes the connection then."""
        body = json.dumps({"input_prefix": before, "input_suffix": after, "n_predict": count, "temperature": 0,
                           "stop_rules": [], "stream": True, "cache_prompt": True, "samplers": ["temperature"]})
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=stop_after or 600)
        times = []
        try:
            connection.request("POST", "/infill", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                sys.exit(f"bench: error: {self.name} answered {answer.status}: {answer.read(500)}")
            while line := answer.readline():
                if line.startswith(b"data: "):
                    times.append(time.monotonic() - start)
        except TimeoutError:
            pass
        connection.close()
        return times

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024

    def cpu(self):
        """Seconds of all threads: on a busy machine steadier than the wall's."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.kill()
        self.process.wait()


def together(tasks):
    threads = [threading.Thread(target=task) for task in tasks]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - start


def typing(server, clients, rounds, tokens):
    """Requests a second of wall and of CPU, and the median time to the first token of a request whose beginning is
    known."""
    first = []

    def user(number):
        after = code(f"{number}b", AFTER)
        before = code(f"{clients}u{number}", BEFORE)
        for _ in range(rounds):
            before += "xyz"[:KEYS]
            first.append(server.infill(before, after, tokens)[0])

    for number in range(clients):  # each file is open already: what is measured is typing
        server.infill(code(f"{clients}u{number}", BEFORE), code(f"{number}b", AFTER), 1)
    cpu = server.cpu()
    seconds = together([lambda n=n: user(n) for n in range(clients)])
    cpu = max(server.cpu() - cpu, 0.01)
    return clients * rounds / seconds, clients * rounds / cpu, statistics.median(first) * 1000


def stall(server):
    """The longest gap in one user's stream while another sends a prompt that nobody has seen, in milliseconds."""
    pieces = []
    before = code("stall", BEFORE)
    server.infill(before, code("z", AFTER), 1)
    started = threading.Event()

    def other():
        started.wait()
        server.infill(code("stranger", BEFORE + 200)[::-1], code("y", 100), 1)

    def reader():
        threading.Timer(0.3, started.set).start()
        pieces.extend(server.infill(before + "q", code("z", AFTER), 48))

    together([reader, other])
    return max(b - a for a, b in zip(pieces, pieces[1:])) * 1000


def cancel(server):
    """How much longer a small request takes right after a long one was given up, in milliseconds; worst of three."""
    small = lambda: server.infill("a = ", "\n", 1)[0]  # noqa: E731
    small()
    idle = statistics.median(small() for _ in range(5))
    worst = 0
    for i in range(3):
        server.infill(code(f"cancelled{i}", BEFORE)[::-1], code("x", AFTER), 16, stop_after=0.3)
        worst = max(worst, small() - idle)
    return max(worst * 1000, 0)


def measure(server, options):
    figures = {}
    for clients in (1, 4, 8):
        wall, cpu, first = typing(server, clients, options.rounds, options.tokens)
        figures[f"requests a second, {clients} clients"] = wall
        figures[f"requests a CPU second, {clients} clients"] = cpu
        if clients == 1:
            figures["warm first token, ms"] = first
    figures["worst stall of another user, ms"] = stall(server)
    figures["cancelled, engine free after, ms"] = cancel(server)
    figures["memory, MiB"] = server.memory()
    return figures


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=4, help="of the model; SantaCoder has 24")
    parser.add_argument("--threads", type=int, default=max((os.cpu_count() or 2) - 1, 1))
    parser.add_argument("--rounds", type=int, default=8, help="requests of each client")
    parser.add_argument("--tokens", type=int, default=16, help="that each request asks for")
    parser.add_argument("--llama-server", help="default: what tools/fetch-llama --server has built; see --build")
    parser.add_argument("--build", action="store_true", help="build llama-server where it is missing: many minutes")
    options = parser.parse_args()
    other = options.llama_server or find_llama_server(options.build)
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/random.gguf"
        completion_model.write(model, options.layers)
        results = {}
        server = Server("blindbox", [os.environ["BLINDBOX_COMPLETION_SERVER"], model, str(options.threads)], None)
        results["blindbox"] = measure(server, options)
        server.close()
        if other:
            port = free_port()
            server = Server("llama-server", [other, "-m", model, "-t", str(options.threads), "--port", str(port),
                                             "-np", "8", "-c", str(8 * completion_model.CONTEXT), "--no-ui"], port)
            results["llama-server"] = measure(server, options)
            server.close()
    report(results)


def find_llama_server(build):
    if not build:
        home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        cache = pathlib.Path(os.environ.get("BLINDBOX_CACHE") or pathlib.Path(home, "blindbox"))
        built = sorted(cache.glob("llama-server-*-avx2-*/llama-server"))
        if not built:
            print("SKIPPED: the comparison; no llama-server is built. --build builds it, --llama-server names one")
        return str(built[-1]) if built else None
    return subprocess.run([str(ROOT / "tools/fetch-llama"), "--server"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def report(results):
    ours, other = results["blindbox"], results.get("llama-server")
    for name, value in ours.items():
        line = f"{name:38} {value:10.2f}"
        if other:
            line += f" {other[name]:10.2f}   {value / other[name] if other[name] else float('inf'):6.3f} x"
        print(line)
    if other:
        ratio = min(ours[name] / other[name] for name in ours if name.startswith("requests a second"))
        met = "reached" if ratio >= 3 else "missed"
        print(f"requests a second while typing: {ratio:.2f} x (target at least 3, {met})")


main()
