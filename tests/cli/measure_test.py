# SPDX-License-Identifier: Apache-2.0
"""blindbox measure: what it prints, from files and from standard input, and how it refuses."""

import gzip
import json
import subprocess
import tempfile
import pathlib
import unittest

import harness

LAYERS = harness.ROOT / "tests/vectors/layers"
EXPECTED = dict((line.split("\t")[0], line.rstrip("\n").split("\t")[1:])
                for line in (LAYERS / "expected.tsv").read_text().splitlines()[1:])


def run(*arguments, **options):
    ran = subprocess.run([harness.BINARY, "measure", *map(str, arguments)], capture_output=True, timeout=90, **options)
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


class Measure(unittest.TestCase):
    def test_layers_as_text(self):
        names = ["links.tar", "times.tar"]
        code, out, err = run("--layer", *(LAYERS / name for name in names))
        self.assertEqual((code, err), (0, ""))
        for name in names:
            for value in EXPECTED[name]:
                self.assertIn(value, out)

    def test_layers_as_json(self):
        code, out, _ = run("--json", "--layer", LAYERS / "names.tar", LAYERS / "full-hash-block.tar.gz")
        self.assertEqual(code, 0)
        for layer in json.loads(out)["layers"]:
            ext4, size, root = EXPECTED[pathlib.Path(layer["file"]).name]
            self.assertEqual((layer["ext4_sha256"], layer["ext4_bytes"], layer["root_hash"]), (ext4, int(size), root))

    def test_standard_input_pipe_file_and_compressed(self):
        contents = (LAYERS / "opaque.tar").read_bytes()
        with open(LAYERS / "opaque.tar", "rb") as file:
            outputs = [run("--layer", "-", stdin=file)]
        outputs += [run("--layer", "-", input=data) for data in (contents, gzip.compress(contents))]
        for code, out, err in outputs:
            self.assertEqual((code, err), (0, ""))
            self.assertIn(EXPECTED["opaque.tar"][2], out)

    def test_refusals_have_their_status(self):
        cut = gzip.compress((LAYERS / "links.tar").read_bytes())[:-20]
        with tempfile.TemporaryDirectory() as folder:
            broken = pathlib.Path(folder) / "cut.tar.gz"
            broken.write_bytes(cut)
            for arguments, status, text in [
                    ([], 2, "nothing to measure"),
                    (["--layer", LAYERS / "ERR-checksum.tar"], 3, "checksum"),
                    (["--layer", LAYERS / "ERR-folder-over-file.tar"], 3, "cannot replace a file with a directory"),
                    (["--layer", broken], 3, "gzip"),
                    (["--layer", folder], 10, "it is a folder"),
                    (["--layer", "/nonexistent"], 10, "/nonexistent"),
                    (["--layer", LAYERS / "links.tar", "--max-size", "4096"], 11, "4096"),
                    (["--launch-digest"], 2, "--firmware"),
                    (["--launch-digest", "--firmware", broken, "--vcpu-type", "i486"], 2, "EPYC"),
                    (["--launch-digest", "--firmware", broken], 3, "firmware"),
                    (["--uki", broken], 3, "unified kernel image"),
                    (["--initdata", broken], 3, "algorithm")]:
                with self.subTest(arguments=arguments):
                    code, out, err = run(*arguments)
                    self.assertEqual((code, out), (status, ""), err)
                    self.assertTrue(err.startswith("blindbox: error: "), err)
                    self.assertIn(text, err)

    def test_initdata(self):
        with tempfile.TemporaryDirectory() as folder:
            document = pathlib.Path(folder) / "initdata.toml"
            document.write_text('version = "0.1.0"\nalgorithm = "sha384"\n[data]\n')
            code, out, _ = run("--initdata", document, "--json")
            digests = json.loads(out)["initdata"]
            self.assertEqual((code, len(digests["mr_config_id"])), (0, 96))
            self.assertEqual(digests["host_data"], digests["digest"][:64])


if __name__ == "__main__":
    harness.main(fuse=False)
