# SPDX-License-Identifier: Apache-2.0
"""blindbox deploy applies release 1, then release 2, to a real API server whose controllers replace pods; the test takes
kubelet's place and says that they are ready. While it rolls nobody goes without, and both releases answer."""

import json
import os
import unittest

import control_plane
import rendered

REPLICAS = 2


def digest_of(pod):
    return pod["spec"]["containers"][0]["image"].rsplit("@", 1)[1]


class Rollout(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = control_plane.ControlPlane()
        cls.addClassCleanup(cls.cluster.close)
        cls.rendered = rendered.Rendered()
        cls.addClassCleanup(cls.rendered.close)
        cls.digests = {release: cls.rendered.digest(release) for release in (1, 2)}

    def deploy(self, space, tool, release):
        """As a user does it: blindbox starts the tool, which it finds in the path."""
        control_plane.tool(tool)
        return self.rendered.blindbox(
            *self.rendered.arguments("kubernetes", self.rendered.folder / f"{space}-{release}", "--namespace", space, "--with",
                                     tool, "--name", "hello", release=release),
            path=f"{control_plane.TOOLS}:{os.environ['PATH']}", KUBECONFIG=str(self.cluster.kubeconfig),
            HOME=str(self.cluster.folder))

    def follow(self, space, release, least):
        """Takes kubelet's place until release alone is there and ready; the images that were ready together, all of them.
        Fails where fewer than least pods were ready, or more than one too many were there."""
        path, together = f"/api/v1/namespaces/{space}/pods", set()
        there = self.cluster.ask("GET", path)
        pods = {pod["metadata"]["name"]: pod for pod in there["items"] if "deletionTimestamp" not in pod["metadata"]}
        for pod in there["items"]:
            self.cluster.act_as_kubelet("ADDED", pod)
        for event, pod in self.cluster.watch(path, there["metadata"]["resourceVersion"]):
            name = pod["metadata"]["name"]
            pods[name] = pod
            if event == "DELETED" or "deletionTimestamp" in pod["metadata"]:
                del pods[name]
            ready = [digest_of(one) for one in pods.values() if control_plane.is_ready(one)]
            self.assertGreaterEqual(len(ready), least)
            self.assertLessEqual(len(pods), REPLICAS + 1)
            together.add(frozenset(ready))
            self.cluster.act_as_kubelet(event, pod)
            if len(pods) == REPLICAS and ready == REPLICAS * [self.digests[release]]:
                return together
        raise AssertionError("unreachable")

    def endpoints(self, space):
        """Addresses that the service sends connections to, once there are as many as there should be."""
        slices = {}
        for _, one in self.cluster.watch(f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices"):
            slices[one["metadata"]["name"]] = one
            found = [(endpoint["addresses"][0], port["port"]) for one in slices.values() for endpoint in one["endpoints"] or []
                     for port in one["ports"] if endpoint["conditions"]["ready"]]
            if len(found) == REPLICAS:
                return found

    def roll(self, tool):
        space = self.cluster.namespace(f"rolls-by-{tool}")
        self.deploy(space, tool, 1)
        self.follow(space, 1, 0)
        before = self.endpoints(space)
        self.assertEqual({port for _, port in before}, {8443})
        self.deploy(space, tool, 2)
        self.assertIn(frozenset(self.digests.values()), self.follow(space, 2, REPLICAS), "both releases answer for a time")
        return space

    def test_kubectl(self):
        space = self.roll("kubectl")
        self.deploy(space, "kubectl", 1)  # and back: selectors stay
        self.follow(space, 1, REPLICAS)

    def test_helm(self):
        space = self.roll("helm")
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)}
        notes = control_plane.run(control_plane.tool("helm"), "get", "notes", "hello", "--namespace", space, env=environment)
        self.assertIn(f"hello runs images.example.com/team/hello@{self.digests[2]}", notes)
        self.assertIn(f"kubectl --namespace {space} rollout status deployment/hello", notes)
        self.assertIn("no TEE", notes)
        control_plane.run(control_plane.tool("helm"), "rollback", "hello", "1", "--namespace", space, env=environment)
        self.follow(space, 1, REPLICAS)

    def test_one_pod_at_a_time_is_taken_away(self):
        space = self.cluster.namespace("disruption")
        self.deploy(space, "kubectl", 1)
        self.follow(space, 1, 0)
        for _, budget in self.cluster.watch(f"/apis/policy/v1/namespaces/{space}/poddisruptionbudgets"):
            if budget.get("status", {}).get("disruptionsAllowed") == 1:
                break
        pods = [pod["metadata"]["name"] for pod in self.cluster.ask("GET", f"/api/v1/namespaces/{space}/pods")["items"]]

        def evict(name):
            return self.cluster.raw("POST", f"/api/v1/namespaces/{space}/pods/{name}/eviction", {
                "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": space}})
        self.assertEqual(evict(pods[0])[0], 201)
        status, text = evict(pods[1])
        self.assertEqual(status, 429, text)
        # What it says of the number of healthy pods is the controller's, which may not have counted again yet.
        (cause,) = json.loads(text)["details"]["causes"]
        self.assertEqual(cause["reason"], "DisruptionBudget")
        self.assertIn("The disruption budget hello ", cause["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
