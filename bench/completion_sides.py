# SPDX-License-Identifier: Apache-2.0
"""Servers that bench/completion.py compares: each is started, asked over HTTP and measured as a process."""

import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Answer:
    """Of one streamed request: when its pieces came, in seconds since it was sent, and what the server said last."""

    def __init__(self):
        self.times = []
        self.last = {}

    def read_tokens(self):
        """Of the prompt, computed for this request."""
        return self.last["timings"]["prompt_n"]

    def gaps(self):
        return [b - a for a, b in zip(self.times, self.times[1:-1])]  # the last piece holds no token


class Server:
    def __init__(self, name, command, port):
        """port None: the server prints it."""
        self.name = name
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE if port is None else self.log, stderr=self.log)
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

    def _post(self, path, body, patience):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"bench: error: {self.name} answered {answer.status}: {answer.read(500)}")
        return connection, answer

    def infill(self, before, after, count, stop_after=None, **more):
        """stop_after closes the connection after so many seconds without a piece."""
        start = time.monotonic()
        heard = Answer()
        try:
            connection, answer = self._post("/infill", {
                "input_prefix": before, "input_suffix": after, "n_predict": count, "temperature": 0, "stop_rules": [],
                "stream": True, "cache_prompt": True, "samplers": ["temperature"], **more}, stop_after or 600)
            while line := answer.readline():
                if line.startswith(b"data: "):
                    heard.times.append(time.monotonic() - start)
                    heard.last = json.loads(line[6:])
            connection.close()
        except TimeoutError:
            pass
        return heard

    def generate(self, before, after, count):
        """The protocol of 2023, which knows neither holes nor streams: the prompt as SantaCoder reads it."""
        connection, answer = self._post("/generate", {
            "input_text": f"<fim-prefix>{before}<fim-suffix>{after}<fim-middle>", "max_new_tokens": count}, 600)
        answer.read()
        connection.close()

    def memory(self):
        """MiB, at its highest."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024

    def cpu(self):
        """Seconds of all threads: on a busy machine steadier than the wall's."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.kill()
        self.process.wait()
