# SPDX-License-Identifier: Apache-2.0
"""Unified kernel images, and a machine that boots them: QEMU's software emulation, Debian's OVMF and swtpm.

Needs no root and no KVM. tools/fetch-boot-tools installs the programs and unpacks kernels and stubs into build/boot.
"""

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = pathlib.Path(os.environ.get("BLINDBOX_BOOT_TOOLS", ROOT / "build/boot"))
FIRMWARE = pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARIABLES = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
MISSING = 'not there: "make test-boot" installs it'


def program(name):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not found:
        raise unittest.SkipTest(f"{name} is {MISSING}")
    return found


def file(path):
    if not pathlib.Path(path).exists():
        raise unittest.SkipTest(f"{path} is {MISSING}")
    return pathlib.Path(path)


def kernel():
    """Debian's kernel for virtual machines: TPM, NVMe and ext4 are built in."""
    found = sorted(TOOLS.glob("kernel/boot/vmlinuz-*"))
    if not found:
        raise unittest.SkipTest(f"a kernel in {TOOLS} is {MISSING}")
    return found[-1]


def modules(*names):
    out = []
    for name in names:
        found = sorted(TOOLS.glob(f"kernel/lib/modules/*/kernel/**/{name}.ko"))
        if not found:
            raise unittest.SkipTest(f"the kernel's module {name} is {MISSING}")
        out.append(found[-1])
    return out


def stubs():
    """What of systemd's stubs is at hand, by the version that each names in itself."""
    out = {}
    for path in sorted(TOOLS.glob("stub-*/usr/lib/systemd/boot/efi/linuxx64.efi.stub")):
        marker = b"systemd-stub "
        text = path.read_bytes()
        at = text.find(marker)
        if at >= 0:
            out[text[at + len(marker):].split(b" ")[0].decode()] = path
    if not out:
        raise unittest.SkipTest(f"a systemd stub in {TOOLS} is {MISSING}")
    return out


def cpio(entries):
    """An initial file system in the format "newc": {path: bytes, or (mode, bytes, major, minor)}."""
    out = bytearray()
    for number, (path, entry) in enumerate([*entries.items(), ("TRAILER!!!", (0, b"", 0, 0))], 1):
        mode, contents, major, minor = (0o100755, entry, 0, 0) if isinstance(entry, bytes) else entry
        name = path.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(contents), 0, 0, major, minor, len(name), 0]
        out += b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name
        out += bytes(-len(out) % 4) + contents
        out += bytes(-len(out) % 4)
    return bytes(out)


def initrd(script, files=()):
    """busybox and a script as process 1."""
    folder = (0o040755, b"", 0, 0)
    entries = {"bin": folder, "dev": folder, "proc": folder, "sys": folder, "lib": folder, "new": folder,
               "dev/console": (0o020600, b"", 5, 1),
               "bin/busybox": pathlib.Path(program("busybox")).read_bytes(),
               "init": b"#!/bin/busybox sh\n" + script.encode()}
    entries.update(files)
    return cpio(entries)


def unified(stub, sections, out):
    """Adds sections to a stub, in their order and each at an address of its own. Contents with no bytes are kept."""
    with tempfile.TemporaryDirectory() as folder:
        headers = subprocess.run([program("objdump"), "-h", stub], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in headers.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
        address = max(int(row[3], 16) + int(row[2], 16) for row in rows)
        arguments = []
        for number, (name, contents) in enumerate(sections):
            piece = pathlib.Path(folder) / str(number)
            piece.write_bytes(contents or b"\0")
            address = (address + 0xFFFF) // 0x10000 * 0x10000
            arguments += ["--add-section", f"{name}={piece}", "--change-section-vma", f"{name}={address:#x}"]
            address += max(len(contents), 1)
        subprocess.run([program("objcopy"), *arguments, stub, out], check=True, capture_output=True)
    empty = {name for name, contents in sections if not contents}
    image = bytearray(out.read_bytes())
    pe = struct.unpack_from("<I", image, 60)[0]
    count, optional = struct.unpack_from("<H", image, pe + 6)[0], struct.unpack_from("<H", image, pe + 20)[0]
    for row in range(count):
        at = pe + 24 + optional + 40 * row
        if image[at:at + 8].rstrip(b"\0").decode() in empty:
            struct.pack_into("<I", image, at + 8, 0)
    out.write_bytes(image)
    return out


# How a disk hangs on the machine, as providers do it and QEMU can.
NVME = ("-device", "nvme,drive=disk,serial=blindbox")
VIRTIO_SCSI = ("-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk")


def boot(folder, image=None, disk=None, seconds=300, attached=NVME):
    """What the machine writes to its serial port until it goes off. image is put where firmware looks for one; disk is
    a whole disk's file in its place, raw or .vhd. A fresh TPM and fresh variables each time."""
    qemu, swtpm = program("qemu-system-x86_64"), program("swtpm")
    state = pathlib.Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(file(VARIABLES), state / "variables.fd")
    (state / "tpm").mkdir()
    tpm = subprocess.Popen([swtpm, "socket", "--tpm2", "--tpmstate", f"dir={state}/tpm", "--terminate",
                            "--ctrl", f"type=unixio,path={state}/tpm.sock", "--flags", "startup-clear"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if image:
        (state / "esp/EFI/BOOT").mkdir(parents=True)
        shutil.copy(image, state / "esp/EFI/BOOT/BOOTX64.EFI")
        drive = f"if=none,id=disk,format=raw,readonly=on,file=fat:{state}/esp"
    else:
        drive = f"if=none,id=disk,format={'vpc' if disk.suffix == '.vhd' else 'raw'},snapshot=on,file={disk}"
    command = [qemu, "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "1024", "-display", "none", "-vga", "none",
               "-nic", "none", "-no-reboot", "-nodefaults", "-serial", f"file:{state}/serial",
               "-drive", f"if=pflash,format=raw,readonly=on,file={file(FIRMWARE)}",
               "-drive", f"if=pflash,format=raw,file={state}/variables.fd",
               "-drive", drive, *attached,
               "-chardev", f"socket,id=tpm,path={state}/tpm.sock", "-tpmdev", "emulator,id=tpm,chardev=tpm",
               "-device", "tpm-crb,tpmdev=tpm"]
    try:
        while not (state / "tpm.sock").exists() and tpm.poll() is None:
            os.sched_yield()
        ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        ran = None
    finally:
        tpm.terminate()
        tpm.wait()
    serial = (state / "serial").read_text(errors="replace") if (state / "serial").exists() else ""
    if ran is None or ran.returncode:
        why = ran.stderr if ran else f"no end after {seconds} s"
        raise AssertionError(f"the machine failed: {why}\n{serial[-3000:]}")
    return serial
