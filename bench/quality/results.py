# SPDX-License-Identifier: Apache-2.0
"""A result file: a line that says what was asked, then a line a hole. A run that broke off goes on where it stopped."""

import json
import os
import threading


class Results:
    def __init__(self, path, about):
        self.records = []
        self._lock = threading.Lock()
        whole = self._read(path, about) if os.path.exists(path) else 0
        self._file = open(path, "ab")
        self._file.truncate(whole)  # a last line that was cut off is asked for again
        if whole == 0:
            self._write(about)

    def _read(self, path, about):
        whole = 0
        with open(path, "rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                record = json.loads(line)
                if number == 0 and record != about:
                    raise ValueError(f"{path} holds another run ({record}, and this one is {about}): name another file")
                if number > 0:
                    self.records.append(record)
                whole += len(line)
        return whole

    def _write(self, record):
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    def known(self):
        return {record["name"] for record in self.records}

    def add(self, record):
        with self._lock:
            self._write(record)
            self.records.append(record)

    def close(self):
        os.fsync(self._file.fileno())
        self._file.close()
