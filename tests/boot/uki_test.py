# SPDX-License-Identifier: Apache-2.0
"""blindbox measure --uki against what a TPM holds after the image has booted: several stubs, sections in other orders,
with and without those that may be missing."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import machine

BINARY = os.environ.get("BLINDBOX_BINARY", machine.ROOT / "build/release/apps/blindbox")
PCRS = (4, 11, 12, 13)
SCRIPT = f"""
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
for pcr in {" ".join(map(str, PCRS))}; do
  echo "pcr $pcr $(/bin/busybox cat /sys/class/tpm/tpm0/pcr-sha256/$pcr) end" >/dev/ttyS0
done
/bin/busybox poweroff -f
"""
ZERO = "0" * 64


class Uki(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-boot-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.linux = machine.kernel().read_bytes()
        cls.initrd = machine.initrd(SCRIPT)

    def stub(self, major):
        for version, path in machine.stubs().items():
            if version.startswith(f"{major}."):
                return path
        raise unittest.SkipTest(f"systemd's stub {major} is {machine.MISSING}")

    def compare(self, major, *sections):
        contents = {".linux": self.linux, ".initrd": self.initrd, ".osrel": b"ID=debian\nVERSION_ID=12\n",
                    ".cmdline": b"quiet console=ttyS0", ".uname": b"6.1.0-56-cloud-amd64", ".pcrpkey": b"a public key",
                    ".dtb": b"no device tree", ".ucode": machine.cpio({})}
        named = [section if isinstance(section, tuple) else (section, contents[section]) for section in sections]
        image = machine.unified(self.stub(major), named, self.folder / "image.efi")
        ran = subprocess.run([BINARY, "measure", "--uki", image, "--json"], capture_output=True, text=True)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        expected = json.loads(ran.stdout)["uki"]
        serial = machine.boot(self.folder, image)
        found = {int(index): value.lower() for index, value in re.findall(r"pcr (\d+) ([0-9A-Fa-f]{64}) end", serial)}
        self.assertEqual(sorted(found), list(PCRS), serial[-2000:])
        self.assertEqual(found[11], expected["pcr11"], expected)
        self.assertEqual(found[4], expected["pcr4"], expected)
        self.assertEqual((found[12], found[13]), (ZERO, ZERO), "nothing was added beside the image")
        return expected["sections"]

    def test_as_tools_write_it(self):
        self.compare(252, ".osrel", ".cmdline", ".linux", ".initrd")

    def test_with_everything_in_another_order(self):
        found = self.compare(252, ".initrd", ".pcrpkey", ".dtb", ".linux", ".uname", ".cmdline", ".osrel")
        self.assertEqual(found, [".linux", ".osrel", ".cmdline", ".initrd", ".dtb", ".pcrpkey"])

    def test_with_the_least(self):
        self.assertEqual(self.compare(252, ".linux", ".initrd"), [".linux", ".initrd"])

    def test_with_an_empty_section(self):
        self.assertEqual(self.compare(252, (".osrel", b""), ".linux", (".cmdline", b""), ".initrd"),
                         [".linux", ".initrd"])

    def test_a_stub_that_measures_more(self):
        found = self.compare(254, ".pcrpkey", ".uname", ".linux", ".initrd", ".osrel", ".cmdline")
        self.assertEqual(found, [".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat", ".pcrpkey"])

    def test_the_newest_stub(self):
        found = self.compare(257, ".ucode", ".initrd", ".uname", ".cmdline", ".linux", ".osrel", ".pcrpkey")
        self.assertEqual(found, [".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".uname", ".sbat", ".pcrpkey"])


if __name__ == "__main__":
    unittest.main()
