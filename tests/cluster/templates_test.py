# SPDX-License-Identifier: Apache-2.0
"""The three languages in which blindbox deploy writes a container group for Azure: the ARM template against the models of
the service's published interface, and Bicep and Terraform, as grammars of theirs read them, against the ARM template."""

import importlib.util
import json
import re
import sys
import unittest

import bicep
import control_plane
import rendered

GIVEN = {"name": "sealed", "location": "westeurope", "identityId": "/subscriptions/1/identities/puller", "cpu": 3,
         "memoryInGB": 5}
ANSWER = {"properties": {"ipAddress": {"fqdn": "the.name"}}}


def module(name):
    for folder in control_plane.TOOLS.glob("venv/lib/python*/site-packages"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise unittest.SkipTest(f"the Python module {name} is not installed: \"make test-cluster\" fetches it") from None


def evaluated(value):
    """ARM's expressions, of which the template has three kinds, put in their places."""
    if isinstance(value, dict):
        return {evaluated(key): evaluated(one) for key, one in value.items()}
    if isinstance(value, list):
        return [evaluated(one) for one in value]
    if not isinstance(value, str) or not value.startswith("["):
        return value
    if value.startswith("[["):
        return value[1:]
    if parameter := re.fullmatch(r"\[parameters\('(\w+)'\)\]", value):
        return GIVEN[parameter[1]]
    if value == "[resourceGroup().location]":
        return "where the group is"
    # The group's own answer.
    address = re.fullmatch(r"\[format\('(https://\{0\}:\d+)', reference\(resourceId\('Microsoft\.ContainerInstance/"
                           r"containerGroups', parameters\('name'\)\)\)\.ipAddress\.fqdn\)\]", value)
    if not address:
        raise AssertionError(f"an expression that is not known here: {value}")
    return address[1].replace("{0}", ANSWER["properties"]["ipAddress"]["fqdn"])


def remarks(models, name, value, where="group"):
    """What the interface does not know, needs, or does not list, by the models of its client."""
    model = getattr(models, name)
    known, out = {}, []
    for attribute, entry in model._attribute_map.items():
        rules = model._validation.get(attribute, {})
        path, inner = entry["key"].replace("\\.", "\0").split("."), value
        for part in path:
            inner = inner.get(part.replace("\0", ".")) if isinstance(inner, dict) else None
        known.setdefault(path[0], set()).update(path[1:2])
        if inner is None:
            if rules.get("required") and not rules.get("readonly"):
                out.append(f"{where}: {entry['key']} is missing")
        elif rules.get("readonly"):
            out.append(f"{where}: {entry['key']} is the service's own to say")
        else:
            out += typed(models, entry["type"], inner, f"{where}.{entry['key']}")
    for key, one in value.items():
        if key not in known:
            out.append(f"{where}: {key} is unknown")
        elif known[key] and isinstance(one, dict):
            out += [f"{where}.{key}: {inner} is unknown" for inner in one if inner not in known[key]]
    return out


def typed(models, kind, value, where):
    if kind[0] in "[{":
        items = value if kind[0] == "[" else list(value.values())
        if not isinstance(value, list if kind[0] == "[" else dict):
            return [f"{where} is no {kind}"]
        return [one for index, item in enumerate(items) for one in typed(models, kind[1:-1], item, f"{where}[{index}]")]
    plain = {"str": str, "int": int, "float": (int, float), "bool": bool}.get(kind)
    if plain is None:
        return remarks(models, kind, value, where)
    # A boolean is a number to Python, and none to JSON.
    fits = isinstance(value, plain) and (kind == "bool" or not isinstance(value, bool))
    return [] if fits else [f"{where} is no {kind}"]


class Templates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rendered = rendered.Rendered()
        cls.addClassCleanup(cls.rendered.close)
        cls.folder = cls.rendered.render("azure-aci", "--name", "sealed", "--cpu", "3", "--memory", "5")
        cls.template = json.loads((cls.folder / "template.json").read_text())
        (cls.group,) = cls.template["resources"]

    def body(self, group):
        return {key: group[key] for key in ("location", "identity", "properties")}

    def test_the_interface_knows_every_property(self):
        models = module("azure.mgmt.containerinstance.models")
        client = module("azure.mgmt.containerinstance._configuration")
        version = client.ContainerInstanceManagementClientConfiguration(credential=object(), subscription_id="1").api_version
        self.assertEqual(self.group["apiVersion"], version)
        group = evaluated(self.body(self.group))
        self.assertEqual(remarks(models, "ContainerGroup", group), [])
        properties, container = group["properties"], group["properties"]["containers"][0]["properties"]
        listed = ((models.ContainerGroupSku, properties["sku"]), (models.OperatingSystemTypes, properties["osType"]),
                  (models.ContainerGroupRestartPolicy, properties["restartPolicy"]),
                  (models.ContainerGroupIpAddressType, properties["ipAddress"]["type"]),
                  (models.ContainerGroupNetworkProtocol, properties["ipAddress"]["ports"][0]["protocol"]),
                  (models.ContainerNetworkProtocol, container["ports"][0]["protocol"]),
                  (models.ResourceIdentityType, group["identity"]["type"]))
        for names, value in listed:
            self.assertIn(value, [one.value for one in names])

    def test_the_comparison_sees(self):
        models = module("azure.mgmt.containerinstance.models")

        def remarked(change):
            group = evaluated(json.loads(json.dumps(self.body(self.group))))
            change(group["properties"], group["properties"]["containers"][0]["properties"])
            return " ".join(remarks(models, "ContainerGroup", group))
        self.assertIn("osType is missing", remarked(lambda properties, container: properties.pop("osType")))
        self.assertIn("image is missing", remarked(lambda properties, container: container.pop("image")))
        self.assertIn("skus is unknown", remarked(lambda properties, container: properties.update(skus=1)))
        self.assertIn("port is no int", remarked(lambda properties, container: container["ports"][0].update(port="8443")))
        self.assertIn("privilege is unknown",
                      remarked(lambda properties, container: container["securityContext"].update(privilege=False)))
        self.assertIn("provisioningState is the service's own",
                      remarked(lambda properties, container: properties.update(provisioningState="x")))

    def test_bicep_means_what_arm_means(self):
        pycep, grammar, trees = module("pycep"), module("tree_sitter_bicep"), module("tree_sitter")
        path = self.folder / "main.bicep"
        pycep.BicepParser().parse(text=path.read_text())  # a second opinion about the language
        parser = trees.Parser(trees.Language(grammar.language()))
        group = {"location": "where the group is"}
        found = bicep.Bicep(path, parser, resourceGroup=group, group=ANSWER, **GIVEN)
        expected = {name: {key: evaluated(one) for key, one in parameter.items()}
                    for name, parameter in self.template["parameters"].items()}
        self.assertEqual(found.parameters, expected)
        ((kind, resource),) = found.resources.values()
        self.assertEqual(kind, f"{self.group['type']}@{self.group['apiVersion']}")
        self.assertEqual(resource, evaluated({"name": self.group["name"], **self.body(self.group)}))
        self.assertEqual(found.outputs, evaluated(self.template["outputs"]))

    def test_terraform_means_what_arm_means(self):
        given = {"name": GIVEN["name"], "location": GIVEN["location"], "identity_id": GIVEN["identityId"],
                 "resource_group_id": "/subscriptions/1/resourceGroups/rg"}
        printed = control_plane.run(control_plane.tool("evaluate-terraform"), self.folder / "main.tf",
                                    *(f"{name}={value}" for name, value in given.items()))
        found, expected = json.loads(printed), evaluated(self.group)
        resource = found["azapi_resource"]
        self.assertEqual(resource["type"], f"{self.group['type']}@{self.group['apiVersion']}")
        self.assertEqual((resource["name"], resource["location"], resource["parent_id"]),
                         (expected["name"], expected["location"], given["resource_group_id"]))
        self.assertEqual(resource["identity"], {"type": expected["identity"]["type"],
                                                "identity_ids": list(expected["identity"]["userAssignedIdentities"])})
        self.assertEqual(resource["body"], {"properties": expected["properties"]})
        self.assertIn("properties.ipAddress.fqdn", resource["response_export_values"])
        self.assertEqual(found["url"]["value"], evaluated(self.template["outputs"])["url"]["value"])

    def test_values_are_values_in_all_of_them(self):
        container = evaluated(self.group)["properties"]["containers"][0]["properties"]
        self.assertEqual(container["environmentVariables"], [{"name": "GREETING", "value": rendered.GREETING}])
        folder = self.rendered.folder / "bracket"
        arguments = list(self.rendered.arguments("azure-aci", folder, "--dry-run"))
        arguments[arguments.index(f"GREETING={rendered.GREETING}")] = "GREETING=[concat('a', 'b')]"
        self.rendered.blindbox(*arguments)
        (group,) = json.loads((folder / "template.json").read_text())["resources"]
        value = group["properties"]["containers"][0]["properties"]["environmentVariables"][0]["value"]
        self.assertEqual(evaluated(value), "[concat('a', 'b')]")


if __name__ == "__main__":
    unittest.main(verbosity=2)
