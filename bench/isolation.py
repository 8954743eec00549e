# SPDX-License-Identifier: Apache-2.0
"""What the layers around an application cost: the same attested gateway and the same application, inside a container
under blindbox-init and without any layer, in turns. Throughput, start, size and idle memory."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/init"), str(ROOT / "tests/cli")]
import container  # noqa: E402
import harness  # noqa: E402
import images  # noqa: E402

TOOLS = pathlib.Path(os.environ["BLINDBOX_BENCH_TOOLS"])
APPLICATION, GATEWAY, LOAD = (str(TOOLS / name) for name in ["isolation_application", "isolation_gateway",
                                                             "isolation_load"])
STARTS = 9
MEASUREMENT = "ab" * 48
PLAIN = "without layers"


class Sealed(container.Container):
    """The application under blindbox-init; the container's first output is when blindbox-init was executed."""

    name = "under blindbox-init"

    def __init__(self, stage, profile):
        super().__init__(stage, profile, command=["/bin/application", "serve", "PORT"])
        self.port = self.specification["tls_port"]

    def _fill_root(self):
        super()._fill_root()
        shutil.copy(APPLICATION, self.folder / "rootfs/bin/application")

    def _configure(self, profile, platform, guest, environment):
        super()._configure(profile, platform, guest, environment)
        path = self.folder / "config.json"
        path.write_text(path.read_text().replace('"args": [', '"args": ["/bin/application", "exec", ', 1))

    def executed(self):
        return int(self.output().split(b"\n")[0])

    def processes(self):
        return [pid for pid in self.all_pids() if pid != self.process.pid]

    def settle(self):
        """Until the escape attempts of the start are over: theirs are processes that end."""
        seen, patience = None, time.monotonic() + harness.PATIENCE
        while seen != (seen := self.processes()) and time.monotonic() < patience:
            time.sleep(1)


class Plain:
    """The same two programs beside each other."""

    name = PLAIN

    def __init__(self, stage, number):
        self.port, application = container.reserve(), container.reserve()
        self._group = None
        self._stamp = stage.folder / f"plain-{number}"
        with open(self._stamp, "wb") as out:
            self._processes = [
                subprocess.Popen([APPLICATION, "exec", GATEWAY, f"emulator:{stage.folder / 'guest'}", str(self.port),
                                  str(application)], stdout=out),
                subprocess.Popen([APPLICATION, "serve", str(application)])]

    def executed(self):
        return int(self._stamp.read_bytes().split(b"\n")[0])

    def processes(self):
        return [process.pid for process in self._processes]

    def share_like(self, sealed):
        """A control group of its own beside the container's: on a busy machine a group gets as much as another, however
        many work in it."""
        for entry in pathlib.Path(f"/proc/{sealed.init()}/cgroup").read_text().splitlines():
            _, controllers, path = entry.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            beside = (pathlib.Path("/sys/fs/cgroup", controllers, path.lstrip("/"))).parent
            if path != "/" and (beside / "cgroup.procs").exists():
                self._group = beside / f"bb-bench-{os.getpid()}"
                self._group.mkdir()
                for pid in self.processes():
                    (self._group / "cgroup.procs").write_text(str(pid))
                return

    def stop(self):
        for process in self._processes:
            process.terminate()
            process.wait(harness.PATIENCE)
        if self._group:
            self._group.rmdir()
            self._group = None

    discard = stop


def policy(stage, emulator):
    fingerprint = emulator.ready.rsplit(" ", 1)[1].rstrip(")")
    return stage.write("policy.yml", f"""\
version: 1
sev_snp:
  products:
    Milan:
      minimum_tcb: {{bootloader: 0, tee: 0, snp: 0, microcode: 0}}
  measurements:
    - "{MEASUREMENT}"
manifest:
  model_sha256:
    - "{'00' * 32}"
  isolation_postures: [namespaces, confined]
unsafe:
  trust_emulator: "{fingerprint}"
""")


def line(what, value, unit, limit):
    print(f"{what}: {value:.1f} {unit} (target at most {limit}, {'reached' if value <= limit else 'MISSED'})", flush=True)


def first_answer(policy_file, make):
    """Milliseconds from exec to the first answer; the client looks every millisecond, attestation included."""
    made = make()
    try:
        client = subprocess.run([LOAD, "first", policy_file, str(made.port)], capture_output=True, text=True,
                                check=False, timeout=harness.PATIENCE)
        if client.returncode:
            sys.exit(client.stderr + (made.errors() if isinstance(made, Sealed) else ""))
        return (int(client.stdout) - made.executed()) / 1e6
    finally:
        made.stop()
        made.discard()


def measure_start(stage, policy_file):
    plain, sealed = [], []
    for i in range(STARTS):
        plain.append(first_answer(policy_file, lambda i=i: Plain(stage, i)))
        sealed.append(first_answer(policy_file, lambda: Sealed(stage, "azure")))
    print(f"from exec to the first answer that a client has verified, medians of {STARTS} in turns")
    print(f"  {PLAIN} {statistics.median(plain):.1f} ms, {Sealed.name} {statistics.median(sealed):.1f} ms")
    line("start under blindbox-init beyond the same without layers",
         statistics.median(sealed) - statistics.median(plain), "ms", 50)


def measure_load(stage, policy_file, made):
    made += [Plain(stage, "load"), Sealed(stage, "azure"), Sealed(stage, "privileged")]
    names = [PLAIN]
    for one in made[1:]:
        one.ready()
        one.settle()
        names.append(f"{one.posture()['tier']} tier")
    made[0].share_like(made[1])
    subprocess.run([LOAD, "load", policy_file,
                    *(f"{name}:{one.port}:{','.join(map(str, one.processes()))}" for name, one in zip(names, made))],
                   check=True)


def measure_memory(sealed):
    print("resident memory after that load, idle")
    for what, pid in [("blindbox-init", sealed.init()), ("its gateway", sealed.pids("gateway")[0])]:
        line(f"  {what}", harness.resident_kib(pid) * 1024 / 1e6, "MB", 16)


def measure_size(stage):
    archive = images.docker_archive(stage.folder / "app.tar", [images.layer_of({"a": b""})], Entrypoint=["/a"],
                                    ExposedPorts={"80/tcp": {}})
    stage.write("blindbox.yml", "platform: azure-aci\n")
    built = stage.run("build", "--source-image", f"docker-archive:{archive}", "--tag", f"oci:{stage.folder}/out:a",
                      "--init", container.INIT)
    if built.code:
        sys.exit(built.err)
    added = images.Layout(stage.folder / "out").manifest["layers"][-1]["size"]
    print(f"the layer that wrapping adds: {added / 1e6:.1f} MB as it is stored")
    line("  blindbox-init", os.path.getsize(container.INIT) / 1e6, "MB", 15)


def main():
    reason = container.why_not()
    if reason:
        print(f"SKIPPED: {reason}")
        return
    stage, made = harness.Stage(), []
    try:
        stage.folder.chmod(0o755)
        policy_file = policy(stage, stage.emulator("guest", "--measurement", MEASUREMENT))
        measure_size(stage)
        measure_start(stage, policy_file)
        measure_load(stage, policy_file, made)
        measure_memory(made[1])
    finally:
        for one in made:
            one.discard()
        stage.close()


if __name__ == "__main__":
    main()
