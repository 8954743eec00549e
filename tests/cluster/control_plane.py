# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes control plane: etcd, the API server and the controllers, on loopback, with certificates made for the
occasion. Its one node is a name: tests act as its kubelet. Nothing of it outlives the test.

Waiting is for what a process prints or for an answer of the API, each under PATIENCE; nothing sleeps.
"""

import ctypes
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("BLINDBOX_CLUSTER_TOOLS", ROOT / "build/cluster"))
PATIENCE = 120.0  # seconds; far above what anything takes, so that only a hang reaches it
PR_SET_PDEATHSIG = 1
NODE = "a-node"
CONTROLLERS = ("deployment-controller,replicaset-controller,disruption-controller,endpointslice-controller,"
               "serviceaccount-controller,horizontal-pod-autoscaler-controller,namespace-controller")

_libc = ctypes.CDLL(None)


def tool(name):
    path = TOOLS / name
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{name} is not in {TOOLS}: \"make test-cluster\" builds it")
    return str(path)


def run(*command, **more):
    """What a command that succeeds prints."""
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE, **more)
    if ran.returncode:
        raise AssertionError(f"{' '.join(map(str, command))[:300]}: status {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def free_port():
    """A port that nobody listens on now; who loses the race for it tries another."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class Certificates:
    """One authority, and what it signed: the server's certificate, and that of a person who may do everything."""

    def __init__(self, folder):
        self.folder = folder
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test authority", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
        self._sign("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self._sign("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")
        self._sign("proxy", "/CN=aggregator", "extendedKeyUsage=clientAuth")
        run("openssl", "genpkey", "-algorithm", "RSA", "-out", folder / "accounts.key")

    def _sign(self, name, subject, extension):
        (self.folder / "extensions").write_text(extension + "\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout",
            self.folder / f"{name}.key", "-out", self.folder / f"{name}.csr")
        run("openssl", "x509", "-req", "-in", self.folder / f"{name}.csr", "-CA", self.folder / "ca.crt", "-CAkey",
            self.folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", self.folder / "extensions", "-out",
            self.folder / f"{name}.crt")

    def kubeconfig(self, port):
        def entry(kind, contents):
            return {"name": "test", kind: contents}
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [entry("cluster", {"server": f"https://127.0.0.1:{port}",
                                           "certificate-authority": str(self.folder / "ca.crt")})],
            "users": [entry("user", {"client-certificate": str(self.folder / "admin.crt"),
                                     "client-key": str(self.folder / "admin.key")})],
            "contexts": [entry("context", {"cluster": "test", "user": "test"})]}))
        return path


class ControlPlane:
    """Started by making one; close() ends it."""

    def __init__(self):
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
            tool(name)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="blindbox-cluster-"))
        self._processes = []
        self._addresses = iter(range(1, 250))
        try:
            self._certificates = Certificates(self.folder)
            self._start_etcd()
            self._start_api()
            self._start_controllers()
            self.ask("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        except BaseException:
            self.close()
            raise

    def close(self):
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def _start(self, name, *arguments):
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen([tool(name), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       cwd=self.folder, preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self._processes.append(process)
        return process

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _until(self, name, process, ready):
        """What ready() says once it says something; it is asked again as long as the process lives."""
        due = time.monotonic() + PATIENCE
        while True:
            if found := ready():
                return found
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                if time.monotonic() < due:
                    continue
            raise AssertionError(f"{name} does not come up:\n{self.log(name)[-3000:]}")

    def _start_etcd(self):
        process = self._start("etcd", "--data-dir", "etcd", "--unsafe-no-fsync", "--log-level", "info",
                              "--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://127.0.0.1:0",
                              "--listen-peer-urls", "http://127.0.0.1:0")
        found = self._until("etcd", process, lambda: re.search(
            r'"serving client traffic insecurely[^\n]*"address":"(127\.0\.0\.1:\d+)"', self.log("etcd")))
        self._etcd = "http://" + found[1]

    def _start_api(self):
        for _ in range(5):
            port = free_port()
            process = self._start(
                "kube-apiserver", "--etcd-servers", self._etcd, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
                "--secure-port", str(port), "--tls-cert-file", "server.crt", "--tls-private-key-file", "server.key",
                "--client-ca-file", "ca.crt", "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/24",
                "--endpoint-reconciler-type", "none", "--service-account-issuer", "https://accounts.test",
                "--service-account-key-file", "accounts.key", "--service-account-signing-key-file", "accounts.key",
                # What other servers add to the API is asked through this one.
                "--requestheader-client-ca-file", "ca.crt", "--requestheader-allowed-names", "aggregator",
                "--requestheader-username-headers", "X-Remote-User", "--requestheader-group-headers", "X-Remote-Group",
                "--proxy-client-cert-file", "proxy.crt", "--proxy-client-key-file", "proxy.key")
            self._context = ssl.create_default_context(cafile=self.folder / "ca.crt")
            self._context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
            self._port = port
            try:
                self._until("kube-apiserver", process, self._is_ready)
            except AssertionError:
                if "address already in use" in self.log("kube-apiserver"):
                    continue
                raise
            self.kubeconfig = self._certificates.kubeconfig(port)
            return
        raise AssertionError("no port is free for long enough")

    def _is_ready(self):
        try:
            return self.raw("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def _start_controllers(self):
        process = self._start("kube-controller-manager", "--kubeconfig", str(self.kubeconfig), "--leader-elect=false",
                              "--secure-port", "0", "--controllers", CONTROLLERS, "--horizontal-pod-autoscaler-sync-period", "1s",
                              "--service-account-private-key-file", "accounts.key", "--root-ca-file", "ca.crt")
        # A namespace is of use once it has its service account, which is one of the controllers' doing.
        self._until("kube-controller-manager", process, lambda: self.raw(
            "GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200)

    def raw(self, method, path, body=None, kind="application/json"):
        """Status and text of an answer."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=PATIENCE, context=self._context)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask(self, method, path, body=None, kind="application/json", status=(200, 201)):
        code, text = self.raw(method, path, body, kind)
        if code not in status:
            raise AssertionError(f"{method} {path}: {code}\n{text}")
        return json.loads(text)

    def watch(self, path, since=""):
        """The objects at a path, as they are and then as they change, or as they change since a version: (ADDED, MODIFIED
        or DELETED, object)."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=PATIENCE, context=self._context)
        try:
            connection.request("GET", f"{path}?watch=1&timeoutSeconds={int(PATIENCE)}&resourceVersion={since}")
            answer = connection.getresponse()
            while line := answer.readline():
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()
        raise AssertionError(f"nothing more happened at {path}")

    def kubectl(self, *arguments, code=0, text=None):
        """What kubectl prints, errors included."""
        ran = subprocess.run([tool("kubectl"), "--kubeconfig", self.kubeconfig, *map(str, arguments)], input=text, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, cwd=self.folder,
                             env={**os.environ, "HOME": str(self.folder)})
        if ran.returncode != code:
            raise AssertionError(f"kubectl {' '.join(map(str, arguments))}: status {ran.returncode}\n{ran.stdout}")
        return ran.stdout

    def namespace(self, name, level="baseline"):
        """A new one that enforces a level of the Pod Security Standards, and its service account."""
        labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")} if level else {}
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        for _, account in self.watch(f"/api/v1/namespaces/{name}/serviceaccounts"):
            if account["metadata"]["name"] == "default":
                return name

    def act_as_kubelet(self, event, pod):
        """What a node does about a change of a pod: take it, say that it runs and is ready, let it go when it is to end."""
        place = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        gone = (200, 201, 404)  # it may be gone meanwhile
        if event == "DELETED":
            return
        if "deletionTimestamp" in pod["metadata"]:
            self.ask("DELETE", place, {"gracePeriodSeconds": 0}, status=gone)
        elif "nodeName" not in pod["spec"]:
            self.ask("POST", place + "/binding", {"metadata": {"name": pod["metadata"]["name"]},
                                                  "target": {"kind": "Node", "name": NODE}}, status=gone)
        elif not is_ready(pod):
            address = f"10.1.0.{next(self._addresses)}"
            self.ask("PATCH", place + "/status", {"status": {
                "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                "conditions": [{"type": "Ready", "status": "True"}]}}, "application/strategic-merge-patch+json", gone)
