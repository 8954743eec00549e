# SPDX-License-Identifier: Apache-2.0
"""Many clients at once that type, cancel, disconnect, stall, pipeline and send rubbish, while one tenant asks in peace.

Short by default. The long run: python3 tests/cli/load_test.py --seconds 600 --clients 200

Under a sanitizer (make load PRESET=asan) a report of any process fails it: at the end each is told to stop with answers
under way, gives those, and ends with status 0, which a leak or a race would change."""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import re
import signal
import socket
import sys
import time
import warnings

import harness
import wire

_parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
_parser.add_argument("--seconds", type=float, default=9)
_parser.add_argument("--clients", type=int, default=48)
OPTIONS, sys.argv[1:] = _parser.parse_known_args()  # the rest is unittest's
SECONDS, CLIENTS = OPTIONS.seconds, OPTIONS.clients
TENANTS = 8
if not (SECONDS >= 3 and CLIENTS >= TENANTS):
    _parser.error(f"at least 3 seconds and {TENANTS} clients, one of each tenant")
LIMIT = 330  # seconds in which whoever is accepted is answered: the server's own limit is 300
CODE = "".join(f"def part_{n}(items, {n}):\n    return sum(items) + {n}\n\n\n" for n in range(5))
RUBBISH = [b"", b"{", b"[" * 5000, b'{"prompt":', b'{"prompt":"\xff"}', b'{"prompt":[99999999]}',
           b'{"prompt":"a","n":1000}', b'{"prompt":"a","max_tokens":1e400}', b'{"prompt":"a","stop":[""]}',
           b'{"prompt":"a","temperature":-1}']


# What stands in a whole answer alone. Ollama's is among them: it has some of the rubbish's fields elsewhere.
ENDS = [b'"stop":true', b"[DONE]", b'"usage"', b'"done":true']


class Failed(Exception):
    """An answer that should not have come, or none where one should have."""


def request(path, key, body, more=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n").encode() + body


async def read_answer(reader):
    """Status, fields and body; the body of a stream must have its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = int(head.split()[1])
    fields = dict(re.findall(r"(?m)^([^:\r\n]+): ([^\r\n]*)", head.lower()))
    if "content-length" in fields:
        return status, fields, await reader.readexactly(int(fields["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return status, fields, body


class Crowd:
    """What the clients do, and what came of it."""

    def __init__(self, port, keys, seed):
        self.port = port
        self.keys = keys
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.wrong = []

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    def hole(self, **more):
        at = self.random.randrange(len(CODE))
        return {"input_prefix": CODE[:at], "input_suffix": CODE[at:], "n_predict": self.random.choice([1, 8, 24]),
                "stream": self.random.random() < 0.6, **more}

    def expect(self, what, answer, good=(200,)):
        status, fields, body = answer
        self.counts[what, status] += 1
        if status in (429, 503):
            if not 0 < int(fields.get("retry-after", "0")) < 3600:
                raise Failed(f"{what}: {status} without a time to come again: {body[:200]!r}")
        elif status not in good:
            raise Failed(f"{what}: {status}: {body[:200]!r}")
        elif status == 200 and not any(end in body for end in ENDS):
            raise Failed(f"{what}: an answer without an end: {body[-200:]!r}")
        return status

    async def type(self, key):
        """Asks at every key stroke; leaves the request before where it still runs."""
        at = self.random.randrange(len(CODE) - 40)
        for typed in range(0, 30, 5):
            reader, writer = await self.open()
            body = {"input_prefix": CODE[:at + typed], "input_suffix": CODE[at + 30:], "n_predict": 64, "stream": True}
            writer.write(request("/infill", key, body))
            try:
                self.expect("type", await asyncio.wait_for(read_answer(reader), self.random.choice([0.05, 0.3, LIMIT])))
            except asyncio.TimeoutError:
                self.counts["type", "left"] += 1
            finally:
                writer.close()

    async def disconnect(self, key):
        reader, writer = await self.open()
        sent = request("/infill", key, self.hole(n_predict=-1, stream=True, stop_rules=[]))
        if self.random.random() < 0.3:
            writer.write(sent[:self.random.randrange(len(sent))])
        else:
            writer.write(sent)
            if self.random.random() < 0.5:
                await asyncio.wait_for(reader.read(self.random.choice([1, 400])), LIMIT)
        writer.transport.abort()
        self.counts["disconnect", "left"] += 1

    async def stall(self, key):
        """Sends or reads slowly, then goes on."""
        reader, writer = await self.open()
        sent = request("/infill", key, self.hole(n_predict=40, stream=True, stop_rules=[]))
        half = self.random.randrange(len(sent))
        writer.write(sent[:half])
        await asyncio.sleep(self.random.random())
        writer.write(sent[half:])
        await asyncio.sleep(self.random.random() * 2)
        self.expect("stall", await asyncio.wait_for(read_answer(reader), LIMIT))
        writer.close()

    async def pipeline(self, key):
        """Several requests at once on one connection, more than one connection's worth of them unread."""
        reader, writer = await self.open()
        for _ in range(5):
            writer.write(request("/v1/completions", key, {"prompt": CODE[:200], "max_tokens": 4, "n": 2}))
        for _ in range(5):
            status = self.expect("pipeline", await asyncio.wait_for(read_answer(reader), LIMIT))
            if status != 200 and reader.at_eof():
                break
        writer.close()

    async def rubbish(self, key):
        reader, writer = await self.open()
        path = self.random.choice(["/v1/completions", "/infill", "/v1/chat/completions", "/api/generate", "/generate"])
        writer.write(request(path, self.random.choice([key, "bb-none"]), self.random.choice(RUBBISH)))
        self.expect("rubbish", await asyncio.wait_for(read_answer(reader), LIMIT), (200, 400, 401, 422))
        writer.close()

    async def client(self, number, until):
        key = self.keys[number % len(self.keys)]
        while time.monotonic() < until:
            begun = time.monotonic()
            act = self.random.choice([self.type, self.type, self.disconnect, self.stall, self.pipeline, self.rubbish])
            try:
                await act(key)
            except (Failed, asyncio.TimeoutError, asyncio.IncompleteReadError, OSError, ValueError) as error:
                self.counts[act.__name__, "wrong"] += 1
                self.wrong.append(f"{act.__name__}: {type(error).__name__} {error}, {time.monotonic() - begun:.1f} s")
            await asyncio.sleep(self.random.random() * 0.2)

    async def quiet(self, key, until):
        """One developer of a tenant of their own: what others do must not cost them their answers."""
        took = []
        while time.monotonic() < until:
            begun = time.monotonic()
            reader, writer = await self.open()
            writer.write(request("/infill", key, self.hole(n_predict=8)))
            answer = await asyncio.wait_for(read_answer(reader), LIMIT)
            if self.expect("quiet", answer) != 200:
                self.wrong.append(f"quiet: refused for what others do: {answer}")
            writer.close()
            took.append(time.monotonic() - begun)
            await asyncio.sleep(0.3)
        return sorted(took)

    async def run(self, seconds, quiet):
        until = time.monotonic() + seconds
        crowd = [asyncio.create_task(self.client(n, until)) for n in range(CLIENTS)]
        took = await self.quiet(quiet, until)
        await asyncio.gather(*crowd)
        return took


class Load(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        policy = cls.stage.policy()
        add = ["key", "add", "--file", "keys.yml", "--tenant"]
        cls.keys = [cls.stage.run(*add, f"team{n}").out.strip() for n in range(TENANTS)]
        cls.quiet = cls.stage.run(*add, "quiet").out.strip()
        cls.process = cls.stage.start("serve", "--model", harness.MODEL, "--platform",
                                      f"emulator:{cls.stage.folder / 'guest'}", "--listen", "127.0.0.1:0", "--keys",
                                      "keys.yml")
        url, _ = cls.process.wait_for("ready: ")
        cls.proxy = cls.stage.connect(url, policy)

    def resident(self):
        """KiB of the gateway, the engine and the proxy."""
        return [self.process.resident_kib(), *map(harness.resident_kib, self.process.children()),
                self.proxy.process.resident_kib()]

    def working(self):
        """Slots that work for somebody of the crowd."""
        pages = [wire.ask(self.proxy.port, "GET", "/slots", fields={"Authorization": "Bearer " + key}).json()
                 for key in self.keys]
        return sum(slot["is_processing"] for page in pages for slot in page)

    def test_everything_at_once(self):
        warnings.simplefilter("ignore", ResourceWarning)  # connections that are left in the middle are what is tested
        resident = []
        for third in range(3):
            crowd = Crowd(self.proxy.port, self.keys, third)
            took = asyncio.run(crowd.run(SECONDS / 3, self.quiet))
            resident.append(self.resident())
            counts = dict(sorted(crowd.counts.items(), key=str))
            print(f"\n{counts}\nquiet: {len(took)} requests, middle {took[len(took) // 2]:.2f} s, worst "
                  f"{took[-1]:.2f} s; KiB {resident[-1]}")
            self.assertEqual(crowd.wrong[:5], [])
            self.assertGreater(crowd.counts["quiet", 200], 0)
        # Nothing is stuck: what was left behind has gone, and all of it fits as in the beginning.
        wire.until(lambda: self.working() == 0)
        if not os.environ.get("BLINDBOX_SANITIZED"):  # sanitizers keep what was freed
            for before, after in zip(resident[0], resident[-1]):
                self.assertLess(after, before * 1.25 + 32 * 1024)
        self.assertTrue(self.process.running())
        self.end_with_answers_under_way()

    def end_with_answers_under_way(self):
        """The server and its engine first, then the proxy: what has begun is finished."""
        engine = self.process.children()[0]
        body = {"prompt": CODE, "max_tokens": 64, "stream": True}
        with contextlib.ExitStack() as clients:
            begun = [clients.enter_context(socket.create_connection(("127.0.0.1", self.proxy.port), timeout=LIMIT))
                     for _ in self.keys]
            for client, key in zip(begun, self.keys):
                client.sendall(request("/v1/completions", key, body, "Connection: close\r\n"))
            received = [wire.read_head(client) for client in begun]
            self.process.send(signal.SIGTERM)
            for client, head in zip(begun, received):
                whole = head + b"".join(iter(lambda client=client: client.recv(65536), b""))
                self.assertTrue(whole.startswith(b"HTTP/1.1 200 ") and b"data: [DONE]" in whole, whole[-500:])
        code, _ = self.process.wait()
        self.assertEqual((code, self.process.errors()), (0, ""))  # it tells of an engine that did not end well
        self.assertTrue(harness.gone(engine))
        self.assertEqual(self.proxy.process.stop()[0], 0)
        self.assertNotIn("Sanitizer", self.proxy.process.errors())


if __name__ == "__main__":
    harness.main()
