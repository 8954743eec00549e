# SPDX-License-Identifier: Apache-2.0
"""What a real API server makes of everything that blindbox deploy renders for Kubernetes: admission, strict fields, the
levels of the Pod Security Standards. A warning of the server's is a failure here."""

import json
import os
import re
import subprocess
import unittest

import control_plane
import rendered

CHART_VALUES = ((), ("autoscaling.enabled=true",), ("service.type=ClusterIP", "replicas=9", "autoscaling.maxReplicas=9",
                                                    "autoscaling.enabled=true"))
RUNTIME_CLASSES = ("kata-qemu-snp", "kata-qemu-tdx", "kata-remote", "kata-qemu-coco-dev")


class ApiServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.helm_tool = control_plane.tool("helm")
        cls.cluster = control_plane.ControlPlane()
        cls.addClassCleanup(cls.cluster.close)
        cls.rendered = rendered.Rendered()
        cls.addClassCleanup(cls.rendered.close)

    def setUp(self):
        self.space = self.cluster.namespace(self.id().rsplit(".", 1)[1].replace("_", "-")[:60].strip("-"))

    def helm(self, *arguments, code=0):
        ran = subprocess.run([self.helm_tool, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                             env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)})
        self.assertEqual(ran.returncode, code, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr

    def template(self, folder, values=(), name="blindbox"):
        sets = [word for value in values for word in ("--set", value)]
        return self.helm("template", name, folder / "helm", "--namespace", self.space, *sets)

    def apply(self, text, *more, code=0):
        return self.cluster.kubectl("--namespace", self.space, "--warnings-as-errors", "apply", "--validate=strict", *more,
                                    "--filename", "-", text=text, code=code)

    def test_a_dry_run_of_everything(self):
        for platform in rendered.PLATFORMS:
            folder = self.rendered.render(platform)
            for text in ((folder / "kubernetes.yaml").read_text(), *(self.template(folder, v) for v in CHART_VALUES)):
                kinds = text.count("\nkind: ")
                for how in ("--server-side", "--server-side=false"):
                    with self.subTest(platform=platform, how=how):
                        said = self.apply(text, "--dry-run=server", how)
                        self.assertEqual(said.count("(server dry run)"), kinds, said)
                        self.assertGreaterEqual(kinds, 4)

    def test_the_judge_is_strict(self):
        text = (self.rendered.render("kubernetes") / "kubernetes.yaml").read_text()
        variable = text[text.index('            - name: "GREETING"'):text.index("          securityContext:")]
        for change, sentence in ((text.replace(variable, 2 * variable), "1 warning received"),
                                 (text.replace("terminationGracePeriodSeconds", "graceSeconds"), "unknown field"),
                                 (text.replace("      targetPort: 8443", "      targetPort: 84430"), "must be between 1 and 65535")):
            self.assertIn(sentence, self.apply(change, "--dry-run=server", code=1))

    def test_chart_and_manifests_are_one_to_the_server(self):
        """Once the manifests are there, the chart changes nothing but what Helm labels: kubectl diff says so."""
        for platform in rendered.PLATFORMS:
            folder = self.rendered.render(platform, "--name", platform)
            self.apply((folder / "kubernetes.yaml").read_text())
            self.assertEqual(self.cluster.kubectl("--namespace", self.space, "diff", "--filename", "-",
                                                  text=self.template(folder, name=platform)), "")
            # The comparison sees a difference where there is one.
            self.cluster.kubectl("--namespace", self.space, "diff", "--filename", "-", code=1,
                                 text=self.template(folder, ("cpu=3",), name=platform))

    def pods(self, folder):
        """The pods that the deployment would make, as requests of their own: admission judges pods, not templates."""
        for resource in self.stored(folder):
            if resource["kind"] == "Deployment":
                template = resource["spec"]["template"]
                return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "a-pod"},
                        "spec": template["spec"]}
        raise AssertionError("there is no deployment")

    def stored(self, folder):
        """The resources of a folder's manifests as the server understands them."""
        return json.loads(self.apply((folder / "kubernetes.yaml").read_text(), "--dry-run=server", "--output",
                                     "json"))["items"]

    def test_pods_under_pod_security(self):
        strict = self.cluster.namespace("restricted", "restricted")
        for name in RUNTIME_CLASSES:
            self.cluster.kubectl("apply", "--filename", "-", text=json.dumps(
                {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name}))
        choices = [("kubernetes",), ("aks-virtual-nodes",)] + [("coco", "--runtime-class", name) for name in RUNTIME_CLASSES]
        for platform, *more in choices:
            with self.subTest(platform=platform, more=more):
                pod = json.dumps(self.pods(self.rendered.render(platform, *more)))
                self.apply(pod, "--dry-run=server")
                refused = self.cluster.kubectl("--namespace", strict, "apply", "--dry-run=server", "--filename", "-", text=pod,
                                               code=1)
                # All that "restricted" holds against them (docs/deploy-kubernetes.md says why).
                reasons = re.findall(r'(?:"restricted:latest":|\),) ([A-Za-z !=]+) \(', refused)
                self.assertEqual(reasons, ["unrestricted capabilities", "runAsNonRoot != true", "seccompProfile"], refused)

    def test_a_runtime_class_must_exist(self):
        pod = self.pods(self.rendered.render("coco", "--runtime-class", "kata-nowhere"))
        self.assertIn('RuntimeClass "kata-nowhere" not found', self.apply(json.dumps(pod), "--dry-run=server", code=1))

    def test_values_reach_the_process_as_they_were_given(self):
        folder = self.rendered.render("kubernetes")
        chart = json.loads(self.apply(self.template(folder), "--dry-run=server", "--output", "json"))["items"]
        for resources in (self.stored(folder), chart):
            deployment = next(resource for resource in resources if resource["kind"] == "Deployment")
            (variable,) = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
            expanded = control_plane.run(control_plane.tool("expand"), input=json.dumps([variable["value"], "$(KNOWN)"]))
            self.assertEqual(json.loads(expanded), [rendered.GREETING, "a value"])

    def test_extremes(self):
        name = "a" + 38 * "b" + "9"
        folder = self.rendered.render("kubernetes", "--name", name, "--replicas", "50", "--cpu", "128", "--memory", "4096")
        self.apply((folder / "kubernetes.yaml").read_text())
        self.apply(self.template(folder, ("autoscaling.enabled=true",), name=name))

    def test_initdata_of_the_greatest_length(self):
        """What blindbox lets through fits into annotations, into kubectl's copy of them and into Helm's record."""
        def write(size):
            lines = "".join(f'"{os.urandom(32).hex()}" = "x"\n' for _ in range(size // 71))
            (self.rendered.folder / "long.toml").write_text(f'algorithm = "sha256"\nversion = "0.1.0"\n[data]\n{lines}')
        write(600_000)
        out = self.rendered.folder / "long"
        ran = self.rendered.run(*self.rendered.arguments("coco", out, "--dry-run", "--initdata", "long.toml"))
        self.assertEqual(ran.returncode, 11, ran)
        self.assertIn("too long for a pod's annotation", ran.stderr)
        self.assertFalse(out.exists())
        size, folder = 360_000, None
        while folder is None:  # the longest that it takes, nearly
            self.assertGreater(size, 300_000, ran)
            write(size)
            ran = self.rendered.run(*self.rendered.arguments("coco", out, "--dry-run", "--initdata", "long.toml"))
            folder = out if ran.returncode == 0 else None
            size -= 5_000
        annotation = self.pods(folder)["metadata"]["annotations"]["io.katacontainers.config.hypervisor.cc_init_data"]
        self.assertGreater(len(annotation), 190_000)
        self.apply((folder / "kubernetes.yaml").read_text())
        self.apply((folder / "kubernetes.yaml").read_text())
        self.helm("upgrade", "--install", "--namespace", self.space, "long", folder / "helm")

    def test_releases_that_name_no_service(self):
        folder = self.rendered.render("kubernetes")
        said = self.helm("template", "a.b", folder / "helm", code=1)
        self.assertIn('the release\'s name "a.b" names no Service', said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
