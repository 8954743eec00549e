# SPDX-License-Identifier: Apache-2.0
"""blindbox deploy: what it renders, what lint finds, and what it has az do (a stand-in that writes down its arguments)."""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness
import images

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/puller"
AZ = """#!/bin/sh
printf '%s\\n' "$*" >>"$RECORD"
case "$1 $2" in
  "account show") [ -z "$LOGGED_OUT" ] || { echo "please run az login" >&2; exit 1; } ;;
  "container show") cat "$ANSWER" ;;
  "container logs") echo "a line" ;;
esac
"""
ECHO = "#!/bin/sh\nprintf '%s %s\\n' \"${0##*/}\" \"$*\" >>\"$RECORD\"\n"


class Deploy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-deploy-"))
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.tools = cls.home / "bin"
        cls.tools.mkdir()
        images.docker_archive(cls.home / "app.tar", [images.layer_of({"bin/server": b"#!/bin/sh\n"})],
                              Entrypoint=["/bin/server"], ExposedPorts={"8000/tcp": {}})
        (cls.home / "blindbox.yml").write_text("platform: azure-aci\nenvironment: [GREETING]\n"
                                               "egress: [api.example.com:443, 9.9.9.9:5432]\n")
        for tag in ("hello", "images.example.com/team/hello:1"):
            cls.blindbox("build", "--source-image", "docker-archive:app.tar", "--tag", tag)

    @classmethod
    def run_blindbox(cls, *arguments, **environment):
        ran = subprocess.run([harness.BINARY, *map(str, arguments)], capture_output=True, timeout=120, cwd=cls.home,
                             env={**os.environ, "BLINDBOX_STORE": str(cls.home / "store"), "PATH": str(cls.tools),
                                  "RECORD": str(cls.home / "record"), "ANSWER": str(cls.home / "answer"), **environment})
        return harness.Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    @classmethod
    def blindbox(cls, *arguments, **environment):
        ran = cls.run_blindbox(*arguments, **environment)
        if ran.code != 0:
            raise AssertionError(f"{arguments}: {ran}")
        return ran.out

    def setUp(self):
        self.out = self.home / self._testMethodName
        (self.home / "record").unlink(missing_ok=True)
        for tool in self.tools.iterdir():
            tool.unlink()

    def tool(self, name, text=ECHO):
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def recorded(self):
        return (self.home / "record").read_text().splitlines()

    def render(self, platform="azure-aci", *more):
        self.blindbox("deploy", "hello", "--image", "images.example.com/team/hello", "--platform", platform, "--dry-run",
                      "--out", self.out, *more)
        return self.out

    def template(self):
        return json.loads((self.render("azure-aci", "--env", "GREETING=hi ${x} '[y]\\") / "template.json").read_text())

    def lint(self, change, *texts, code=5, image="hello"):
        template = self.template()
        group = template["resources"][0]
        change(group["properties"], group)
        (self.out / "template.json").write_text(json.dumps(template))
        ran = self.run_blindbox("deploy", "lint", self.out / "template.json", *(("--image", image) if image else ()))
        self.assertEqual((ran.code, ran.err), (code, ""), ran)
        for text in texts:
            self.assertIn(text, ran.out)
        return ran.out

    def refused(self, code, text, *arguments, **environment):
        ran = self.run_blindbox(*arguments, **environment)
        self.assertEqual(ran.code, code, ran)
        self.assertIn(text, ran.err)

    def test_the_template(self):
        template = self.template()
        group = template["resources"][0]
        properties = group["properties"]
        measured = json.loads(self.blindbox("measure", "hello", "--json"))["image"]
        policy = base64.b64decode(properties["confidentialComputeProperties"]["ccePolicy"])
        self.assertEqual(hashlib.sha256(policy).hexdigest(), measured["host_data"])
        self.assertEqual((self.out / "container-policy.rego").read_bytes(), policy)
        self.assertEqual(properties["sku"], "Confidential")
        self.assertEqual(properties["restartPolicy"], "OnFailure")
        self.assertEqual(properties["ipAddress"]["ports"], [{"protocol": "TCP", "port": 8443}])
        self.assertEqual(properties["imageRegistryCredentials"],
                         [{"server": "images.example.com", "identity": "[parameters('identityId')]"}])
        self.assertEqual(list(group["identity"]["userAssignedIdentities"]), ["[parameters('identityId')]"])
        (container,) = properties["containers"]
        self.assertEqual(container["properties"]["image"], "images.example.com/team/hello@" + measured["digest"])
        self.assertEqual(container["properties"]["command"], ["/.blindbox/init"])
        self.assertEqual(container["properties"]["securityContext"],
                         {"privileged": False, "allowPrivilegeEscalation": False})
        self.assertEqual(container["properties"]["environmentVariables"], [{"name": "GREETING", "value": "hi ${x} '[y]\\"}])
        self.assertNotIn("password", json.dumps(template))
        self.assertIn(r"value: 'hi \${x} \'[y]\\'", (self.out / "main.bicep").read_text())
        self.assertIn('value = "hi $${x} \'[y]\\\\"', (self.out / "main.tf").read_text())
        for name in ("main.bicep", "main.tf"):
            self.assertIn(measured["digest"], (self.out / name).read_text())

    def test_terraform_reads_it(self):
        terraform = shutil.which("terraform")
        if not terraform:
            self.skipTest("terraform is not installed: nothing read main.tf")
        self.template()
        ran = subprocess.run([terraform, "fmt", "-check", "-diff", self.out / "main.tf"], capture_output=True, timeout=60,
                             env={**os.environ, "CHECKPOINT_DISABLE": "1"})
        self.assertEqual(ran.returncode, 0, ran.stdout.decode() + ran.stderr.decode())

    def test_a_tag_that_names_its_registry(self):
        out = self.blindbox("deploy", "images.example.com/team/hello:1", "--dry-run", "--out", self.out)
        self.assertIn("images.example.com/team/hello@sha256:", out)
        self.refused(2, "names no registry", "deploy", "hello", "--dry-run", "--out", self.out)

    def test_lint_of_what_it_renders(self):
        self.assertIn("nothing to remark", self.lint(lambda properties, group: None, code=0))
        self.assertIn("nothing to remark", self.blindbox("deploy", "lint", self.out, "--image", "hello"))

    def test_lint_tells_how_to_mend(self):
        def container(change):
            return lambda properties, group: change(properties["containers"][0]["properties"])

        def policy(change):
            def edit(properties, group):
                (self.out / "container-policy.rego").unlink()
                text = base64.b64decode(properties["confidentialComputeProperties"]["ccePolicy"]).decode()
                properties["confidentialComputeProperties"]["ccePolicy"] = base64.b64encode(change(text).encode()).decode()
            return edit

        self.lint(lambda properties, group: properties.pop("sku"), "there is no SKU")
        self.lint(lambda properties, group: properties.update(sku="Standard"), "the SKU is Standard")
        self.lint(lambda properties, group: properties["confidentialComputeProperties"].update(ccePolicy=""), "policy is empty")
        self.lint(lambda properties, group: properties.update(imageRegistryCredentials=[{"server": "r", "password": "p"}]),
                  "password stands in the file")
        self.lint(lambda properties, group: properties["ipAddress"]["ports"].append({"protocol": "UDP", "port": 53}),
                  "warning", "2 ports are public", "UDP 53", code=0)
        self.lint(container(lambda c: c.update(image="images.example.com/team/hello:1")), "named by a tag", "@sha256:")
        self.lint(container(lambda c: c.update(image="r.example.com/x@sha256:" + 64 * "0")), "another image than the one given")
        self.lint(container(lambda c: c["securityContext"].update(privileged=True)), "it is privileged")
        self.lint(container(lambda c: c.pop("securityContext")), "no new privileges")
        self.lint(container(lambda c: c.update(command=["/bin/sh"])), "no container with this command", "/.blindbox/init")
        self.lint(container(lambda c: c.update(volumeMounts=[{"name": "v", "mountPath": "/data"}])), "refuses a mount at /data")
        self.lint(container(lambda c: c["environmentVariables"].append({"name": "DEBUG", "value": "1"})), "DEBUG",
                  "list it under \"environment\"")
        self.lint(container(lambda c: c["environmentVariables"].append({"name": "TOKEN", "secureValue": "x"})), "TOKEN")
        self.lint(container(lambda c: c.update(livenessProbe={"exec": {"command": ["/bin/true"]}})), "a probe runs a program")
        self.lint(policy(lambda text: text.replace('"HOSTNAME=.+"', '"HOST=.+"')), "HOSTNAME", "set by the platform")
        self.lint(policy(lambda text: "package policy\n\nmount_device := {\"allowed\": true}\n"), "lists no containers")
        self.lint(policy(lambda text: text.replace("allow_dump_stacks := false", "allow_dump_stacks := true")),
                  "warning", "allow_dump_stacks is on", code=0)
        self.lint(policy(lambda text: text.replace("/etc/resolv.conf", "/etc/other")), "/etc/resolv.conf")

        def turn(text):
            head, line = text.split("containers := ", 1)
            line, tail = line.split("\n", 1)
            containers = json.loads(line)
            containers[0]["layers"].reverse()
            return head + "containers := " + json.dumps(containers) + "\n" + tail
        self.lint(policy(turn), "in another order")
        self.lint(policy(lambda text: text.replace('"layers":["', '"layers":["00')), "not of this image", "tar archives")

    def test_lint_of_a_policy_beside(self):
        self.template()
        (self.out / "container-policy.rego").write_text("package policy\n")
        ran = self.run_blindbox("deploy", "lint", self.out)
        self.assertEqual(ran.code, 5)
        self.assertIn("not the policy that", ran.out)

    def test_lint_of_strangers(self):
        for text, code, what in (("", 2, "runs no container"), ("{", 3, "no JSON"), ('{"resources": 1}', 2, "runs no container"),
                                 ('{"a": 1, "a": 2}', 3, "twice"), ("a: [", 3, "file"), ("kind: Service\n", 2, "runs no container"),
                                 ("[" * 100000, 3, ""), ('{"resources": [{"type": "Microsoft.ContainerInstance/containerGroups"}]}', 5, "")):
            (self.home / "file.json").write_text(text)
            ran = self.run_blindbox("deploy", "lint", self.home / "file.json")
            self.assertEqual(ran.code, code, (text[:40], ran))
            self.assertIn(what, ran.err)

    def test_lint_of_what_it_cannot_judge(self):
        folder = self.home / "strange"
        for name in ("chart/templates", "bicep", "terraform/module", "mixed/chart", "mixed/below"):
            (folder / name).mkdir(parents=True)
        (folder / "chart/Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 0.1.0\n")
        (folder / "chart/values.yaml").write_text("a: 1\n")
        (folder / "chart/templates/pod.yaml").write_text("kind: Pod\nspec:\n  {{- range .Values.x }}\n  a: 1\n  {{- end }}\n")
        (folder / "chart/templates/quoted.yaml").write_text('kind: "{{ .Values.kind }}"\n')
        (folder / "bicep/Main.BICEP").write_text("resource g 'Microsoft.ContainerInstance/containerGroups@2023-05-01' = {}\n")
        (folder / "terraform/module/main.tf").write_text('resource "azurerm_container_group" "g" {}\n')
        (folder / "terraform/x.tf.json").write_text("{}")
        sources = "lint reads ARM templates (JSON) and Kubernetes manifests (YAML)"
        for path, code, what in (("chart", 2, "is a Helm chart"), ("chart/templates/pod.yaml", 3, "{{ }}"),
                                 ("chart/templates/quoted.yaml", 3, "{{ }}"), ("bicep", 2, sources),
                                 ("bicep/Main.BICEP", 2, sources), ("terraform", 2, sources),
                                 ("terraform/module/main.tf", 2, sources), ("terraform/x.tf.json", 2, sources)):
            ran = self.run_blindbox("deploy", "lint", folder / path)
            self.assertEqual((ran.code, ran.out), (code, ""), (path, ran))
            self.assertIn(what, ran.err)
            self.assertIn("helm template" if "chart" in path else "template.json", ran.err)
        # Where both lie side by side, the file to judge is named.
        template = self.render() / "template.json"
        for name in ("blindbox.bicep", "main.tf"):
            (self.out / name).write_text("")
            self.assertIn(f'deploy lint {template}"', self.run_blindbox("deploy", "lint", self.out / name).err)

    def test_lint_of_a_folder_reads_all_of_it(self):
        folder = self.home / "several"
        for name in ("chart", "below/deeper", ".git"):
            (folder / name).mkdir(parents=True)
        (folder / "chart/Chart.yaml").write_text("name: x\n")
        (folder / "a.json").write_text("{")
        (folder / ".git/b.json").write_text("{")
        (folder / "below/main.tf").write_text("")
        (folder / "below/deeper/pod.yml").write_text("kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'x:1'}]}\n")
        os.symlink(folder, folder / "below/again")
        ran = self.run_blindbox("deploy", "lint", folder)
        self.assertEqual((ran.code, ran.err.count("no JSON")), (3, 1), ran)
        for what in ("deeper/pod.yml: p.c.image: x:1 is named by a tag", "several/chart: a Helm chart, not judged",
                     "below/main.tf: not judged"):
            self.assertIn(what, ran.out)
        (folder / "a.json").unlink()
        self.assertEqual(self.run_blindbox("deploy", "lint", folder).code, 5)

    def test_lint_of_manifests(self):
        self.render("aks-virtual-nodes")
        self.blindbox("deploy", "lint", self.out, "--image", "hello")
        manifests = self.out / "kubernetes.yaml"
        text = manifests.read_text()
        manifests.write_text(text.replace("        microsoft.containerinstance.virtualnode.ccepolicy", "        other"))
        self.assertIn("policy is empty", self.run_blindbox("deploy", "lint", self.out).out)
        manifests.write_text(text.replace("          readinessProbe:", "          volumeMounts:\n            - name: v\n"
                                          "              mountPath: /data\n          readinessProbe:"))
        self.assertIn("/data", self.run_blindbox("deploy", "lint", self.out).out)

    def test_a_virtual_machines_recipe(self):
        shell = shutil.which("shellcheck", path=os.environ["PATH"])
        for platform in ("azure-cvm", "aws-snp", "gcp-snp"):
            out = self.home / platform
            ran = self.run_blindbox("deploy", "hello", "--image", "images.example.com/team/hello", "--platform", platform,
                                    "--out", out, "--dry-run", "--env", "GREETING=it's \\ $(id) `id`")
            self.assertEqual(ran.code, 0, ran)
            self.assertIn("blindbox: note: ", ran.err)
            digest = json.loads(self.blindbox("measure", "hello", "--json"))["image"]["digest"]
            self.assertIn(f"image='images.example.com/team/hello@{digest}'", (out / "build-image").read_text())
            self.assertIn("'GREETING=it'\\''s \\ $(id) `id`'", (out / "initrd-init").read_text())
            for name, kind in (("build-image", "bash"), ("initrd-init", "dash"), ("upload", "bash")):
                self.assertTrue(os.access(out / name, os.X_OK))
                subprocess.run([kind, "-n", out / name], check=True)
                if shell:
                    checked = subprocess.run([shell, "-s", kind, out / name], capture_output=True, text=True)
                    self.assertEqual(checked.stdout, "")
            self.assertEqual(subprocess.run([out / "build-image", "--source"], capture_output=True).returncode, 1)
        self.refused(2, "--dry-run", "deploy", "hello", "--image", "images.example.com/team/hello", "--platform",
                     "azure-cvm", "--out", self.out)
        self.assertFalse(self.out.exists())

    def test_az_does_it(self):
        self.tool("az", AZ.replace("cat", shutil.which("cat")))
        self.blindbox("deploy", "hello", "--image", "images.example.com/team/hello", "--out", self.out, "--resource-group",
                      "rg", "--identity", IDENTITY, "--name", "sealed", "--location", "westeurope")
        self.assertEqual(self.recorded(),
                         ["account show --output none",
                          f"deployment group create --resource-group rg --name sealed --template-file {self.out}/template.json"
                          f" --parameters name=sealed identityId={IDENTITY} location=westeurope"
                          " --query properties.outputs.url.value --output tsv"])

    def test_other_tools_do_it(self):
        self.tool("terraform")
        self.tool("kubectl")
        self.tool("helm")
        common = ("--image", "images.example.com/team/hello", "--out", self.out)
        self.blindbox("deploy", "hello", *common, "--with", "terraform", "--resource-group-id", "/rg", "--identity", IDENTITY,
                      "--location", "westeurope")
        self.blindbox("deploy", "hello", *common, "--platform", "kubernetes", "--namespace", "apps")
        self.blindbox("deploy", "hello", *common, "--platform", "kubernetes", "--with", "helm")
        self.assertEqual(self.recorded(),
                         [f"terraform -chdir={self.out} init -input=false",
                          f"terraform -chdir={self.out} apply -input=false -auto-approve -var name=blindbox -var"
                          f" location=westeurope -var resource_group_id=/rg -var identity_id={IDENTITY}",
                          f"kubectl apply --namespace apps --filename {self.out}/kubernetes.yaml",
                          f"helm upgrade --install --namespace default blindbox {self.out}/helm"])

    def test_without_tools(self):
        arguments = ("deploy", "hello", "--image", "images.example.com/team/hello", "--out", self.out)
        self.refused(2, "--identity", *arguments)
        self.refused(10, "neither az nor terraform", *arguments, "--identity", IDENTITY)
        self.refused(10, "az, Azure's command line, is not installed", "deploy", "status", "--resource-group", "rg")
        self.tool("az", AZ)
        self.refused(10, "az is not logged in", *arguments, "--identity", IDENTITY, "--resource-group", "rg", LOGGED_OUT="1")
        self.refused(10, "az is not logged in", "deploy", "delete", "--resource-group", "rg", LOGGED_OUT="1")
        self.refused(2, "not for the platform", *arguments, "--with", "helm")
        self.refused(2, "takes no variable", *arguments, "--dry-run", "--env", "OTHER=1")
        self.refused(2, "needs --initdata", *arguments, "--dry-run", "--platform", "coco")
        self.refused(2, "not a name for resources", *arguments, "--dry-run", "--name", "a'b")
        self.refused(2, "another digest", "deploy", "hello", "--dry-run", "--image", "r.example.com/x@sha256:" + 64 * "0")

    def test_status_logs_and_delete(self):
        self.tool("az", AZ.replace("cat", shutil.which("cat")))
        group = {"sku": "Confidential", "provisioningState": "Succeeded", "instanceView": {"state": "Running"},
                 "ipAddress": {"ip": "192.0.2.1", "fqdn": "sealed.example.com"},
                 "confidentialComputeProperties": {"ccePolicy": base64.b64encode(b"policy").decode()},
                 "containers": [{"image": "r@sha256:0", "instanceView": {"restartCount": 2, "currentState": {"state": "Waiting",
                                 "detailStatus": "denied \x1b[31m by policy"}, "events": [{"name": "Failed", "message": "m"}]}}]}
        (self.home / "answer").write_text(json.dumps(group))
        out = self.blindbox("deploy", "status", "--resource-group", "rg", "--name", "sealed")
        for text in ("Running, Succeeded", "sealed.example.com 192.0.2.1", "Waiting, denied ?[31m by policy, restarts 2",
                     "Failed: m", hashlib.sha256(b"policy").hexdigest()):
            self.assertIn(text, out)
        (self.home / "answer").write_text(json.dumps({**group, "sku": "Standard"}))
        self.refused(5, "not confidential", "deploy", "status", "--resource-group", "rg", "--name", "sealed")
        (self.home / "answer").write_text("rubbish")
        self.refused(13, "something else", "deploy", "status", "--resource-group", "rg", "--name", "sealed")
        self.assertEqual(self.blindbox("deploy", "logs", "--resource-group", "rg"), "a line\n")
        self.assertIn("deleted", self.blindbox("deploy", "delete", "--resource-group", "rg"))
        self.assertIn("container delete --resource-group rg --name blindbox --yes --output none", self.recorded())


if __name__ == "__main__":
    harness.main(fuse=False)
