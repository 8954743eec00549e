# SPDX-License-Identifier: Apache-2.0
"""The recipe of a virtual machine, followed: blindbox deploy renders it, build-image makes the disk, the disk boots up to
blindbox-init with the PCRs that were said beforehand, and a disk with one byte changed does not."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import machine

sys.path.insert(0, str(machine.ROOT / "tests/cli"))
import images  # noqa: E402

BINARY = pathlib.Path(os.environ.get("BLINDBOX_BINARY", machine.ROOT / "build/release/apps/blindbox"))
NEEDED = ("cpio", "ldd", "mcopy", "mkfs.vfat", "mksquashfs", "modinfo", "objcopy", "sfdisk", "veritysetup")
# In the application's place, to see what the machine holds: blindbox-init is not what is looked at here.
LOOK = b"""#!/bin/busybox sh
for pcr in 4 11 12 13; do
  echo "pcr $pcr $(/bin/busybox cat /sys/class/tpm/tpm0/pcr-sha256/$pcr) end" >/dev/ttyS0
done
echo "started with $* as GREETING=$GREETING" >/dev/ttyS0
/bin/busybox touch /blindbox-was-here 2>/dev/ttyS0
/bin/busybox poweroff -f
"""


class Vm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid():
            raise unittest.SkipTest("the recipe needs root: the files of the image keep their owners")
        for name in NEEDED:
            machine.program(name)
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-vm-"))
        cls.addClassCleanup(shutil.rmtree, cls.home)
        layer = images.layer_of({"bin/busybox": pathlib.Path(machine.program("busybox")).read_bytes()})
        images.docker_archive(cls.home / "app.tar", [layer], Entrypoint=["/bin/busybox", "httpd", "-f", "-p", "8000"],
                              ExposedPorts={"8000/tcp": {}})
        (cls.home / "blindbox.yml").write_text("platform: azure-aci\nenvironment: [GREETING]\n")
        cls.blindbox("build", "--source-image", "docker-archive:app.tar", "--tag", "hello")
        cls.blindbox("deploy", "hello", "--image", "images.example.com/hello", "--platform", "gcp-snp", "--dry-run",
                     "--out", "vm", "--env", "GREETING=it's me")
        cls.blindbox("push", "hello", "--to", f"oci:{cls.home}/layout")

    @classmethod
    def run_in(cls, *command, **environment):
        path = f"{BINARY.parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
        return subprocess.run(list(map(str, command)), cwd=cls.home, capture_output=True, text=True, timeout=300,
                              env={**os.environ, "PATH": path, "BLINDBOX_STORE": str(cls.home / "store"), **environment})

    @classmethod
    def blindbox(cls, *arguments):
        ran = cls.run_in(BINARY, *arguments)
        if ran.returncode:
            raise AssertionError(f"{arguments}: {ran}")

    def arguments(self):
        modules = sorted(machine.TOOLS.glob("kernel/lib/modules/*"))[-1]
        return "--kernel", machine.kernel(), "--modules", modules, "--source", f"oci:{self.home}/layout"

    def build(self, folder):
        ran = self.run_in(folder / "build-image", *self.arguments())
        self.assertEqual(ran.returncode, 0, ran)
        return ran.stdout

    def test_it_boots_to_blindbox_init(self):
        self.build(self.home / "vm")
        serial = machine.boot(self.home, disk=self.home / "vm/disk.raw")
        self.assertIn("blindbox-init", serial[-4000:])
        self.assertNotIn("is not the one that was measured", serial)

    def test_a_link_of_the_image_leads_root_nowhere(self):
        folder = self.home / "link"
        shutil.copytree(self.home / "vm", folder)
        script = (folder / "build-image").read_text()
        anchor = "# An image's link would"
        (self.home / "outside").mkdir()
        changed = script.replace(anchor, f'rm -rf "$work/root/etc"\nln -s {self.home}/outside "$work/root/etc"\n{anchor}')
        self.assertNotEqual(script, changed)
        (folder / "build-image").write_text(changed)
        ran = self.run_in(folder / "build-image", *self.arguments())
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("the image's /etc is a link", ran.stderr)
        self.assertEqual(list((self.home / "outside").iterdir()), [])

    def test_it_holds_what_was_said(self):
        folder = self.home / "look"
        shutil.copytree(self.home / "vm", folder)
        script = (folder / "build-image").read_text()
        # The same recipe over an image whose blindbox-init is the script above.
        (self.home / "look-init").write_bytes(LOOK)
        anchor = 'ln -sfT ../run/resolv.conf'
        changed = script.replace(anchor, f'install -m 755 {self.home}/look-init "$work/root/.blindbox/init"\n{anchor}')
        self.assertNotEqual(script, changed)
        (folder / "build-image").write_text(changed)
        said = self.build(folder)
        efi = (folder / "blindbox.efi").read_bytes()
        self.assertEqual(self.build(folder), said)
        self.assertEqual((folder / "blindbox.efi").read_bytes(), efi, "the same again")
        serial = machine.boot(self.home, disk=folder / "disk.raw")
        for index, value in re.findall(r"pcr (\d+) ([0-9A-F]{64}) end", serial):
            self.assertRegex(said, rf"pcr {index} +{value.lower()}")
        self.assertEqual(len(re.findall(r"pcr \d+ [0-9A-F]{64} end", serial)), 4, serial[-2000:])
        self.assertIn("started with --platform sev-guest as GREETING=it's me", serial)
        self.assertIn("Read-only file system", serial)

        table = json.loads(self.run_in("sfdisk", "--json", folder / "disk.raw").stdout)["partitiontable"]
        disk = bytearray((folder / "disk.raw").read_bytes())
        disk[table["partitions"][1]["start"] * 512 + 200] ^= 1
        (folder / "disk.raw").write_bytes(disk)
        serial = machine.boot(self.home, disk=folder / "disk.raw")
        self.assertNotIn("started with", serial)


if __name__ == "__main__":
    unittest.main()
