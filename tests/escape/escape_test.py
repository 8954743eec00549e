# SPDX-License-Identifier: Apache-2.0
"""Every known way out, tried behind the sandbox's walls: in containers of five profiles, and of podman's and Docker's own."""

import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "init"))
import container  # noqa: E402

SUITE = os.environ.get("BLINDBOX_ESCAPE", str(container.harness.ROOT / "build/dev/tests/escape/escape-suite"))
PATIENCE = 120

# Profile: user of the container, capabilities, moby's filter. "azure" is what Azure's container instances look like.
PROFILES = {"user-moby": (1000, [], True), "docker": (0, container.DOCKER, True), "user": (1000, [], False),
            "azure": (0, container.DOCKER, False), "privileged": (0, None, False)}
TIERS = ["filtered", "namespaces", "confined"]

# Of what every kernel that runs containers has: in the privileged profile these get out when nothing holds them.
MUST_ESCAPE_BARE = {
    "tcp.connect", "tcp.connect_mapped", "tcp.fast_open", "udp.send", "raw.open", "packet.open", "tcp.listen_unbound",
    "tcp.bind_other", "unix.abstract", "unix.path", "netlink.change", "init.trace", "init.read_memory", "init.signal",
    "init.take_descriptor", "proc.init.environ", "proc.init.memory", "proc.init.descriptors", "proc.sys.write",
    "device.make_character", "namespaces.unshare.user", "namespaces.clone.network", "namespaces.clone3.mount",
    "mount.new", "mount.fsopen", "chroot", "files.create", "files.overwrite", "identity.user", "capabilities.hold",
    "capabilities.regain"}

# What gets out although it should not, with what each waits for: docs/isolation.md, "What is not promised". Each holds for
# the posture that it names and for no better one.
KNOWN = {
    "tcp.listen_unbound": ("network_namespace", False, "listen() without bind() opens a port past Landlock"),
    "proc.init.command_line": ("root", False, "the container's /proc shows command lines; init's holds no secret"),
    "proc.kernel.read": ("root", True, "user 0 reads the container's /proc/kpagecount"),
    "files.change_mode": ("root", True, "Landlock does not see chmod, and user 0 owns the image's files"),
    "quota.memory": ("control_groups", False, "nothing else counts the memory of all processes together"),
    "quota.processes": ("control_groups", True, "RLIMIT_NPROC does not count user 0's"),
    "unix.path": (None, False, "a socket in what the runtime mounts into the container; no step hides it yet"),
}


def is_known(name, posture, root):
    """Whether this one may get out: its step was not granted (None: whatever was granted), for user 0 alone or for all."""
    if name not in KNOWN:
        return False
    step, root_alone, _ = KNOWN[name]
    granted = any(one["name"] == step and one["outcome"] == "granted" for one in posture["steps"])
    return not granted and (root or not root_alone)


def why_not():
    if os.geteuid() != 0:
        return "runc needs root here"
    for tool in ["runc", "busybox", "capsh"]:
        if not shutil.which(tool):
            return f"there is no {tool}"
    if not container.MOBY_FILTER.exists():
        return f"there is no {container.MOBY_FILTER}"
    if not os.access(SUITE, os.X_OK):
        return f"there is no escape-suite at {SUITE}; name one with BLINDBOX_ESCAPE"
    return None


class Image:
    """One root folder for all: the suite, a place to write, and a program that changes who runs it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bb-escape-"))
        self.folder.chmod(0o755)
        root = self.folder / "rootfs"
        for name in ["bin", "etc", ".blindbox", "proc", "dev", "sys", "tmp", "data", "outside", "usr/bin"]:
            (root / name).mkdir(parents=True)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)
        for name in ["tmp", "data", "outside"]:
            (root / name).chmod(0o777)
        shutil.copy(SUITE, root / ".blindbox/init")
        shutil.copy(shutil.which("busybox"), root / "usr/bin/su")
        (root / "usr/bin/su").chmod(0o4755)
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\nweb:x:1000:\n")
        (root / ".blindbox/specification.json").write_text("{}")
        self._count = 0

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, profile, *arguments):
        """What the suite printed, in a container of the profile that shares this machine's network."""
        self._count += 1
        bundle = self.folder / f"bundle{self._count}"
        bundle.mkdir()
        subprocess.run(["runc", "spec"], cwd=bundle, check=True)
        (bundle / "config.json").write_text(json.dumps(self._configure(bundle, profile, arguments)))
        name = f"bb-escape-{os.getpid()}-{self._count}"
        try:
            ran = subprocess.run(["runc", "--root", bundle / "state", "run", name], cwd=bundle, capture_output=True,
                                 stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        finally:
            subprocess.run(["runc", "--root", bundle / "state", "delete", "--force", name], capture_output=True,
                           check=False)
        return ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")

    def _configure(self, bundle, profile, arguments):
        user, names, filtered = PROFILES[profile]
        config = json.loads((bundle / "config.json").read_text())
        process, linux = config["process"], config["linux"]
        held = container.capabilities() if names is None else ["CAP_" + name for name in names]
        process.update(terminal=False, args=["/.blindbox/init", *arguments], env=["PATH=/bin"], noNewPrivileges=False,
                       capabilities={kind: held for kind in ["bounding", "effective", "permitted"]},
                       user={"uid": user, "gid": user},
                       rlimits=[{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 4096}])
        config["root"] = {"path": str(self.folder / "rootfs"), "readonly": False}
        config["mounts"].append({"destination": "/outside", "type": "tmpfs", "source": "none", "options": ["mode=1777"]})
        linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "network"]
        if filtered:
            linux["seccomp"] = container.moby_filter()
        if names is None:
            linux["maskedPaths"], linux["readonlyPaths"] = [], []
            for mount in config["mounts"]:
                mount["options"] = [option for option in mount.get("options", []) if option != "ro"]
        return config


SHARED = ["run", "--rm", "--network", "host", "--tmpfs", "/outside:mode=1777", "--ulimit", "nofile=1024:1024"]


class Podman:
    def __init__(self, image):
        self.image = image

    def run(self, options, *command):
        return subprocess.run(["podman", "--runtime", "runc", *SHARED, "--ulimit", "nproc=4096:4096", *options, "--rootfs",
                               str(self.image.folder / "rootfs"), *command], capture_output=True, timeout=PATIENCE,
                              check=False, stdin=subprocess.DEVNULL)


class Docker:
    """A daemon of its own, without a bridge and without rules in the machine's firewall."""

    def __init__(self, image):
        self.image, self.folder = image, pathlib.Path(tempfile.mkdtemp(prefix="bb-docker-"))
        self.host = f"unix://{self.folder}/socket"

    def __enter__(self):
        self.log = open(self.folder / "log", "wb")
        self.daemon = subprocess.Popen(
            ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false", "--data-root",
             self.folder / "data", "--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid", "-H", self.host],
            stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self._wait()
            archive = subprocess.run(["tar", "-C", self.image.folder / "rootfs", "-c", "."], capture_output=True, check=True)
            self._docker("import", "-", "escape", input=archive.stdout, check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait(PATIENCE)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self):
        """Until it says so itself."""
        due = time.monotonic() + PATIENCE
        while b"API listen on" not in (self.folder / "log").read_bytes():
            if self.daemon.poll() is not None or time.monotonic() > due:
                raise unittest.SkipTest("dockerd does not run here: " +
                                        (self.folder / "log").read_text(errors="replace")[-500:])
            select.select([], [], [], 0.05)

    def _docker(self, *arguments, **options):
        return subprocess.run(["docker", "-H", self.host, *arguments], capture_output=True, timeout=PATIENCE, **options)

    def run(self, options, *command):
        return self._docker(*SHARED, *options, "escape", *command, check=False, stdin=subprocess.DEVNULL)


class Escape(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image = Image()

    @classmethod
    def tearDownClass(cls):
        cls.image.close()

    def attempts(self, profile, *arguments):
        code, out, err = self.image.run(profile, *arguments)
        self.assertIn(code, (0, 5), f"{profile} {arguments}: {err}")
        told = json.loads(out)
        return told["posture"], {one["id"]: one for one in told["report"]["attempts"]}

    def test_the_attempts_get_out_where_nothing_holds_them(self):
        _, attempts = self.attempts("privileged", "bare")
        held = {name: attempts[name]["detail"] for name in MUST_ESCAPE_BARE if attempts[name]["outcome"] != "escaped"}
        self.assertEqual(held, {})

    def judge(self, posture, attempts, root):
        escaped = {name: one["detail"] for name, one in attempts.items()
                   if one["outcome"] == "escaped" and not is_known(name, posture, root)}
        self.assertEqual(escaped, {}, f"posture {posture['tier']}")
        self.assertGreater(sum(one["outcome"] == "blocked" for one in attempts.values()), 100)

    def hold(self, profile):
        # With moby's filter every run ends up in the weakest tier.
        for tier in TIERS[-1:] if PROFILES[profile][2] else TIERS:
            for user in ["", "1000"]:
                with self.subTest(profile=profile, tier=tier, user=user or "the image's"):
                    # Without a network namespace the sandbox refuses an egress list, as it must.
                    network = tier != "filtered" and not PROFILES[profile][2]
                    posture, attempts = self.attempts(profile, "sandboxed", tier, user, "3128" if network else "0")
                    self.judge(posture, attempts, PROFILES[profile][0] == 0 and user == "")

    def hold_in(self, engine):
        """As the engine runs containers by itself, without its filter, and with all privileges."""
        for options, tier in [([], "filtered"), (["--security-opt", "seccomp=unconfined"], "namespaces"),
                              (["--privileged"], "confined")]:
            for user in ["", "1000"]:
                with self.subTest(options=options, user=user or "the image's"):
                    ran = engine.run(options, "/.blindbox/init", "sandboxed", "confined", user, "0")
                    if ran.returncode == 125 and "--privileged" in options and b"unable to apply caps" in ran.stderr:
                        print("not tried: this machine lacks capabilities that a privileged container has")
                        continue
                    self.assertIn(ran.returncode, (0, 5), ran.stderr.decode(errors="replace"))
                    told = json.loads(ran.stdout)
                    self.assertGreaterEqual(TIERS.index(told["posture"]["tier"]), TIERS.index(tier))
                    self.judge(told["posture"], {one["id"]: one for one in told["report"]["attempts"]}, user == "")

    @unittest.skipUnless(shutil.which("podman"), "there is no podman")
    def test_nothing_gets_out_of_podman(self):
        self.hold_in(Podman(self.image))

    @unittest.skipUnless(shutil.which("dockerd") and shutil.which("docker"), "there is no dockerd")
    def test_nothing_gets_out_of_docker(self):
        with Docker(self.image) as docker:
            self.hold_in(docker)


for name in PROFILES:
    setattr(Escape, "test_nothing_gets_out_" + name.replace("-", "_"), lambda self, profile=name: self.hold(profile))

if __name__ == "__main__":
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
