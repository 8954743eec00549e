# SPDX-License-Identifier: Apache-2.0
"""What others make of what blindbox deploy renders: Helm, Kubernetes' schemas, and the framework by which Azure's guests
enforce a container policy, evaluated by Open Policy Agent. tests/cluster asks a real API server.

"make test-cluster" fetches these into build/cluster; a test whose tool is missing is skipped and says so.
"""

import gzip
import base64
import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import images

TOOLS = pathlib.Path(os.environ.get("BLINDBOX_CLUSTER_TOOLS", harness.ROOT / "build/cluster"))


def tool(name):
    found = shutil.which(name, path=f"{TOOLS}:{os.environ['PATH']}")
    if not found:
        raise unittest.SkipTest(f"{name} is not installed: \"make test-cluster\" fetches it")
    return found


def module(name):
    for folder in TOOLS.glob("venv/lib/python*/site-packages"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if not importlib.util.find_spec(name):
        raise unittest.SkipTest(f"the Python module {name} is not installed: \"make test-cluster\" fetches it")
    return importlib.import_module(name)


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-cluster-"))
        cls.addClassCleanup(shutil.rmtree, cls.home)
        images.docker_archive(cls.home / "app.tar", [images.layer_of({"bin/server": b"#!/bin/sh\n"})],
                              Entrypoint=["/bin/server"], ExposedPorts={"8000/tcp": {}})
        (cls.home / "blindbox.yml").write_text("platform: azure-aci\nenvironment: [GREETING]\n"
                                               "egress: [api.example.com:443, other.example.com:443, 9.9.9.9:5432]\n")
        (cls.home / "initdata.toml").write_text('algorithm = "sha256"\nversion = "0.1.0"\n')
        cls.blindbox("build", "--source-image", "docker-archive:app.tar", "--tag", "hello")

    @classmethod
    def blindbox(cls, *arguments):
        ran = subprocess.run([harness.BINARY, *map(str, arguments)], capture_output=True, timeout=120, cwd=cls.home,
                             env={**os.environ, "BLINDBOX_STORE": str(cls.home / "store")})
        if ran.returncode:
            raise AssertionError(ran.stderr.decode())
        return ran.stdout.decode()

    def render(self, platform, *more):
        out = self.home / f"{self._testMethodName}-{platform}"
        if platform == "coco":
            more += ("--initdata", "initdata.toml")
        self.blindbox("deploy", "hello", "--image", "images.example.com/team/hello", "--platform", platform, "--dry-run",
                      "--out", out, "--env", 'GREETING=a "b" {{ c }} \\', *more)
        return out

    def manifests(self, text):
        return [document for document in module("yaml").safe_load_all(text) if document]

    def helm(self, chart, *more, code=0, name="blindbox"):
        ran = subprocess.run([tool("helm"), "template", name, chart, *more], capture_output=True, timeout=60)
        self.assertEqual(ran.returncode, code, ran.stderr.decode())
        return ran.stdout.decode() if code == 0 else ran.stderr.decode()

    def test_the_chart_is_the_manifests(self):
        def ordered(documents):
            return sorted(documents, key=lambda document: document["kind"])
        for platform in ("kubernetes", "aks-virtual-nodes", "coco"):
            out = self.render(platform)
            lint = subprocess.run([tool("helm"), "lint", "--strict", out / "helm"], capture_output=True, timeout=60)
            self.assertEqual(lint.returncode, 0, lint.stdout.decode())
            self.assertEqual(ordered(self.manifests(self.helm(out / "helm"))),
                             ordered(self.manifests((out / "kubernetes.yaml").read_text())), platform)

    def test_the_chart_fails_with_a_sentence(self):
        out = self.render("aks-virtual-nodes")
        self.assertIn("ccePolicy is empty: the enclave would take any container",
                      self.helm(out / "helm", "--set", "ccePolicy=", code=1))
        for values, sentence in (
                (["image=hello:latest"], 'image "hello:latest" is not named by its digest'),
                (["ccePolicy=null"], "ccePolicy is empty: the enclave would take any container"),
                (["ccePolicy=not base64"], "ccePolicy is no base64"),
                (["platform=other"], "value must be one of 'plain', 'virtual-nodes', 'confidential'"),
                (["replicas=0"], "at '/replicas': minimum: got 0, want 1"),
                (["replica=3"], "additional properties 'replica' not allowed"),
                (["tlsPort=x"], "at '/tlsPort': got string, want integer"),
                (["autoscaling.enabled=true", "replicas=9"], "autoscaling.maxReplicas is 8, and replicas, the least number of"
                 " pods, is 9"), (["autoscaling=null"], "missing property 'autoscaling'")):
            said = self.helm(out / "helm", *(word for value in values for word in ("--set", value)), code=1)
            self.assertIn(sentence, said)
        out = self.render("coco")
        self.assertIn("initdata is empty", self.helm(out / "helm", "--set", "initdata=", code=1))
        self.assertIn("runtimeClassName is empty", self.helm(out / "helm", "--set", "runtimeClassName=", code=1))
        self.assertIn('runtimeClassName "Kata SNP" is no name of Kubernetes\'',
                      self.helm(out / "helm", "--set", "runtimeClassName=Kata SNP", code=1))
        self.assertIn("initdata is no base64", self.helm(out / "helm", "--set", "initdata=not base64", code=1))

    def test_kubernetes_schemas(self):
        validate = module("kubernetes_validate")
        out = self.render("aks-virtual-nodes")
        documents = self.manifests(self.helm(out / "helm", "--set", "autoscaling.enabled=true"))
        documents += self.manifests((out / "kubernetes.yaml").read_text())
        self.assertIn("HorizontalPodAutoscaler", [document["kind"] for document in documents])
        for document in documents:
            validate.validate(document, validate.latest_version(), strict=True)

    def test_what_the_pods_are(self):
        def pod(platform):
            documents = self.manifests((self.render(platform) / "kubernetes.yaml").read_text())
            return {document["kind"]: document for document in documents}
        node = pod("aks-virtual-nodes")
        template = node["Deployment"]["spec"]["template"]
        policy = base64.b64decode(template["metadata"]["annotations"]["microsoft.containerinstance.virtualnode.ccepolicy"])
        self.assertIn(b"/dev/termination-log", policy)
        self.assertEqual(template["spec"]["nodeSelector"], {"virtualization": "virtualnode2"})
        self.assertEqual(template["spec"]["tolerations"][0]["key"], "virtual-kubelet.io/provider")
        self.assertEqual(node["Service"]["spec"]["ports"][0]["port"], 8443)
        self.assertEqual(template["spec"]["containers"][0]["env"], [{"name": "GREETING", "value": 'a "b" {{ c }} \\'}])
        template = pod("coco")["Deployment"]["spec"]["template"]
        self.assertEqual(template["spec"]["runtimeClassName"], "kata-qemu-snp")
        annotation = template["metadata"]["annotations"]["io.katacontainers.config.hypervisor.cc_init_data"]
        self.assertEqual(gzip.decompress(base64.b64decode(annotation)), (self.home / "initdata.toml").read_bytes())
        plain = pod("kubernetes")["Deployment"]["spec"]["template"]
        self.assertNotIn("annotations", plain["metadata"])
        egress = pod("kubernetes")["NetworkPolicy"]["spec"]["egress"]
        self.assertEqual(egress[0]["to"][0]["ipBlock"]["cidr"], "9.9.9.9/32")
        self.assertEqual([rule["ports"][0]["port"] for rule in egress], [5432, 443, 53])

    def decide(self, policy, point, question, containers):
        folder = self.home / "rego"
        folder.mkdir(exist_ok=True)
        module_folder = self.framework()
        framework = (module_folder / "framework.rego").read_text().replace(
            "@@FRAMEWORK_VERSION@@", (module_folder / "version_framework").read_text().strip())
        (folder / "framework.rego").write_text(framework)
        (folder / "policy.rego").write_bytes(policy)
        # What the agent keeps and adds (securitypolicyenforcer_rego.go); the overlay of the image is mounted by now.
        (folder / "data.json").write_text(json.dumps({
            "metadata": {"matches": {"c": containers}, "devices": {}}, "sandboxPrefix": "sandbox://", "hugePagesPrefix":
            "hugepages://", "plan9Prefix": "plan9://", "defaultMounts": [], "privilegedMounts": []}))
        ran = subprocess.run([tool("opa"), "eval", "--data", folder, "--stdin-input", "--format", "raw",
                              f"data.policy.{point}.allowed"], input=json.dumps(question).encode(), capture_output=True, timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stdout.decode() + ran.stderr.decode())
        return ran.stdout.strip() == b"true"

    def framework(self):
        """The folder of the Go module that holds it: Azure's own guest agent."""
        go = tool("go")
        ran = subprocess.run([go, "mod", "download", "-json", "github.com/Microsoft/hcsshim@v0.13.0"], capture_output=True,
                             timeout=200, env={**os.environ, "GOPROXY": os.environ.get("BLINDBOX_GOPROXY", "off")})
        if ran.returncode:
            raise unittest.SkipTest("hcsshim is not in Go's module cache: \"make test-cluster\" fetches it")
        return pathlib.Path(json.loads(ran.stdout)["Dir"]) / "pkg/securitypolicy"

    def test_the_policy_takes_this_container_and_no_other(self):
        tool("opa")
        self.blindbox("measure", "hello", "--write-container-policy", self.home / "policy.rego")
        policy = (self.home / "policy.rego").read_bytes()
        line = next(line for line in policy.decode().splitlines() if line.startswith("containers := "))
        containers = json.loads(line.removeprefix("containers := "))
        capabilities = containers[0]["capabilities"]
        asked = {"containerID": "c", "argList": ["/.blindbox/init"], "workingDir": "/", "sandboxDir": "/sandbox",
                 "hugePagesDir": "/hugepages", "noNewPrivileges": True, "privileged": False, "umask": "0022",
                 "seccompProfileSHA256": "", "user": {"id": "0", "name": "root"}, "groups": [{"id": "0", "name": "root"}],
                 "capabilities": capabilities, "envList": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                                           "TERM=xterm", "HOSTNAME=h", "GREETING=hello"],
                 "mounts": [{"destination": "/etc/resolv.conf", "type": "bind", "options": ["rbind", "rshared", "rw"],
                             "source": "/sandbox/tmp/atlas/resolvconf/x"}]}
        self.assertTrue(self.decide(policy, "create_container", asked, containers))
        more = dict(capabilities, bounding=capabilities["bounding"] + ["CAP_SYS_ADMIN"])
        for change in ({"argList": ["/bin/sh"]}, {"workingDir": "/tmp"}, {"noNewPrivileges": False}, {"privileged": True},
                       {"user": {"id": "1", "name": "x"}}, {"envList": asked["envList"] + ["LD_PRELOAD=/x"]},
                       {"mounts": asked["mounts"] + [dict(asked["mounts"][0], destination="/.blindbox")]},
                       {"mounts": [dict(asked["mounts"][0], source="/sandbox/tmp/atlas/emptydir/x")]}):
            self.assertFalse(self.decide(policy, "create_container", {**asked, **change}, containers), change)
        # The host asks for Docker's set; what is not listed is taken away, and the container starts.
        self.assertTrue(self.decide(policy, "create_container", {**asked, "capabilities": more}, containers))
        for point, question in (("exec_in_container", {"containerID": "c", "argList": ["/bin/sh"], "envList": [], "workingDir": "/"}),
                                ("exec_external", {"argList": ["/bin/sh"], "envList": [], "workingDir": "/"}),
                                ("dump_stacks", {}), ("get_properties", {}), ("runtime_logging", {}),
                                ("mount_device", {"target": "/x", "deviceHash": hashlib.sha256(b"").hexdigest()})):
            self.assertFalse(self.decide(policy, point, question, containers), point)
        self.assertTrue(self.decide(policy, "mount_device", {"target": "/x", "deviceHash": containers[0]["layers"][0]}, containers))


if __name__ == "__main__":
    harness.main(fuse=False)
