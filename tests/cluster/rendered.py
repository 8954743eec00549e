# SPDX-License-Identifier: Apache-2.0
"""Wrapped images, and what blindbox deploy makes of them."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import control_plane

sys.path.append(str(control_plane.ROOT / "tests/cli"))
import images  # noqa: E402

BINARY = os.environ.get("BLINDBOX_BINARY", str(control_plane.ROOT / "build/release/apps/blindbox"))
PLATFORMS = ("kubernetes", "aks-virtual-nodes", "coco")
# What names need escaping in one of five languages, and what Kubernetes would take for a reference.
GREETING = "it's \"quoted\" \\ {{ c }} ${D} $(KNOWN) $$(KNOWN) $$ %{e} [concat('x')] \u00e9 \U0001f512 $"
EGRESS = "[api.example.com:443, other.example.com:443, db.example.com:80, 9.9.9.9:5432, \"[2606:4700::1111]:443\"]"


class Rendered:
    """A folder with a store of two images, release-1 and release-2, which differ in a file."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-rendered-"))
        (self.folder / "blindbox.yml").write_text(f"platform: azure-aci\nenvironment: [GREETING]\negress: {EGRESS}\n")
        (self.folder / "initdata.toml").write_text('algorithm = "sha256"\nversion = "0.1.0"\n')
        for release in (1, 2):
            layer = images.layer_of({"bin/server": f"#!/bin/sh\n# {release}\n".encode()})
            images.docker_archive(self.folder / "app.tar", [layer], Entrypoint=["/bin/server"], ExposedPorts={"8000/tcp": {}})
            self.blindbox("build", "--source-image", "docker-archive:app.tar", "--tag", f"release-{release}")

    def close(self):
        shutil.rmtree(self.folder)

    def run(self, *arguments, path=None, **environment):
        return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=self.folder,
                              env={**os.environ, "BLINDBOX_STORE": str(self.folder / "store"),
                                   "PATH": path or os.environ["PATH"], **environment})

    def blindbox(self, *arguments, **more):
        ran = self.run(*arguments, **more)
        if ran.returncode:
            raise AssertionError(f"blindbox {arguments[0]}: status {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def arguments(self, platform, out, *more, release=1):
        if platform == "coco" and "--initdata" not in more:
            more += ("--initdata", "initdata.toml")
        return ("deploy", f"release-{release}", "--image", "images.example.com/team/hello", "--platform", platform, "--out",
                out, "--env", f"GREETING={GREETING}", *more)

    def render(self, platform, *more, release=1, out=None):
        """The folder of the files."""
        folder = self.folder / (out or f"{platform}-{release}")
        shutil.rmtree(folder, ignore_errors=True)
        self.blindbox(*self.arguments(platform, folder, "--dry-run", *more, release=release))
        return folder

    def digest(self, release):
        return json.loads(self.blindbox("measure", f"release-{release}", "--json"))["image"]["digest"]
