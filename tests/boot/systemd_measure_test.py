# SPDX-License-Identifier: Apache-2.0
"""blindbox measure --uki against systemd-measure, which computes PCR 11 of sections and not of an image: random sections of
odd sizes in random order, after every phase of the boot. No machine is booted."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import machine

BINARY = os.environ.get("BLINDBOX_BINARY", machine.ROOT / "build/release/apps/blindbox")
TOOL = pathlib.Path("/usr/lib/systemd/systemd-measure")
# What systemd-measure of Debian 12 and its stub know.
MAY_BE = ("osrel", "cmdline", "initrd", "splash", "dtb", "pcrpkey")
PHASES = ("enter-initrd", "leave-initrd", "sysinit", "ready")


class SystemdMeasure(unittest.TestCase):
    def test_sections_in_any_order(self):
        machine.file(TOOL)
        stub = next((path for version, path in machine.stubs().items() if version.startswith("252.")), None)
        if not stub:
            self.skipTest(f"systemd's stub 252 is {machine.MISSING}")
        dice = random.Random(11)
        with tempfile.TemporaryDirectory(prefix="blindbox-measure-") as name:
            folder = pathlib.Path(name)
            for number in range(12):
                names = ["linux", *dice.sample(MAY_BE, dice.randint(0, len(MAY_BE)))]
                dice.shuffle(names)
                sections, arguments = [], []
                for section in names:
                    contents = dice.randbytes(dice.choice((1, 511, 512, 513, 4095, 4096, 4097, 65537, dice.randint(1, 300000))))
                    (folder / section).write_bytes(contents)
                    sections.append((f".{section}", contents))
                    arguments.append(f"--{section}={folder / section}")
                # What the stub does not measure, and what nobody knows.
                sections.insert(dice.randint(0, len(sections)), (dice.choice((".pcrsig", ".blind")), b"not measured"))
                image = machine.unified(stub, sections, folder / "image.efi")
                ours = json.loads(subprocess.run([BINARY, "measure", "--uki", image, "--json"], check=True,
                                                 capture_output=True).stdout)["uki"]
                until = ":".join(PHASES[:number % 4 + 1])
                ran = subprocess.run([TOOL, "calculate", "--bank=sha256", "--json=short", f"--phase={until}", *arguments],
                                     capture_output=True, text=True)
                self.assertEqual(ran.returncode, 0, ran)
                theirs = [entry["hash"] for entry in json.loads(ran.stdout)["sha256"]]
                self.assertEqual(theirs, [ours["phases"][PHASES[number % 4]]], (names, until))


if __name__ == "__main__":
    unittest.main()
