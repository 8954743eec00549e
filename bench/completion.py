# SPDX-License-Identifier: Apache-2.0
"""The engine beside llama-server of the same sources: the same GGUF file, the same threads, the same requests, one
after the other. Programmers that type: each request has a few characters more before the cursor than the last.
With --example also beside the server of 2023. --only measures some of it, where a machine is quiet for minutes only."""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import threading
import time

import completion_model
from completion_sides import Server, free_port

HERE = pathlib.Path(__file__).resolve().parent
KEYS = 3  # characters, and tokens, that are typed between two requests


def code(user, length):
    functions = (f"def function_{user}_{i}(value):\n    return value + {i * 7 % 100}\n\n" for i in range(length // 40 + 1))
    return "".join(functions)[:length]


def together(tasks):
    threads = [threading.Thread(target=task) for task in tasks]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - start


class Bench:
    def __init__(self, options):
        self.rounds = options.rounds
        self.tokens = options.tokens
        self.before = options.before  # characters, and tokens, around the cursor
        self.after = options.after

    def users(self, clients, ask):
        """Requests a second of wall and of CPU, of so many that type at once."""
        def user(number):
            before = code(f"{clients}u{number}", self.before)
            for _ in range(self.rounds):
                before += "xyz"[:KEYS]
                ask(before, code(f"{number}b", self.after))

        for number in range(clients):  # each file is open already: what is measured is typing
            ask(code(f"{clients}u{number}", self.before), code(f"{number}b", self.after), 1)
        cpu = self.server.cpu()
        seconds = together([lambda n=n: user(n) for n in range(clients)])
        cpu = max(self.server.cpu() - cpu, 0.01)
        name = f"{clients} client{'s' * (clients > 1)}"
        return {f"requests a second, {name}": clients * self.rounds / seconds,
                f"requests a CPU second, {name}": clients * self.rounds / cpu}

    def typing(self, clients):
        return self.users(clients, lambda before, after, count=self.tokens: self.server.infill(before, after, count))

    def example(self, clients):
        return self.users(clients, lambda before, after, count=self.tokens: self.server.generate(before, after, count))

    def first(self):
        """The first token of a request whose beginning is known, beside what must be computed for it: a step, and
        each token that was read again at the speed of a prompt that nobody has seen."""
        before, after = code("first", self.before), code("z", self.after)
        cold = self.server.infill(before, after, 1)
        # Drawn from random weights nothing repeats itself, so no guess ahead makes a step longer than a token.
        gaps = self.server.infill(before, after, 24, temperature=1.0, seed=1).gaps()
        step = statistics.median(gaps)
        token = (cold.times[0] - step) / cold.read_tokens()
        took, ratios, read = [], [], []
        for _ in range(max(self.rounds, 3)):
            before += "xyz"[:KEYS]
            answer = self.server.infill(before, after, 1)
            took.append(answer.times[0])
            read.append(answer.read_tokens())
            ratios.append(answer.times[0] / (step + read[-1] * token))
        return {"one decode step, ms": step * 1000, "one token of a new prompt, ms": token * 1000,
                "tokens read again while typing": statistics.median(read),
                "warm first token, ms": statistics.median(took) * 1000,
                "warm first token / a step and those tokens": statistics.median(ratios)}

    def stall(self):
        """The longest gap in one user's stream while another sends a prompt that nobody has seen."""
        before, after = code("stall", self.before), code("z", self.after)
        self.server.infill(before, after, 1)
        begun = threading.Event()
        heard = []

        def other():
            begun.wait()
            self.server.infill(code("stranger", self.before + 200)[::-1], code("y", 100), 1)

        def reader():
            threading.Timer(0.3, begun.set).start()
            heard.append(self.server.infill(before + "q", after, 64, temperature=1.0, seed=1))

        together([reader, other])
        gaps = heard[0].gaps()
        return {"worst stall of another user, ms": max(gaps) * 1000}

    def cancel(self):
        """How much longer a small request takes right after a long one was given up; worst of three."""
        small = lambda: self.server.infill("a = ", "\n", 1).times[0]  # noqa: E731
        small()
        idle = statistics.median(small() for _ in range(5))
        worst = 0
        for i in range(3):
            self.server.infill(code(f"cancelled{i}", self.before)[::-1], code("x", self.after), 16, stop_after=0.3)
            worst = max(worst, small() - idle)
        return {"cancelled, engine free after, ms": max(worst * 1000, 0)}

    def memory(self):
        return {"memory, MiB": self.server.memory()}

    def measure(self, server, parts):
        self.server = server
        figures = {}
        for part in parts:
            name, _, clients = part.partition("-")
            figures.update(getattr(self, name)(*([int(clients)] if clients else [])))
        server.close()
        return figures


PARTS = ["typing-1", "typing-4", "typing-8", "first", "stall", "cancel", "memory"]
# What is required of our figure, beside the other's times the factor or alone.
TARGETS = [("requests a second", "at least", 3, True), ("warm first token / ", "at most", 1.1, False),
           ("worst stall", "at most", 0.2, True), ("worst stall", "at most", 250, False),
           ("cancelled", "at most", 50, False), ("memory", "at most", 1, True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=4, help="of the model; SantaCoder has 24")
    parser.add_argument("--threads", type=int, default=max((os.cpu_count() or 2) - 1, 1))
    parser.add_argument("--rounds", type=int, default=8, help="requests of each client")
    parser.add_argument("--tokens", type=int, default=16, help="that each request asks for")
    parser.add_argument("--before", type=int, default=1500, help="characters, and tokens, before the cursor")
    parser.add_argument("--after", type=int, default=300, help="and behind it")
    parser.add_argument("--only", metavar="PART,...", help="some of " + ", ".join(PARTS) + "; typing-N has N clients")
    parser.add_argument("--llama-server", help="default: what tools/fetch-llama --server has built; see --build")
    parser.add_argument("--build", action="store_true", help="build llama-server where it is missing: many minutes")
    parser.add_argument("--example", metavar="PYTHON", help="compare with the server of 2023 instead, under a Python "
                        "that has torch, transformers, fastapi and uvicorn; parts are example-N")
    options = parser.parse_args()
    parts = options.only.split(",") if options.only else ["example-1", "example-4"] if options.example else PARTS
    for part in parts:
        if not re.fullmatch(r"first|stall|cancel|memory|(typing|example)-[1-9]\d?", part):
            parser.error(f"there is no part \"{part}\": {', '.join(PARTS)}")
    bench = Bench(options)
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/random.gguf"
        completion_model.write(model, options.layers)
        ours = bench.measure(Server("blindbox", [os.environ["BLINDBOX_COMPLETION_SERVER"], model, str(options.threads)],
                                    None), parts)
        other = other_side(options, model)
        others = bench.measure(other, parts) if other else {}
    report(ours, others, [("requests a second", "at least", 10, True)] if options.example else TARGETS)


def other_side(options, model):
    """None where there is none."""
    port = free_port()
    if options.example:
        return Server("the server of 2023", [options.example, "-B", str(HERE / "completion_2023.py"), str(options.layers),
                                             str(options.threads), str(port)], port)
    program = options.llama_server or find_llama_server(options.build)
    if not program:
        return None
    return Server("llama-server", [program, "-m", model, "-t", str(options.threads), "--port", str(port), "-np", "8",
                                   "-c", str(8 * completion_model.CONTEXT), "--no-ui"], port)


def find_llama_server(build):
    if not build:
        home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        cache = pathlib.Path(os.environ.get("BLINDBOX_CACHE") or pathlib.Path(home, "blindbox"))
        built = sorted(cache.glob("llama-server-*-avx2-*/llama-server"))
        if not built:
            print("SKIPPED: the comparison; no llama-server is built. --build builds it, --llama-server names one")
        return str(built[-1]) if built else None
    return subprocess.run([str(HERE.parent / "tools/fetch-llama"), "--server"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def report(ours, others, targets):
    for name, value in ours.items():
        line = f"{name:44} {value:10.2f}"
        if name in others:
            ratio = value / others[name] if others[name] else float("inf")
            line += f" {others[name]:10.2f}   {ratio:6.3f} x"
        for wanted, how, bound, relative in targets:
            if not name.startswith(wanted) or (relative and name not in others):
                continue
            found = ratio if relative else value
            met = found >= bound if how == "at least" else found <= bound
            line += f"   {how} {bound}{' x' * relative}: {'reached' if met else 'missed'}"
        print(line, flush=True)


main()
