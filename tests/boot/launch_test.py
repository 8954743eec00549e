# SPDX-License-Identifier: Apache-2.0
"""blindbox measure --launch-digest against sev-snp-measure (from PyPI), on firmware of many shapes. Both see the same files;
where that tool fails, blindbox must refuse. No machine is booted: hardware for it is not at hand."""

import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import uuid

import machine

BINARY = os.environ.get("BLINDBOX_BINARY", machine.ROOT / "build/release/apps/blindbox")
RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
SVSM = "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd"
METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"
VMMS = {"qemu": "QEMU", "ec2": "ec2", "gce": "gce"}
MODES = {"snp": "SEV_SNP", "snp:svsm": "SEV_SNP_SVSM", "sev-es": "SEV_ES", "sev": "SEV"}


def image(pages, entries, sections, more=b""):
    """Pages with a table at their end, and metadata 1024 bytes before it."""
    out = bytearray(i % 251 for i in range(pages * 4096))
    if sections is not None:
        entries = [*entries, (METADATA, 1024)]
        lines = b"".join(number.to_bytes(4, "little") for section in sections for number in section)
        header = b"ASEV" + b"".join(n.to_bytes(4, "little") for n in (16 + len(lines), 1, len(sections)))
        out[-1024:-1024 + len(header) + len(lines)] = header + lines
    table = b""
    for guid, value in entries:
        table = value.to_bytes(4, "little") + (22).to_bytes(2, "little") + uuid.UUID(guid).bytes_le + table
    table = more + table
    table += (len(table) + 18).to_bytes(2, "little") + uuid.UUID(FOOTER).bytes_le
    out[-32 - len(table):-32] = table
    return bytes(out)


FIRMWARE = image(3, [(RESET, 0x80b004), (HASHES, 0x10c00)],
                 [(0x800000, 0x3000, 1), (0x80a000, 0x1000, 2), (0x80b000, 0x1000, 3), (0x10000, 0x1000, 0x10)])
BELOW = image(2, [(SVSM, 0x40)], [(0x800000, 0x2000, 1), (0x802000, 0x1000, 2), (0x803000, 0x1000, 3)])


class Launch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for folder in sorted(machine.TOOLS.glob("python/lib/python*/site-packages")):
            sys.path.insert(0, str(folder))
        try:
            from sevsnpmeasure import guest, sev_mode, vcpu_types, vmm_types
        except ImportError as error:
            raise unittest.SkipTest(f"sev-snp-measure is {machine.MISSING}") from error
        cls.guest, cls.modes, cls.cpus, cls.vmms = guest, sev_mode.SevMode, vcpu_types, vmm_types.VMMType
        folder = tempfile.TemporaryDirectory(prefix="blindbox-launch-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def write(self, name, contents):
        (self.folder / name).write_bytes(contents)
        return self.folder / name

    def theirs(self, case):
        try:
            return self.guest.calc_launch_digest(
                self.modes[MODES[case["mode"]]], case["vcpus"], case["signature"], str(case["firmware"]), case.get("kernel"),
                case.get("initrd"), case.get("append"), case["features"], case.get("firmware_digest", ""),
                self.vmms[VMMS[case["hypervisor"]]], False, str(case.get("svsm", "")), case.get("vars", 0)).hex()
        except Exception as error:  # noqa: BLE001: whatever it fails by, it has no answer
            return error

    def ours(self, case):
        command = [BINARY, "measure", "--launch-digest", "--json", "--firmware", case["firmware"], "--mode", case["mode"],
                   "--hypervisor", case["hypervisor"], "--vcpus", str(case["vcpus"]), "--vcpu-signature",
                   str(case["signature"]), "--guest-features", str(case["features"])]
        for name in ("kernel", "initrd", "append", "svsm"):
            command += [f"--{name}", case[name]] if case.get(name) is not None else []
        command += ["--firmware-digest", case["firmware_digest"]] if case.get("firmware_digest") else []
        command += ["--vars-size", str(case["vars"])] if "vars" in case else []
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            self.assertIn(ran.returncode, (2, 3), ran)
            self.assertTrue(ran.stderr.startswith("blindbox: error: "), ran)
            return None
        return json.loads(ran.stdout)["launch_digest"]

    def compare(self, **case):
        case = {"mode": "snp", "hypervisor": "qemu", "vcpus": 1, "signature": 0xa00f11, "features": 1, **case}
        theirs, ours = self.theirs(case), self.ours(case)
        self.assertEqual(ours, None if isinstance(theirs, Exception) else theirs, (case, theirs))
        return ours

    def test_known(self):
        """What blindbox/measure/launch_digest_test.cc expects."""
        firmware, below = self.write("known.fd", FIRMWARE), self.write("known.svsm", BELOW)
        kernel = self.write("known.kernel", b"kernel")
        text = (machine.ROOT / "blindbox/measure/launch_digest_test.cc").read_text()
        self.assertIn(self.compare(firmware=firmware), text)
        self.assertIn(self.compare(firmware=firmware, vcpus=512, features=0x21, kernel=kernel, append="a b"), text)
        self.assertIn(self.compare(firmware=firmware, mode="snp:svsm", svsm=below, vars=0x84000), text)
        self.assertIn(self.compare(firmware=firmware, mode="snp:svsm", svsm=below, vars=0x84000, vcpus=300), text)

    def test_every_vcpu_type(self):
        for name, signature in self.cpus.CPU_SIGS.items():
            ran = subprocess.run([BINARY, "measure", "--launch-digest", "--json", "--firmware",
                                  self.write("cpu.fd", FIRMWARE), "--vcpu-type", name], capture_output=True, text=True)
            self.assertEqual(json.loads(ran.stdout)["launch_digest"],
                             self.compare(firmware=self.folder / "cpu.fd", signature=signature), name)

    def test_families(self):
        firmware = self.write("family.fd", FIRMWARE)
        for family, model, stepping in ((6, 143, 8), (15, 255, 15), (16, 0, 0), (23, 1, 2), (25, 160, 3), (26, 17, 1), (270, 3, 4)):
            ran = subprocess.run([BINARY, "measure", "--launch-digest", "--json", "--firmware", firmware, "--vcpu-family",
                                  str(family), "--vcpu-model", str(model), "--vcpu-stepping", str(stepping)],
                                 capture_output=True, text=True)
            self.assertEqual(json.loads(ran.stdout)["launch_digest"],
                             self.compare(firmware=firmware, signature=self.cpus.cpu_sig(family, model, stepping)))

    def test_every_combination(self):
        kernel, initrd = self.write("kernel", os.urandom(5000)), self.write("initrd", os.urandom(70001))
        empty = self.write("empty", b"")
        boots = ({}, {"kernel": kernel}, {"kernel": kernel, "initrd": initrd, "append": "console=ttyS0 ä"},
                 {"kernel": empty, "initrd": empty, "append": ""})
        firmwares = (FIRMWARE, image(2, [(RESET, 0x80b004)], [(0x1000, 0x1000, 3), (0x2000, 0x1000, 2), (0x3000, 0x2000, 1)]))
        for number, firmware in enumerate(firmwares):
            path = self.write(f"combined-{number}.fd", firmware)
            for mode, hypervisor, boot in itertools.product(("snp", "sev-es", "sev"), VMMS, boots):
                self.compare(firmware=path, mode=mode, hypervisor=hypervisor, vcpus=3, features=0x2f, **boot)

    def test_counts_and_features(self):
        firmware = self.write("count.fd", FIRMWARE)
        for vcpus, hypervisor in itertools.product((1, 2, 3, 64, 255, 256, 511, 512), VMMS):
            self.compare(firmware=firmware, vcpus=vcpus, hypervisor=hypervisor, mode="sev-es")
            self.compare(firmware=firmware, vcpus=vcpus, hypervisor=hypervisor)
        for features in (0, 1, 0x21, 0x2f, 0xffff, 2**32, 2**63, 2**64 - 1):
            self.compare(firmware=firmware, features=features)

    def test_the_firmwares_own_digest(self):
        firmware = self.write("own.fd", FIRMWARE)
        other = bytearray(FIRMWARE)
        other[100:200] = bytes(100)
        ran = subprocess.run([BINARY, "measure", "--launch-digest", "--json", "--firmware", firmware],
                             capture_output=True, text=True)
        own = json.loads(ran.stdout)["firmware_digest"]
        self.assertEqual(own, self.guest.calc_snp_ovmf_hash(str(firmware)).hex())
        self.assertEqual(self.compare(firmware=self.write("other.fd", bytes(other)), firmware_digest=own),
                         self.compare(firmware=firmware))
        self.compare(firmware=firmware, firmware_digest=own, mode="sev-es")

    def test_under_an_svsm(self):
        firmware = self.write("above.fd", FIRMWARE)
        shapes = (BELOW, image(1, [(SVSM, 0)], []), image(40, [(SVSM, 0x27000), (RESET, 5)], [(0x5000, 0x8000, 4), (0, 0x1000, 0x10)]),
                  image(2, [(SVSM, 0xffffffff)], None), image(2, [(RESET, 1)], []), image(2, [(SVSM, 1)], [(0, 0x1000, 7)]),
                  BELOW[:-32], b"")
        for number, shape in enumerate(shapes):
            below = self.write(f"svsm-{number}", shape)
            for vcpus, variables in ((1, 0x84000), (2, 0x1000), (257, 0x84000)):
                self.compare(firmware=firmware, mode="snp:svsm", svsm=below, vars=variables, vcpus=vcpus)
        below = self.write("svsm", BELOW)
        for hypervisor in ("ec2", "gce"):
            self.assertIsNone(self.compare(firmware=firmware, mode="snp:svsm", svsm=below, vars=0x1000, hypervisor=hypervisor))
        variables = self.write("variables", bytes(0x84000))
        ran = subprocess.run([BINARY, "measure", "--launch-digest", "--json", "--firmware", firmware, "--mode", "snp:svsm",
                              "--svsm", below, "--vars-file", variables], capture_output=True, text=True)
        self.assertEqual(json.loads(ran.stdout)["launch_digest"],
                         self.compare(firmware=firmware, mode="snp:svsm", svsm=below, vars=0x84000,
                                      signature=self.cpus.CPU_SIGS["EPYC-v4"]))

    def test_debians_firmware(self):
        found = sorted(pathlib.Path("/usr/share/OVMF").glob("OVMF_CODE*.fd")) + sorted(pathlib.Path("/usr/share/ovmf").glob("*.fd"))
        if not found:
            self.skipTest(f"OVMF is {machine.MISSING}")
        for firmware, mode in itertools.product(found, ("snp", "sev-es", "sev")):
            self.compare(firmware=firmware, mode=mode, vcpus=2)

    def test_damaged_firmware(self):
        """Whatever both have an answer to, they agree on; blindbox may refuse what the other takes."""
        dice = random.Random(4)
        answers = 0
        for number in range(150):
            damaged = bytearray(FIRMWARE)
            for _ in range(dice.randint(1, 3)):
                at = dice.choice((dice.randint(1, 32 + 18 + 3 * 22), 1024 - dice.randint(0, 63), dice.randint(1, len(damaged))))
                damaged[-at] = dice.choice((0, 1, 0x10, 0xff, damaged[-at] ^ 1))
            path = self.write("damaged.fd", bytes(damaged[:dice.choice((len(damaged), len(damaged), 4096, 100, 8191))]))
            case = {"mode": dice.choice(("snp", "sev-es", "sev")), "hypervisor": "qemu", "vcpus": 2, "signature": 1,
                    "features": 1, "firmware": path}
            # A section of gigabytes would take the other tool minutes.
            ours = self.ours(case)
            if ours is None:
                continue
            self.assertEqual(ours, self.theirs(case), number)
            answers += 1
        self.assertGreater(answers, 10)


if __name__ == "__main__":
    unittest.main()
