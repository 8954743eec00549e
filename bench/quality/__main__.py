# SPDX-License-Identifier: Apache-2.0
"""How good a loaded model is at holes: HumanEval infilling, by the exact text and by tests in a sandbox."""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import sys
import time

import ask
import results
import sandbox
import scoring
import tasks

ROOT = pathlib.Path(__file__).resolve().parents[2]


def die(text, hint=None):
    print(f"quality: error: {text}" + (f"\nquality: hint: {hint}" if hint else ""), file=sys.stderr)
    sys.exit(1)


def options_of():
    parser = argparse.ArgumentParser(prog="bench/quality", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--server", help="address of a server or proxy that speaks /infill or OpenAI's completions")
    where.add_argument("--model", help="a GGUF file: serve, an emulated guest and connect are started for it")
    parser.add_argument("--task", choices=sorted(tasks.FILES), default="single-line")
    parser.add_argument("--order", default="model",
                        help="comma-separated: model (as the server does it), psm, spm, openai; a file and a row each")
    parser.add_argument("--limit", type=int, default=100, help="holes, the same for every order; 0: all (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--tokens", type=int, default=0, help="at most for a hole; default 64 for a line, else 256")
    parser.add_argument("--rules", action="store_true", help="keep the server's stop rules for editors")
    parser.add_argument("--indented", action="store_true",
                        help="the cursor stands behind the indentation, as in an editor; HumanEval's stands before it")
    parser.add_argument("--jobs", type=int, default=2, help="holes at a time")
    parser.add_argument("--output", default="quality-{task}-{order}.jsonl", help="result files; a run goes on in its own")
    parser.add_argument("--key", default=os.environ.get("BLINDBOX_API_KEY"), help="API key (BLINDBOX_API_KEY)")
    options = parser.parse_args()
    options.orders = options.order.split(",")
    if unknown := set(options.orders) - {"model", "psm", "spm", "openai"}:
        parser.error(f"there is no order {', '.join(sorted(unknown))}: model, psm, spm, openai")
    if len(options.orders) > 1 and "{order}" not in options.output:
        parser.error("--output needs {order} in it where several are asked for")
    options.tokens = options.tokens or (64 if options.task == "single-line" else 256)
    return options


@contextlib.contextmanager
def started(model):
    """The address of a proxy before a server with the model in an emulated guest."""
    os.environ["BLINDBOX_MODEL"] = str(pathlib.Path(model).resolve(strict=True))
    sys.path.insert(0, str(ROOT / "tests/cli"))
    import harness  # pylint: disable=import-outside-toplevel
    if not os.access(harness.BINARY, os.X_OK):
        die(f"there is no blindbox at {harness.BINARY}", "build it, or name one with BLINDBOX_BINARY")
    stage = harness.Stage()
    try:
        try:
            stage.emulator()
            policy = stage.policy()
            url = stage.connect(stage.serve().url, policy).url
        except AssertionError as problem:
            die(f"{model} cannot be served: {problem}")
        yield url
    finally:
        stage.close()


class Progress:
    """A bar on a terminal, a line for every tenth elsewhere; on standard error."""

    def __init__(self, name, done, total):
        self._name, self._first, self._done, self._total = name, done, done, total
        self._begun, self._bar = time.monotonic(), sys.stderr.isatty()

    def step(self, counts):
        self._done += 1
        if not self._bar and self._done * 10 // self._total == (self._done - 1) * 10 // self._total:
            return
        left = (time.monotonic() - self._begun) / (self._done - self._first) * (self._total - self._done)
        width = 24 * self._done // self._total
        print(f"{chr(13) if self._bar else ''}{self._name} [{'#' * width}{'.' * (24 - width)}] {self._done}/{self._total}"
              f"  exact {counts['exact']}  passed {counts['passed']}  {left:.0f} s left ",
              end="" if self._bar and self._done < self._total else "\n", file=sys.stderr, flush=True)


def judge(server, options, order, hole):
    """One line of the result file."""
    record = {"name": hole.name, "exact": False, "passed": False, "ended": False, "outcome": "refused", "text": ""}
    begun = time.monotonic()
    try:
        text, record["ended"] = server.complete(hole, order, options.tokens, options.rules)
    except ask.Refused as error:
        return record | {"text": str(error)}
    record |= {"text": text, "seconds": round(time.monotonic() - begun, 3)}
    record["exact"] = scoring.exact(options.task, hole, text)
    program, word = scoring.program(options.task, hole, text)
    ran = sandbox.run(program)
    return record | {"outcome": ran.outcome, "passed": ran.outcome == "ended" and ran.out.endswith(word)}


def measure(server, options, order, holes):
    about = {"format": 1, "model": server.model(), "task": options.task, "order": order, "tokens": options.tokens,
             "rules": options.rules, "indented": options.indented}
    done = results.Results(options.output.format(task=options.task, order=order), about)
    known = done.known()
    wanted = {hole.name for hole in holes}
    left = [hole for hole in holes if hole.name not in known]
    progress = Progress(f"{options.task} {order}", len(holes) - len(left), len(holes))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(judge, server, options, order, hole) for hole in left]
        try:
            for one in concurrent.futures.as_completed(running):
                done.add(one.result())
                progress.step(scoring.summary(done.records))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            done.close()
    return about, scoring.summary([record for record in done.records if record["name"] in wanted])


def row(about, counts):
    def share(name):
        low, high = scoring.interval(counts[name], counts["holes"])
        return f"{counts[name]} ({100 * counts[name] / max(counts['holes'], 1):.1f} %, {low:.1f} to {high:.1f})"
    return (f"| {about['model']} | {about['task']}{', indented' if about['indented'] else ''}{', rules' if about['rules'] else ''} | {about['order']} | {counts['holes']} | "
            f"{share('exact')} | {share('passed')} | {counts['ended']} | {counts['refused']} |")


def main():
    options = options_of()
    try:
        sandbox.require()
    except sandbox.Missing as error:
        die(f"no sandbox, so nothing that a model wrote is run: {error}")
    folder = pathlib.Path(os.environ.get("BLINDBOX_VECTORS", ROOT.parent / "shared/vectors"), "humaneval-infilling")
    if not folder.is_dir():
        die(f"there is no {folder}", "BLINDBOX_VECTORS names the folder that holds humaneval-infilling")
    holes = tasks.sample(tasks.load(folder, options.task), options.limit, options.seed)
    if options.indented:
        holes = [tasks.indented(hole) for hole in holes]
    with contextlib.ExitStack() as stack:
        url = options.server or stack.enter_context(started(options.model))
        server = ask.Server(url, options.key)
        print("| Model | Holes | Order | n | Exact (95 %) | Tests pass (95 %) | Ended | Refused |\n|---|---|---|---|---|---|---|---|")
        for order in options.orders:
            print(row(*measure(server, options, order, holes)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, json.JSONDecodeError) as problem:
        die(str(problem))
    except KeyboardInterrupt:
        die("stopped", "the same command goes on where it was")
