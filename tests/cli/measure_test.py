# SPDX-License-Identifier: Apache-2.0
"""blindbox measure: what it prints, from files and from standard input, and how it refuses."""

import gzip
import json
import subprocess
import tempfile
import pathlib
import unittest
import uuid

import harness

LAYERS = harness.ROOT / "tests/vectors/layers"
EXPECTED = dict((line.split("\t")[0], line.rstrip("\n").split("\t")[1:])
                for line in (LAYERS / "expected.tsv").read_text().splitlines()[1:])


def run(*arguments, **options):
    ran = subprocess.run([harness.BINARY, "measure", *map(str, arguments)], capture_output=True, timeout=90, **options)
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


def page_with(guid, value):
    """The least firmware: one page whose table has one entry (edk2, OvmfPkg/ResetVector)."""
    table = value.to_bytes(4, "little") + (22).to_bytes(2, "little") + uuid.UUID(guid).bytes_le
    table += (40).to_bytes(2, "little") + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    return bytes(4096 - 32 - len(table)) + table + bytes(32)


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
                    (["--uki", broken, "--vcpus", "2"], 2, "--vcpus requires --launch-digest"),
                    (["--launch-digest", "--firmware", broken, "--vcpu-type", "i486"], 2, "EPYC"),
                    (["--launch-digest", "--firmware", broken], 3, "firmware"),
                    (["--uki", broken], 3, "unified kernel image"),
                    (["--initdata", broken], 3, "algorithm")]:
                with self.subTest(arguments=arguments):
                    code, out, err = run(*arguments)
                    self.assertEqual((code, out), (status, ""), err)
                    self.assertTrue(err.startswith("blindbox: error: "), err)
                    self.assertIn(text, err)

    def test_launch_options(self):
        """Several ways to say one thing, and what contradicts itself."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "firmware").write_bytes(page_with("00f771de-1a7e-4fcb-890e-68c77e2fb44e", 0x80b004))
            (folder / "svsm").write_bytes(page_with("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd", 0x40))
            (folder / "variables").write_bytes(bytes(0x2000))
            first = ["--launch-digest", "--json", "--firmware", folder / "firmware"]
            svsm = ["--mode", "snp:svsm", "--svsm", folder / "svsm"]

            def digests(*options):
                code, out, err = run(*first, *options)
                self.assertEqual((code, err), (0, ""))
                return json.loads(out)["launch_digest"], json.loads(out)["firmware_digest"]
            milan, own = digests("--vcpu-type", "EPYC-Milan")
            for same in (["--vcpu-signature", "0xa00f11"], ["--vcpu-signature", "10489617"],
                         ["--vcpu-family", "25", "--vcpu-model", "1", "--vcpu-stepping", "1"],
                         ["--vcpu-type", "EPYC-Milan", "--firmware-digest", own]):
                self.assertEqual(digests(*same), (milan, own))
            other = digests("--vcpu-type", "EPYC-Milan", "--firmware-digest", "ab" * 48)
            self.assertEqual((other[0] != milan, other[1]), (True, "ab" * 48))
            below = digests(*svsm, "--vars-size", "8192")
            self.assertEqual(digests(*svsm, "--vars-file", folder / "variables"), below)
            self.assertNotIn(below[0], (milan, digests()[0], digests(*svsm, "--vars-size", "4096")[0]))
            for options, status, text in (
                    (["--vcpu-type", "EPYC", "--vcpu-signature", "1"], 2, "give one of them"),
                    (["--vcpu-signature", "1", "--vcpu-stepping", "1"], 2, "give one of them"),
                    (["--vcpu-family", "25", "--vcpu-model", "1"], 2, "belong together"),
                    (["--vcpu-family", "271", "--vcpu-model", "1", "--vcpu-stepping", "1"], 2, "no vCPU has that"),
                    (["--firmware-digest", "ab"], 2, "96 hexadecimal digits"),
                    (["--firmware-digest", own, "--mode", "sev-es"], 2, "only SEV-SNP"),
                    (["--svsm", folder / "svsm"], 2, "need --mode snp:svsm"),
                    (["--vars-size", "4096"], 2, "need --mode snp:svsm"),
                    (["--mode", "snp:svsm", "--vars-size", "4096"], 2, "needs --svsm FILE"),
                    (svsm, 2, "--vars-file FILE or --vars-size BYTES"),
                    ([*svsm, "--vars-size", "8192", "--vars-file", folder / "variables"], 2, "and not both"),
                    ([*svsm, "--vars-size", "8192", "--firmware-digest", own], 2, "neither a kernel nor"),
                    ([*svsm, "--vars-size", "8192", "--kernel", folder / "variables"], 2, "neither a kernel nor")):
                with self.subTest(options=options):
                    code, out, err = run(*first, *options)
                    self.assertEqual((code, out), (status, ""), err)
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
