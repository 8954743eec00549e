# SPDX-License-Identifier: Apache-2.0
"""blindbox model pull against a hub on a loopback port: honest, cut off, lying, gated, over TLS."""

import hashlib
import http.server
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest

import libraries

libraries.ensure()

import makers  # noqa: E402

BINARY = os.environ["BLINDBOX_BINARY"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
END = "<|endoftext|>"


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """Files of one repository, and a content server on another port, where large files are."""

    def __init__(self, files, tls=None):
        self.files, self.asked, self.tls = files, [], tls
        self.token, self.cut, self.lie, self.bare = None, None, {}, False
        self.whole, self.busy, self.more = False, 0, []  # ranges ignored; answers "later"; further names listed
        self.servers = [self._serve(self._hub), self._serve(self._content)]
        scheme = "https" if tls else "http"
        self.endpoint, self.content = (f"{scheme}://localhost:{server.server_port}" for server in self.servers)

    def _serve(self, answer):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                hub.asked.append((self.command, self.path, dict(self.headers.items())))
                answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.tls:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    @staticmethod
    def reply(request, status, body=b"", **fields):
        request.send_response(status)
        for name, value in fields.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _large(self, name):
        return name.endswith((".safetensors", ".gguf"))

    def _hub(self, request):
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.reply(request, 401, b'{"error": "Access to model is restricted"}')
        path = request.path.split("?")[0]
        if path == "/api/models/owner/tiny/revision/main":
            siblings = []
            for name, data in self.files.items():
                entry = {"rfilename": name}
                if not self.bare:
                    entry |= {"size": len(data), "blobId": git_sha1(data)}
                    if self._large(name):
                        entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
                siblings.append(entry)
            siblings += [{"rfilename": name, "size": 3, "blobId": "0" * 40} for name in self.more]
            return self.reply(request, 200, json.dumps({"sha": COMMIT, "siblings": siblings}).encode())
        prefix = f"/owner/tiny/resolve/{COMMIT}/"
        if not path.startswith(prefix) or path[len(prefix):] not in self.files:
            return self.reply(request, 404, b'{"error": "Entry not found"}')
        name = path[len(prefix):]
        data = self.files[name]
        if self._large(name):
            digest = hashlib.sha256(data).hexdigest()
            return self.reply(request, 302, Location=f"{self.content}/{name}?signature=1", X_Linked_Etag=f'"{digest}"',
                              X_Linked_Size=str(len(data)), X_Repo_Commit=COMMIT)
        return self.reply(request, 200, self.lie.get(name, data), ETag=f'"{git_sha1(data)}"')

    def _content(self, request):
        name = request.path.split("?")[0].lstrip("/")
        data, begin = self.lie.get(name, self.files[name]), 0
        if self.busy:
            self.busy -= 1
            return self.reply(request, 429, b"later", Retry_After="0")
        if request.headers.get("Range") and not self.whole:
            begin = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(data) - begin))
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if self.cut:
            end, self.cut = self.cut, None
            request.wfile.write(data[begin:end])
            request.wfile.flush()
            request.connection.shutdown(2)
            return
        request.wfile.write(data[begin:])


class Pull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="blindbox-pull-")
        cls.addClassCleanup(cls.made.cleanup)
        source = pathlib.Path(cls.made.name) / "source"
        config = makers.santacoder_config(1010)
        makers.save(source, config, makers.santacoder(config), makers.byte_level("starcoder", [END]), {"eos_token": END},
                    shards=2)
        cls.files = {path.name: path.read_bytes() for path in source.iterdir()}
        cls.files |= {"modeling.py": b"import os", "pytorch_model.bin": b"\x80\x04", "README.md": b"# tiny",
                      "onnx/model.safetensors": b"other"}

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="blindbox-pull-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def hub(self, files=None, tls=None):
        hub = Hub(dict(files or self.files), tls)
        self.addCleanup(hub.close)
        return hub

    def pull(self, hub, *arguments, source="owner/tiny", **environment):
        told = {"BLINDBOX_MODELS": str(self.folder / "store"), "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": ""}
        return subprocess.run([BINARY, "model", "pull", source, *arguments], capture_output=True, text=True, timeout=300,
                              check=False, env={**os.environ, **told, **environment})

    def pulled(self, hub, *arguments, **more):
        done = self.pull(hub, *arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads((self.folder / "store/tiny/manifest.json").read_text())

    def assert_nothing_stored(self):
        self.assertEqual(list((self.folder / "store").glob("*/manifest.json")), [])
        self.assertEqual(list((self.folder / "store").glob("*/model.gguf")), [])

    def test_a_repository(self):
        hub = self.hub()
        manifest = self.pulled(hub, "--type", "f16")
        self.assertEqual(manifest["revision"], COMMIT)
        self.assertEqual(manifest["origin"], hub.endpoint + "/owner/tiny")
        kept = {file["path"]: file["sha256"] for file in manifest["sources"]}
        self.assertEqual(sorted(kept), ["config.json", "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors", "model.safetensors.index.json",
                                        "tokenizer.json", "tokenizer_config.json"])
        for name, digest in kept.items():
            self.assertEqual(digest, hashlib.sha256(self.files[name]).hexdigest())
        asked = " ".join(path for _, path, _ in hub.asked)
        for never in ("modeling.py", "pytorch_model.bin", "onnx"):
            self.assertNotIn(never, asked)
        self.assertEqual(sorted(path.name for path in (self.folder / "store/tiny").iterdir()), ["manifest.json", "model.gguf"])

    def test_the_token_stays_with_the_hub(self):
        hub = self.hub()
        hub.token = "hf_secret"
        refused = self.pull(hub)
        self.assertEqual(refused.returncode, 14)
        self.assertIn("HF_TOKEN", refused.stderr)
        self.assert_nothing_stored()
        self.pulled(hub, HF_TOKEN="hf_secret")
        content = [fields for _, path, fields in hub.asked if "signature" in path]
        self.assertEqual(len(content), 2)
        self.assertFalse(any("Authorization" in fields for fields in content))

    def test_what_broke_off_goes_on(self):
        hub = self.hub()
        hub.cut = 1000
        self.pulled(hub)
        ranges = [fields["Range"] for _, path, fields in hub.asked if "Range" in fields and "signature" in path]
        self.assertEqual(ranges, ["bytes=1000-"])

    def test_a_range_that_is_ignored_begins_anew(self):
        hub = self.hub()
        hub.cut, hub.whole = 1000, True
        kept = {file["path"]: file["sha256"] for file in self.pulled(hub)["sources"]}
        self.assertIn("bytes=1000-", [fields.get("Range") for _, _, fields in hub.asked])
        for name in kept:
            self.assertEqual(kept[name], hashlib.sha256(self.files[name]).hexdigest())

    def test_a_hub_that_is_busy_is_asked_again(self):
        hub = self.hub()
        hub.busy = 2
        self.pulled(hub)
        self.assertEqual(len([path for _, path, _ in hub.asked if "signature" in path]), 4)

    def test_names_that_lead_elsewhere_are_never_written(self):
        hub = self.hub()
        hub.more = ["../tokenizer.model", "/etc/passwd", "a/../../config.json", "..", ".git", "con\tfig.json", "\\x.safetensors"]
        self.pulled(hub)
        self.assertFalse(any(".." in path or "passwd" in path for _, path, _ in hub.asked))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["store"])
        index = json.loads(self.files["model.safetensors.index.json"])
        index["weight_map"]["lm_head.weight"] = "../../../model.safetensors"
        spoilt = self.hub(self.files | {"model.safetensors.index.json": json.dumps(index).encode()})
        done = self.pull(spoilt, "--replace")
        self.assertEqual(done.returncode, 3)
        self.assertIn("names a file that is none of a checkpoint", done.stderr)

    def test_what_stays_cut_off_or_is_a_pointer_is_refused(self):
        name = "model-00001-of-00002.safetensors"
        hub = self.hub()
        hub.lie[name] = self.files[name][:-9]
        done = self.pull(hub)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("announced", done.stderr)
        self.assert_nothing_stored()
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"
        for name in (name, "tokenizer.json"):
            done = self.pull(self.hub(self.files | {name: pointer}), "--replace")
            self.assertEqual(done.returncode, 8, done.stderr)
            self.assertIn("git lfs pull", done.stderr)
            self.assert_nothing_stored()

    def test_a_link_in_the_way_is_not_followed(self):
        hub = self.hub()
        hub.busy = 10**6
        self.pull(hub, "--replace")
        parts = list((self.folder / "store").rglob("*.part"))
        self.assertEqual(len(parts), 1)
        outside = self.folder / "outside"
        outside.write_bytes(b"mine")
        parts[0].unlink()
        parts[0].symlink_to(outside)
        hub.busy = 0
        self.assertNotEqual(self.pull(hub).returncode, 0)
        self.assertEqual(outside.read_bytes(), b"mine")

    def test_a_lie_is_not_kept(self):
        for name in ("model-00002-of-00002.safetensors", "tokenizer.json"):
            with self.subTest(name):
                shutil.rmtree(self.folder / "store", ignore_errors=True)
                hub = self.hub()
                data = bytearray(self.files[name])
                data[-2] ^= 1
                hub.lie[name] = bytes(data)
                done = self.pull(hub, "--replace")
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn("not what was announced", done.stderr)
                self.assert_nothing_stored()
                self.assertEqual(list((self.folder / "store").rglob(name + "*")), [])
        longer = self.hub()
        longer.lie["model-00001-of-00002.safetensors"] = self.files["model-00001-of-00002.safetensors"] + b"more"
        self.assertEqual(self.pull(longer, "--replace").returncode, 3)

    def test_digests_by_etag_alone(self):
        hub = self.hub()
        hub.bare = True
        self.pulled(hub)
        self.assertIn("HEAD", [method for method, _, _ in hub.asked])

    def test_a_gguf_file_of_a_repository_and_by_address(self):
        self.pulled(self.hub(), "--keep-source")
        gguf = (self.folder / "store/tiny/model.gguf").read_bytes()
        self.assertTrue((self.folder / "store/tiny/model.gguf.source/config.json").exists())
        hub = self.hub({"tiny-q8.gguf": gguf, "tiny-q4.gguf": gguf})
        shutil.rmtree(self.folder / "store")
        unclear = self.pull(hub)
        self.assertEqual(unclear.returncode, 2)
        self.assertIn("--file", unclear.stderr)
        manifest = self.pulled(hub, "--file", "tiny-q8.gguf")
        self.assertEqual(manifest["sha256"], hashlib.sha256(gguf).hexdigest())
        address = hub.content + "/tiny-q8.gguf"
        self.assertEqual(self.pull(hub, source=address).returncode, 2)
        self.assertEqual(self.pull(hub, "--sha256", "0" * 64, source=address).returncode, 3)
        done = self.pull(hub, "--sha256", manifest["sha256"], source=address)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "store/tiny-q8/model.gguf").exists())

    def test_pickles_alone_and_names_that_are_none(self):
        done = self.pull(self.hub({"pytorch_model.bin": b"\x80", "config.json": b"{}"}))
        self.assertEqual(done.returncode, 8)
        self.assertIn("pickles", done.stderr)
        hub = self.hub()
        for name in ("../tiny", "owner/../tiny", "owner/tiny/more", "", "owner/tiny@"):
            self.assertEqual(self.pull(hub, source=name).returncode, 2, name)
        self.assertEqual(self.pull(hub, source="owner/other").returncode, 6)
        self.assertEqual(self.pull(hub, HF_ENDPOINT="ftp://x").returncode, 2)

    def test_over_tls_with_a_trust_store(self):
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "ca.pem"]
        subprocess.run(make, cwd=self.folder, check=True, capture_output=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "ca.pem", self.folder / "key.pem")
        hub = self.hub(tls=context)
        (self.folder / "none.pem").touch()
        self.assertEqual(self.pull(hub, SSL_CERT_FILE=str(self.folder / "none.pem")).returncode, 14)
        self.pulled(hub, SSL_CERT_FILE=str(self.folder / "ca.pem"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
