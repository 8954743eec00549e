# SPDX-License-Identifier: Apache-2.0
"""The recipes of virtual machines, followed: blindbox deploy renders them, build-image makes the disk, the disk boots up to
blindbox-init with the PCRs that were said beforehand, and a disk with one byte changed does not."""

import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import machine

sys.path.insert(0, str(machine.ROOT / "tests/cli"))
import images  # noqa: E402

BINARY = pathlib.Path(os.environ.get("BLINDBOX_BINARY", machine.ROOT / "build/release/apps/blindbox"))
NEEDED = ("cpio", "ldd", "mcopy", "mkfs.vfat", "mksquashfs", "modinfo", "objcopy", "qemu-img", "sfdisk",
          "veritysetup")
PLATFORMS = ("gcp-snp", "aws-snp", "azure-cvm")
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
        for platform in PLATFORMS:
            cls.blindbox("deploy", "hello", "--image", "images.example.com/hello", "--platform", platform, "--dry-run",
                         "--out", platform, "--env", "GREETING=it's me")
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
        self.build(self.home / "gcp-snp")
        serial = machine.boot(self.home, disk=self.home / "gcp-snp/disk.raw")
        self.assertIn("blindbox-init", serial[-4000:])
        self.assertNotIn("is not the one that was measured", serial)

    def test_a_link_of_the_image_leads_root_nowhere(self):
        folder = self.home / "link"
        shutil.copytree(self.home / "gcp-snp", folder)
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

    def test_what_is_missing_is_named(self):
        # Of those in /usr/bin: the recipe looks into /usr/sbin by itself.
        for tool, package in (("mksquashfs", "squashfs-tools"), ("cpio", "cpio"), ("mcopy", "mtools")):
            tools = self.home / f"without-{tool}"
            tools.mkdir()
            for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", BINARY.parent):
                for name in os.listdir(folder):
                    if name != tool and not os.path.lexists(tools / name):
                        (tools / name).symlink_to(pathlib.Path(folder) / name)
            ran = subprocess.run(["bash", self.home / "gcp-snp/build-image", *map(str, self.arguments())],
                                 env={**os.environ, "PATH": str(tools)}, capture_output=True, text=True)
            self.assertEqual(ran.returncode, 1, ran)
            self.assertIn(f"error: {tool} is not installed", ran.stderr)
            self.assertIn(f"apt-get install {package}\n", ran.stderr)

    def look(self, platform):
        """The same recipe over an image whose blindbox-init is the script above: the folder, and what was said of it."""
        folder = self.home / f"look-{platform}"
        shutil.copytree(self.home / platform, folder, ignore=shutil.ignore_patterns("disk.*", "blindbox.efi"))
        script = (folder / "build-image").read_text()
        (self.home / "look-init").write_bytes(LOOK)
        anchor = 'ln -sfT ../run/resolv.conf'
        changed = script.replace(anchor, f'install -m 755 {self.home}/look-init "$work/root/.blindbox/init"\n{anchor}')
        self.assertNotEqual(script, changed)
        (folder / "build-image").write_text(changed)
        return folder, self.build(folder)

    def boots_as_said(self, said, disk, attached, interface):
        serial = machine.boot(self.home, disk=disk, attached=attached)
        for index, value in re.findall(r"pcr (\d+) ([0-9A-F]{64}) end", serial):
            self.assertRegex(said, rf"pcr {index} +{value.lower()}")
        self.assertEqual(len(re.findall(r"pcr \d+ [0-9A-F]{64} end", serial)), 4, serial[-2000:])
        self.assertIn(f"started with --platform {interface} as GREETING=it's me", serial)
        self.assertIn("Read-only file system", serial)

    def does_not_boot(self, disk, attached, change):
        """change names one byte of the root's partition, from what it holds."""
        table = json.loads(self.run_in("sfdisk", "--json", disk).stdout)["partitiontable"]["partitions"][1]
        contents = bytearray(disk.read_bytes())
        begin = table["start"] * 512
        contents[begin + change(contents[begin:begin + table["size"] * 512])] ^= 1
        disk.write_bytes(contents)
        serial = machine.boot(self.home, disk=disk, attached=attached)
        self.assertNotIn("started with", serial)
        self.assertNotIn("pcr 11", serial)

    def modules_of(self, folder):
        """What the initial file system loads, in its order."""
        self.run_in("objcopy", "-O", "binary", "--only-section=.initrd", folder / "blindbox.efi", folder / "initrd")
        with open(folder / "initrd", "rb") as archive:
            listed = subprocess.run([machine.program("cpio"), "--quiet", "-i", "--to-stdout", "modules/order"], stdin=archive,
                                    capture_output=True, text=True, check=True)
        return listed.stdout.split()

    def test_google(self):
        folder, said = self.look("gcp-snp")
        efi = (folder / "blindbox.efi").read_bytes()
        self.assertEqual(self.build(folder), said)
        self.assertEqual((folder / "blindbox.efi").read_bytes(), efi, "the same again")
        order = self.modules_of(folder)
        self.assertEqual({"virtio_scsi", "sd_mod", "virtio_net", "gve"} - set(order), set())
        self.boots_as_said(said, folder / "disk.raw", machine.VIRTIO_SCSI, "sev-guest")
        # The file system's own first block.
        self.does_not_boot(folder / "disk.raw", machine.VIRTIO_SCSI, lambda root: 20)

    def test_amazon(self):
        folder, said = self.look("aws-snp")
        self.assertIn("ena", self.modules_of(folder))
        self.boots_as_said(said, folder / "disk.raw", machine.NVME, "sev-guest")
        # In the middle of a program that has to run: it is read long after the root was opened and mounted.
        self.does_not_boot(folder / "disk.raw", machine.NVME, lambda root: struct.unpack_from("<Q", root, 40)[0] // 2)

    def test_azure(self):
        folder, said = self.look("azure-cvm")
        order = self.modules_of(folder)
        for first, then in (("hv_vmbus", "hv_storvsc"), ("hv_vmbus", "hv_netvsc"), ("hv_vmbus", "pci_hyperv")):
            self.assertLess(order.index(first), order.index(then))
        self.assertIn("sd_mod", order)
        # The disk as Azure takes it, by the line that "upload" has: a fixed VHD, whose data are whole MiB and behind which
        # one block says what it is (Microsoft, "Virtual Hard Disk Image Format Specification").
        line = next(line for line in (folder / "upload").read_text().splitlines() if line.startswith("qemu-img "))
        ran = self.run_in("sh", "-c", f"cd {folder} && {line}")
        self.assertEqual(ran.returncode, 0, ran)
        raw, vhd = (folder / "disk.raw").stat().st_size, (folder / "disk.vhd").read_bytes()
        footer = vhd[-512:]
        self.assertEqual((raw % 2**20, len(vhd), footer[:8]), (0, raw + 512, b"conectix"))
        self.assertEqual(struct.unpack_from(">QQ", footer, 40), (raw, raw))
        self.assertEqual(struct.unpack_from(">I", footer, 60)[0], 2, "fixed")
        self.assertEqual(vhd[:-512], (folder / "disk.raw").read_bytes())
        self.boots_as_said(said, folder / "disk.vhd", machine.NVME, "auto")
        # The tree of hashes itself.
        root_img = lambda root: (struct.unpack_from("<Q", root, 40)[0] + 4095) // 4096 * 4096 + 5  # noqa: E731
        self.does_not_boot(folder / "disk.raw", machine.NVME, root_img)


if __name__ == "__main__":
    unittest.main()
