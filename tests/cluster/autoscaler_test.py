# SPDX-License-Identifier: Apache-2.0
"""The chart's autoscaler against Kubernetes' own controller: with a full queue there are more pods, up to the most that the
chart allows. The test is the adapter that serves the servers' metric to the cluster."""

import datetime
import http.server
import json
import os
import ssl
import threading
import unittest
import urllib.parse

import control_plane
import rendered

GROUP = "custom.metrics.k8s.io"
VERSION = "v1beta2"
METRIC = "blindbox_queue_used_ratio"


class Adapter(http.server.BaseHTTPRequestHandler):
    """An API of the cluster's that knows one metric; the server has what its value is."""

    def do_GET(self):
        path = urllib.parse.unquote(self.path.split("?")[0]).strip("/").split("/")
        if path == ["apis", GROUP, VERSION]:
            self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": [
                {"name": f"pods/{METRIC}", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}]})
        elif path[3:4] == ["namespaces"] and path[5:] == ["pods", "*", METRIC]:
            now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            pods = self.server.cluster.ask("GET", f"/api/v1/namespaces/{path[4]}/pods")["items"]
            self.answer({"kind": "MetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": [
                {"describedObject": {"kind": "Pod", "namespace": path[4], "name": pod["metadata"]["name"], "apiVersion": "v1"},
                 "metric": {"name": METRIC}, "timestamp": now, "value": self.server.value} for pod in pods]})
        else:
            self.send_error(404)

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Autoscaler(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        control_plane.tool("helm")
        cls.cluster = control_plane.ControlPlane()
        cls.addClassCleanup(cls.cluster.close)
        cls.rendered = rendered.Rendered()
        cls.addClassCleanup(cls.rendered.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cls.cluster.folder / "server.crt", cls.cluster.folder / "server.key")
        cls.adapter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Adapter)
        cls.adapter.socket = context.wrap_socket(cls.adapter.socket, server_side=True)
        cls.adapter.cluster, cls.adapter.value = cls.cluster, "0"
        thread = threading.Thread(target=cls.adapter.serve_forever)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(cls.adapter.shutdown)

    def register(self):
        """The adapter as the cluster finds it, by a service that is a name of this machine's."""
        port = self.adapter.server_address[1]
        self.cluster.ask("POST", "/api/v1/namespaces/default/services", {
            "metadata": {"name": "adapter"}, "spec": {"type": "ExternalName", "externalName": "localhost",
                                                      "ports": [{"port": port}]}})
        self.cluster.ask("POST", "/apis/apiregistration.k8s.io/v1/apiservices", {
            "metadata": {"name": f"{VERSION}.{GROUP}"}, "spec": {
                "group": GROUP, "version": VERSION, "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": True, "service": {"namespace": "default", "name": "adapter", "port": port}}})
        for _, service in self.cluster.watch("/apis/apiregistration.k8s.io/v1/apiservices"):
            conditions = service.get("status", {}).get("conditions", [])
            if service["metadata"]["name"] == f"{VERSION}.{GROUP}" and any(
                    one["type"] == "Available" and one["status"] == "True" for one in conditions):
                return

    def replicas(self, space, wanted):
        for _, deployment in self.cluster.watch(f"/apis/apps/v1/namespaces/{space}/deployments"):
            if deployment["spec"]["replicas"] == wanted:
                return

    def test_a_full_queue_makes_more_pods(self):
        self.register()
        space = self.cluster.namespace("scales")
        folder = self.rendered.render("kubernetes")
        control_plane.run(control_plane.tool("helm"), "upgrade", "--install", "hello", folder / "helm", "--namespace", space,
                          "--set", "autoscaling.enabled=true", "--set", "autoscaling.maxReplicas=5",
                          env={**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder)})
        self.replicas(space, 2)  # the least, with empty queues
        ready = set()
        for event, pod in self.cluster.watch(f"/api/v1/namespaces/{space}/pods"):
            self.cluster.act_as_kubelet(event, pod)
            if control_plane.is_ready(pod):
                ready.add(pod["metadata"]["name"])
            if len(ready) == 2:
                break
        self.adapter.value = "500m"  # twice the chart's target, on each pod
        self.replicas(space, 4)
        self.adapter.value = "1"
        self.replicas(space, 5)  # and the most
        status = self.cluster.ask("GET", f"/apis/autoscaling/v2/namespaces/{space}/horizontalpodautoscalers/hello")["status"]
        self.assertEqual(status["currentMetrics"][0]["pods"]["metric"]["name"], METRIC)


if __name__ == "__main__":
    unittest.main(verbosity=2)
