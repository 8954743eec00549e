# SPDX-License-Identifier: Apache-2.0
"""Runs a program that a model wrote: no network, no other process, no file but the interpreter's, a small /tmp of its own,
bounds on time, memory and output. bubblewrap makes the walls; a seccomp filter keeps it alone in them."""

import os
import platform
import resource
import shutil
import struct
import subprocess
import tempfile
import typing

PYTHON = "/usr/bin/python3"
OUTPUT = 1 << 20  # bytes that it may print, and that any file of its may have

# linux/audit.h; syscalls by which a program would be more than one, speak to more than its files, or hold memory that its
# bounds do not count.
ARCHITECTURES = {
    "x86_64": (0xC000003E, {"clone": 56, "fork": 57, "vfork": 58, "clone3": 435, "socket": 41, "ptrace": 101, "mount": 165,
                            "unshare": 272, "setns": 308, "bpf": 321, "userfaultfd": 323, "keyctl": 250, "add_key": 248,
                            "perf_event_open": 298, "io_uring_setup": 425, "shmget": 29, "msgget": 68,
                            "mq_open": 240}),
    "aarch64": (0xC00000B7, {"clone": 220, "clone3": 435, "socket": 198, "ptrace": 117, "mount": 40, "unshare": 97,
                             "setns": 268, "bpf": 280, "userfaultfd": 282, "keyctl": 219, "add_key": 217,
                             "perf_event_open": 241, "io_uring_setup": 425, "shmget": 194, "msgget": 186,
                             "mq_open": 180}),
}
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050001, 0x80000000  # linux/seccomp.h; refused as EPERM


class Missing(Exception):
    """There is no sandbox here: nothing is run."""


class Limits(typing.NamedTuple):
    cpu: int = 5  # seconds
    wall: float = 60.0  # seconds; far above cpu, for machines that do other things
    memory: int = 512 << 20  # bytes of address space


class Ran(typing.NamedTuple):
    outcome: str  # "ended", or what ended it: "timeout", "memory", "output", "failed"
    code: int
    out: str


def seccomp_filter(machine=None):
    """The filter as bytes of struct sock_filter."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise Missing(f"no filter of system calls is known for {machine}")
    arch, refused = ARCHITECTURES[machine]
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (0x06, 0, 0, KILL), (0x20, 0, 0, 0)]
    if machine == "x86_64":  # the x32 numbers would go round the list
        code += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, KILL)]
    for number in refused.values():
        code += [(0x15, 0, 1, number), (0x06, 0, 0, REFUSE)]
    return b"".join(struct.pack("=HBBI", *one) for one in code + [(0x06, 0, 0, ALLOW)])


def command(filter_fd):
    walls = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--uid", "65534", "--gid",
             "65534", "--hostname", "nowhere", "--clearenv", "--setenv", "PATH", "/usr/bin", "--setenv", "LC_ALL", "C.UTF-8",
             "--ro-bind", "/usr", "/usr", "--dev", "/dev", "--remount-ro", "/dev", "--size", str(16 << 20), "--tmpfs", "/tmp",
             "--chdir", "/tmp", "--seccomp", str(filter_fd)]
    for name in ("bin", "lib", "lib64"):
        if os.path.islink("/" + name):
            walls += ["--symlink", "usr/" + name, "/" + name]
        elif os.path.isdir("/" + name):
            walls += ["--ro-bind", "/" + name, "/" + name]
    # The root cannot be written either: what is left is the small /tmp. There is no /proc, for whoever is root outside owns
    # files there.
    return walls + ["--remount-ro", "/", PYTHON, "-I", "-S", "-B", "-"]


def bound(limits):
    """In the child, before bubblewrap: it inherits to the program, which cannot raise any of it."""
    for name, most in ((resource.RLIMIT_CPU, limits.cpu), (resource.RLIMIT_AS, limits.memory),
                       (resource.RLIMIT_FSIZE, OUTPUT), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(name, (most, most))


def run(program, limits=Limits()):
    """Runs Python source. What it prints goes to files, which RLIMIT_FSIZE bounds: nothing of it is held in memory."""
    with (tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as code,
          tempfile.TemporaryFile() as rules):
        code.write(program.encode("utf-8", "replace"))
        code.seek(0)
        rules.write(seccomp_filter())
        rules.seek(0)
        with subprocess.Popen(command(rules.fileno()), stdin=code, stdout=out, stderr=errors,
                              pass_fds=(rules.fileno(),), preexec_fn=lambda: bound(limits)) as process:
            try:
                process.wait(limits.wall)
                outcome = None
            except subprocess.TimeoutExpired:
                process.kill()  # and with it all within: --die-with-parent
                process.wait()
                outcome = "timeout"
        out.seek(0)
        errors.seek(0)
        text = out.read(OUTPUT).decode("utf-8", "replace")
        return Ran(outcome or outcome_of(process.returncode, errors.read(OUTPUT)), process.returncode, text)


def outcome_of(code, said):
    # 128 and the signal, as bubblewrap tells of its child; 137 is SIGKILL, which the processor's hard limit sends.
    if code in (128 + 24, 128 + 9, -24, -9):
        return "timeout"
    if code in (128 + 25, -25) or b"File too large" in said:
        return "output"
    if b"MemoryError" in said:
        return "memory"
    return "ended" if code == 0 else "failed"


def require():
    """Missing where no sandbox stands here: found out by running something in one."""
    if not shutil.which("bwrap"):
        raise Missing("there is no bwrap here (Debian: apt-get install bubblewrap)")
    if not os.access(PYTHON, os.X_OK):
        raise Missing(f"there is no {PYTHON} here, which is what programs are run with")
    ran = run("print('within')")
    if ran.outcome != "ended" or ran.out != "within\n":
        raise Missing(f"bwrap does not run here ({ran.outcome}, status {ran.code}): it needs user namespaces or root")
