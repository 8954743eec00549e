# SPDX-License-Identifier: Apache-2.0
"""Container images made of bytes: a "docker save" archive, an OCI layout."""

import hashlib
import io
import json
import pathlib
import tarfile


# What "blindbox measure" lets a container have on Azure; tests/init shows that blindbox-init makes do with it.
POLICY_CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_NET_BIND_SERVICE",
                       "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]


def layer_of(files):
    """A tar archive; files: name -> bytes, or a tarfile.TarInfo that stands for itself."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, contents in files.items():
            if isinstance(contents, tarfile.TarInfo):
                tar.addfile(contents)
                continue
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(contents), 0o755
            tar.addfile(entry, io.BytesIO(contents))
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def config_of(layers, **config):
    return json.dumps({"architecture": "amd64", "os": "linux", "config": config,
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(layer) for layer in layers]}}).encode()


def docker_archive(path, layers, name="app:latest", **config):
    body = config_of(layers, **config)
    files = {f"{sha256(body)}.json": body, **{f"{i}/layer.tar": layer for i, layer in enumerate(layers)}}
    files["manifest.json"] = json.dumps([{"Config": f"{sha256(body)}.json", "RepoTags": [name],
                                          "Layers": [f"{i}/layer.tar" for i in range(len(layers))]}]).encode()
    pathlib.Path(path).write_bytes(layer_of(files))
    return path


class Layout:
    """An OCI layout of one image, read."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        index = json.loads((self.folder / "index.json").read_text())
        self.digest = index["manifests"][0]["digest"]
        self.manifest = json.loads(self.blob(self.digest))
        self.config = json.loads(self.blob(self.manifest["config"]["digest"]))

    def blob(self, digest):
        return (self.folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
