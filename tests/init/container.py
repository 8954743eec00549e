# SPDX-License-Identifier: Apache-2.0
"""A wrapped image without an image builder: a root folder, a specification, and runc in one of the usual profiles."""

import copy
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness  # noqa: E402
import images  # noqa: E402

INIT = os.environ.get("BLINDBOX_INIT", str(harness.ROOT / "build/release/apps/init/blindbox-init"))
MOBY_FILTER = pathlib.Path("/usr/share/containers/seccomp.json")
DOCKER = ["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
          "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"]
SPECIFICATION = {
    "application": {"command": ["/bin/busybox", "httpd", "-f", "-p", "PORT", "-h", "/www"],
                    "environment": ["FROM_IMAGE=yes"], "stop_signal": "SIGTERM", "user": "web",
                    "working_directory": "/"},
    "egress": [], "environment_passed": [], "health": None,
    "limits": {"file_size": 1 << 30, "memory": 256 << 20, "open_files": 1024, "processes": 64},
    "minimum_tier": "namespaces", "output": "none", "platform": "azure-aci", "port": 8080, "restart": "on-failure",
    "schema": "blindbox/specification/v1", "tls_port": 8443, "writable": [{"path": "/data", "size": 1 << 20}]}


def why_not():
    """Why no container can be shown here, or nothing."""
    if os.geteuid() != 0:
        return "runc needs root here"
    for tool in ["runc", "busybox"]:
        if not shutil.which(tool):
            return f"there is no {tool}"
    if not pathlib.Path("/dev/fuse").exists():
        return "there is no /dev/fuse, so no emulated guest"
    if not os.access(INIT, os.X_OK):
        return f"there is no blindbox-init at {INIT}; name one with BLINDBOX_INIT"
    return None


def reserve():
    """A port that is free right now; the container shares this machine's network."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        return reserved.getsockname()[1]


def capabilities():
    """All that this machine gives, by name, as runc wants them."""
    text = subprocess.run(["capsh", "--print"], capture_output=True, text=True, check=True).stdout
    current = next(line for line in text.splitlines() if line.startswith("Bounding set"))
    return [name.strip().upper() for name in current.split("=", 1)[1].split(",")]


class Container:
    """Started by __init__; its standard error is in a file, its standard output too."""

    count = 0

    def __init__(self, stage, profile="azure", platform=None, environment=(), **changes):
        Container.count += 1
        self.id = f"bb-init-{os.getpid()}-{Container.count}"
        self.folder = stage.folder / self.id
        self.specification = copy.deepcopy(SPECIFICATION)
        self.specification["tls_port"] = reserve()
        self.specification["port"] = reserve()
        for key, value in changes.items():
            part = self.specification["application"] if key in self.specification["application"] else self.specification
            part[key] = value
        command = self.specification["application"]["command"]
        self.specification["application"]["command"] = [
            word.replace("PORT", str(self.specification["port"])) for word in command]
        self._fill_root()
        self._configure(profile, platform or "emulator:/guest", stage.folder / "guest", environment)
        self.url = f"https://127.0.0.1:{self.specification['tls_port']}"
        self._out = open(self.folder / "out", "wb")
        self._err = open(self.folder / "err", "wb")
        self.process = subprocess.Popen(["runc", "--root", self.folder / "state", "run", self.id], cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err)

    def _fill_root(self):
        root = self.folder / "rootfs"
        for name in ["bin", "www", "etc", ".blindbox", "proc", "dev", "sys", "tmp", "guest", "data"]:
            (root / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        (root / "www/index.html").write_text("hello from inside\n")
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/www:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\nweb:x:1000:\n")
        shutil.copy(INIT, root / ".blindbox/init")
        text = json.dumps(self.specification, sort_keys=True, separators=(",", ":"))
        (root / ".blindbox/specification.json").write_text(text)
        for folder in [self.folder, root]:
            folder.chmod(0o755)

    def _configure(self, profile, platform, guest, environment):
        subprocess.run(["runc", "spec"], cwd=self.folder, check=True)
        path = self.folder / "config.json"
        config = json.loads(path.read_text())
        process, linux = config["process"], config["linux"]
        privileged = profile == "privileged"
        names = capabilities() if privileged else ["CAP_" + name for name in DOCKER]
        if profile == "policy":
            names = images.POLICY_CAPABILITIES
        plain = profile.startswith("user")
        process.update(terminal=False, args=["/.blindbox/init", "--platform", platform],
                       env=["PATH=/bin", *environment], rlimits=[{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 4096}],
                       capabilities={} if plain else {kind: names for kind in ["bounding", "effective", "permitted"]})
        process["noNewPrivileges"] = profile == "policy"
        if plain:
            process["user"] = {"uid": 1000, "gid": 1000}
        config["root"] = {"path": "rootfs", "readonly": False}
        config["mounts"].append({"destination": "/guest", "type": "bind", "source": str(guest),
                                 "options": ["bind", "rw"]})
        linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "network"]
        if profile.endswith("moby"):
            linux["seccomp"] = moby_filter()
        if privileged:
            linux["maskedPaths"], linux["readonlyPaths"] = [], []
            for mount in config["mounts"]:
                if mount["destination"] == "/sys/fs/cgroup":
                    mount["options"] = [option for option in mount["options"] if option != "ro"]
        path.write_text(json.dumps(config))

    def errors(self):
        return (self.folder / "err").read_text(errors="replace")

    def output(self):
        return (self.folder / "out").read_bytes()

    def wait_for(self, text, times=1):
        """Until init has said so; what it says is in a file, which is looked at, not waited on."""
        due = time.monotonic() + harness.PATIENCE
        while self.errors().count(text) < times:
            if self.process.poll() is not None or time.monotonic() > due:
                raise AssertionError(f"no {text!r}; status {self.process.poll()}\n{self.errors()}")
            time.sleep(0.02)
        return self

    def ready(self, times=1):
        return self.wait_for("the application answers", times)

    def posture(self):
        line = next(line for line in self.errors().splitlines() if " posture {" in line)
        return json.loads(line[line.index("{"):])

    def outcome(self, step):
        return next(one for one in self.posture()["steps"] if one["name"] == step)["outcome"]

    def pids(self, word):
        """Processes of this container (host numbers) whose command line holds word."""
        found = []
        for pid in self.all_pids():
            try:
                if word.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
            except OSError:
                pass
        return found

    def all_pids(self):
        """Every descendant of runc's child, by the process tree."""
        pending, found = [self.process.pid], []
        while pending:
            pid = pending.pop()
            try:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    pending += map(int, (task / "children").read_text().split())
            except OSError:
                continue
            found.append(pid)
        return found[1:]

    def init(self):
        state = json.loads((self.folder / "state" / self.id / "state.json").read_text())
        return state["init_process_pid"]

    def stop(self):
        os.kill(self.init(), signal.SIGTERM)
        return self.wait()

    def wait(self):
        return self.process.wait(harness.PATIENCE)

    def discard(self):
        subprocess.run(["runc", "--root", self.folder / "state", "delete", "--force", self.id], check=False,
                       capture_output=True)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._out.close()
        self._err.close()


# What moby's default profile gives to CAP_SYS_ADMIN alone; containers-common, whose file this is made from, gives some of
# it to everybody.
ADMINISTRATION = {"bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
                  "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "pivot_root", "quotactl",
                  "setdomainname", "sethostname", "setns", "syslog", "umount", "umount2", "unshare"}
NEW_NAMESPACES = 0x7E020000


def moby_filter():
    """moby's default filter for a container without added capabilities, in the OCI form."""
    calls = [{"names": ["clone"], "action": "SCMP_ACT_ALLOW",
              "args": [{"index": 0, "value": NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
             {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
    for rule in json.loads(MOBY_FILTER.read_text())["syscalls"]:
        includes = rule.get("includes") or {}
        if rule["action"] != "SCMP_ACT_ALLOW" or includes.get("caps") or "amd64" not in includes.get("arches", ["amd64"]):
            continue
        names = [name for name in rule["names"] if name not in ADMINISTRATION]
        if names:
            calls.append({"names": names, "action": rule["action"], "args": rule.get("args") or []})
    return {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": calls}
