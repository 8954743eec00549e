# SPDX-License-Identifier: Apache-2.0
"""The Python libraries that tests compare with, in a virtual environment of their own in the cache."""

import fcntl
import os
import pathlib
import subprocess
import sys

WANTED = ["numpy==2.4.6", "gguf==0.19.0", "safetensors==0.8.0", "tokenizers==0.23.3", "sentencepiece==0.2.1"]
SKIPPED = 77


def cache():
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return pathlib.Path(os.environ.get("BLINDBOX_CACHE") or home / "blindbox")


def ensure():
    """Runs the calling file anew inside the environment, which is made where it is not there yet."""
    folder = cache() / "test-python-2"
    if pathlib.Path(sys.prefix) == folder:
        return
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / "test-python.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run beside each other
        if not (folder / "complete").exists():
            for command in ([sys.executable, "-m", "venv", "--clear", str(folder)],
                            [str(folder / "bin/pip"), "install", "--quiet", "--only-binary", ":all:", *WANTED]):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    print("skipped: the Python libraries to compare with cannot be had: " + done.stderr[-600:])
                    sys.exit(SKIPPED)
            (folder / "complete").touch()
    python = str(folder / "bin/python")
    os.execv(python, [python, "-B", *sys.argv])
