# SPDX-License-Identifier: Apache-2.0
"""Trains the model on the rows of pack.py; can be stopped at any time and goes on from its last checkpoint.

usage: train.py WORK general [--stable N --decay N ...]   (reads general.npy, heldout.npy; writes general.pt, general.jsonl)
       train.py WORK holes [...]   (goes on from general.pt with holes.npy; writes holes.pt, holes.jsonl)

Warm-up, a constant rate, then a linear decay to nothing: the decay can begin at any step of the constant phase, so the
length of a run need not be known when it starts. A few single-threaded processes share the rows of a step and take
the next one when they are free, since on a busy machine threads that wait for each other at every product lose most.
Rows, order and initial weights follow from the seeds; the sum of gradients is rounded in the order of arrival.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import time

import numpy
import torch
import torch.multiprocessing as multiprocessing

from model import Model, Shape


def rate(step, warmup, stable, decay):
    """Factor on the learning rates at a step counted from 0; `stable` is the step at which the decay begins."""
    if step < warmup:
        return (step + 1) / warmup
    return 1.0 if step < stable else max(0.0, 1.0 - (step - stable) / decay)


def orthogonalised(matrix, rounds=5):
    """Newton-Schulz iteration of Muon: the nearest matrix with singular values about 1, in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.t().contiguous() if tall else x
    x = x / (x.float().norm() + 1e-7).bfloat16()
    for _ in range(rounds):
        square = x @ x.t()
        x = a * x + (b * square + c * (square @ square)) @ x
    return (x.t() if tall else x).float()


STAGES = {
    "general": {"stable": 945, "decay": 360, "muon_rate": 0.02, "adam_rate": 0.004, "middle_weight": 1.0},
    "holes": {"stable": 150, "decay": 450, "muon_rate": 0.008, "adam_rate": 0.0016, "middle_weight": 6.0},
}


class Optimiser:
    """Muon for the matrices inside the blocks, Adam for embeddings, biases and norms."""

    def __init__(self, model, muon_rate, adam_rate, decay):
        self.muon_rate, self.adam_rate, self.decay = muon_rate, adam_rate, decay
        self.names = [name for name, _ in model.named_parameters()]
        self.parameters = [parameter for _, parameter in model.named_parameters()]
        self.matrix = [name.startswith("blocks.") and parameter.dim() == 2
                       for name, parameter in model.named_parameters()]
        self.first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second = [torch.zeros(()) if matrix else torch.zeros_like(parameter)
                       for matrix, parameter in zip(self.matrix, self.parameters)]

    @torch.no_grad()
    def step(self, gradients, number, factor):
        momentum = 0.85 + 0.10 * min(1.0, number / 300)
        for parameter, gradient, first, second, matrix in zip(self.parameters, gradients, self.first, self.second,
                                                              self.matrix):
            if matrix:
                first.mul_(momentum).add_(gradient)
                update = orthogonalised(gradient + momentum * first)
                shape = max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5
                parameter.mul_(1 - self.muon_rate * factor * self.decay)
                parameter.add_(update, alpha=-self.muon_rate * factor * shape)
            else:
                first.lerp_(gradient, 0.1)
                second.lerp_(gradient * gradient, 0.05)
                corrected = (second / (1 - 0.95 ** (number + 1))).sqrt_().add_(1e-8)
                parameter.addcdiv_(first / (1 - 0.9 ** (number + 1)), corrected, value=-self.adam_rate * factor)

    def state(self):
        return {"first": self.first, "second": self.second}

    def load(self, state):
        for mine, theirs in ((self.first, state["first"]), (self.second, state["second"])):
            for a, b in zip(mine, theirs):
                a.copy_(b)


class Workers:
    """Processes that add up the gradients of the rows of a step in shared memory."""

    def __init__(self, model, count, rows_at_once):
        self.model, self.count, self.rows_at_once = model, count, rows_at_once
        model.share_memory()
        self.sums = [[torch.zeros_like(p).share_memory_() for p in model.parameters()] for _ in range(count)]
        self.losses = torch.zeros(count, dtype=torch.float64).share_memory_()
        self.next = multiprocessing.Value("l", 0)
        self.begin, self.finish = multiprocessing.Barrier(count), multiprocessing.Barrier(count)

    def start(self, batch, weights):
        """Shared tensors into which each step's rows and the weights of their tokens are copied."""
        self.batch, self.weights = batch, weights
        for index in range(1, self.count):
            multiprocessing.Process(target=self._run, args=(index,), daemon=True).start()

    def _run(self, index):
        torch.set_num_threads(1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            self.begin.wait()
            self._share(index)
            self.finish.wait()

    def _share(self, index):
        parameters = list(self.model.parameters())
        for parameter, total in zip(parameters, self.sums[index]):
            total.zero_()
            parameter.grad = total
        self.losses[index] = 0.0
        while True:
            with self.next.get_lock():
                at = self.next.value
                self.next.value += self.rows_at_once
            if at >= len(self.batch):
                break
            part = slice(at, at + self.rows_at_once)
            loss = self.model.summed_loss(self.batch[part], self.weights[part])
            loss.backward()
            self.losses[index] += loss.item()

    def gradients(self):
        """Mean weighted gradients and the mean loss of the batch."""
        self.next.value = 0
        self.begin.wait()
        self._share(0)
        self.finish.wait()
        count = len(self.batch) * (self.batch.shape[1] - 1)
        weight = float(self.weights[:, 1:].sum())
        return [sum(parts[1:], parts[0]) / weight for parts in zip(*self.sums)], float(self.losses.sum()) / count


def save(path, model, optimiser, step, arguments):
    partial = path.with_suffix(".partial")
    torch.save({"shape": dataclasses.asdict(model.shape), "model": model.state_dict(), "optimiser": optimiser.state(),
                "step": step, "arguments": vars(arguments)}, partial)
    os.replace(partial, path)


@torch.no_grad()
def evaluate(model, rows):
    total = sum(model.summed_loss(rows[at: at + 1]).item() for at in range(len(rows)))
    return total / (len(rows) * (rows.shape[1] - 1))


def load_rows(path):
    return torch.from_numpy(numpy.load(path).astype(numpy.int64))


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--rows", type=int, default=4, help="rows of 1024 tokens in a step")
    parser.add_argument("--warmup", type=int, default=60)
    parser.add_argument("--stable", type=int, help="step at which the decay begins")
    parser.add_argument("--decay", type=int, help="steps of the decay")
    parser.add_argument("--muon-rate", type=float)
    parser.add_argument("--adam-rate", type=float)
    parser.add_argument("--middle-weight", type=float, help="of the gradient of a middle's tokens, others 1")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--evaluate-every", type=int, default=100)
    parser.add_argument("--save-seconds", type=float, default=180)
    arguments = parser.parse_args()
    for name, value in STAGES[arguments.stage].items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def main():
    arguments = parse()
    torch.set_num_threads(1)
    work = pathlib.Path(arguments.work)
    train, heldout = load_rows(work / f"{arguments.stage}.npy"), load_rows(work / "heldout.npy")[:16]
    marks = load_rows(work / "holes-marks.npy") if arguments.stage == "holes" else torch.zeros_like(train)
    model = Model(Shape(width=arguments.width, layers=arguments.layers), arguments.seed)
    optimiser = Optimiser(model, arguments.muon_rate, arguments.adam_rate, arguments.weight_decay)
    path, step = work / f"{arguments.stage}.pt", 0
    if path.exists():
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        optimiser.load(saved["optimiser"])
        step = saved["step"]
    elif arguments.stage == "holes":
        model.load_state_dict(torch.load(work / "general.pt")["model"])
    batch = torch.empty(arguments.rows, train.shape[1], dtype=torch.int64).share_memory_()
    weights = torch.ones(batch.shape).share_memory_()
    workers = Workers(model, arguments.workers, 2)
    workers.start(batch, weights)
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    print("parameters", sum(parameter.numel() for parameter in model.parameters()), "from step", step, flush=True)
    log, saved_at, began = (work / f"{arguments.stage}.jsonl").open("a"), time.monotonic(), time.monotonic()
    end = arguments.stable + arguments.decay
    while step < end and not stop:
        at = step * arguments.rows % (len(train) - arguments.rows + 1)
        batch.copy_(train[at: at + arguments.rows])
        weights.copy_(1 + (arguments.middle_weight - 1) * marks[at: at + arguments.rows])
        gradients, loss = workers.gradients()
        norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        if norm > arguments.clip:
            gradients = [gradient * (arguments.clip / norm) for gradient in gradients]
        factor = rate(step, arguments.warmup, arguments.stable, arguments.decay)
        optimiser.step(gradients, step, factor)
        step += 1
        entry = {"step": step, "loss": round(loss, 4), "norm": round(norm, 3), "rate": round(factor, 4),
                 "seconds": round(time.monotonic() - began, 1)}
        if step % arguments.evaluate_every == 0 or step == end:
            entry["held out"] = round(evaluate(model, heldout), 4)
        print(json.dumps(entry), file=log, flush=True)
        if time.monotonic() - saved_at > arguments.save_seconds:
            save(path, model, optimiser, step, arguments)
            saved_at = time.monotonic()
    save(path, model, optimiser, step, arguments)
    print("stopped at step", step, flush=True)


if __name__ == "__main__":
    main()
