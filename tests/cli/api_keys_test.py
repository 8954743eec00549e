# SPDX-License-Identifier: Apache-2.0
"""blindbox key, and a server that answers to the keys in its file alone."""

import signal

import harness
import wire

HOLE = {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 4}


def bearer(key):
    return {"Authorization": "Bearer " + key}


class Keys(harness.StageTest):
    def add(self, *options, file="keys.yml"):
        ran = self.stage.run("key", "add", "--file", file, *options)
        self.assertEqual(ran.code, 0, ran)
        self.assertRegex(ran.out, r"\Abb-[0-9a-f]{12}-[0-9a-f]{64}\n\Z")
        return ran.out.strip()

    def listed(self, file="keys.yml"):
        ran = self.stage.run("key", "list", "--file", file)
        self.assertEqual(ran.code, 0, ran)
        return ran.out


class TheCommand(Keys):
    def test_add_list_remove(self):
        key = self.add("--tenant", "alice", "--name", "laptop", "--requests-per-minute", "60", "--expires", "2099-01-31")
        other = self.add("--tenant", "bob")
        path = self.stage.folder / "keys.yml"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(key[16:], path.read_text())
        lines = self.listed().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[1], r"\A" + key[3:15] + r" +alice +laptop +60 +- +- +no +2099-01-31T00:00:00Z\Z")
        self.expect(self.stage.run("key", "remove", key[3:15]), 0)
        self.assertNotIn("alice", self.listed())
        self.assertIn(other[3:15], self.listed())
        self.expect(self.stage.run("key", "remove", key[3:15]), 2, "there is no key " + key[3:15], "hint: ")

    def test_what_cannot_be(self):
        self.expect(self.stage.run("key", "list", "--file", "absent.yml"), 10, "absent.yml")
        self.expect(self.stage.run("key", "add", "--tenant", "a b"), 2, "not a name for a tenant or a key: a b")
        self.expect(self.stage.run("key", "add", "--tenant", "a", "--expires", "soon"), 2, "not a time: soon")
        self.expect(self.stage.run("key"), 2)
        broken = self.stage.write("broken.yml", "keys:\n  - id: x\n")
        self.expect(self.stage.run("key", "add", "--file", broken, "--tenant", "a"), 2, "the key file is not valid")
        self.assertEqual(broken.read_text(), "keys:\n  - id: x\n")
        self.expect(self.stage.run("serve", "--model", harness.MODEL, "--platform", "emulator:guest", "--keys", broken),
                    9)  # the platform is looked at first


class AServerWithKeys(Keys):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage.emulator()
        policy = cls.stage.policy()
        add = ["key", "add", "--file", "keys.yml", "--tenant"]
        cls.alice = cls.stage.run(*add, "alice").out.strip()
        cls.slow = cls.stage.run(*add, "slow", "--requests-per-minute", "1").out.strip()
        cls.operator = cls.stage.run(*add, "operator", "--metrics").out.strip()
        cls.process = cls.stage.start("--verbose", "serve", "--model", harness.MODEL, "--platform",
                                      f"emulator:{cls.stage.folder / 'guest'}", "--listen", "127.0.0.1:0", "--keys",
                                      "keys.yml", merged=True)
        url, _ = cls.process.wait_for("ready: ")
        cls.proxy = cls.stage.connect(url, policy)

    def ask(self, method, path, body=None, fields=None):
        return wire.ask(self.proxy.port, method, path, body, fields)

    def test_keys_and_limits(self):
        self.assertEqual(self.ask("POST", "/infill", HOLE).status, 401)
        self.assertEqual(self.ask("POST", "/infill", HOLE, bearer("bb-wrong")).status, 401)
        self.assertEqual(self.ask("POST", "/infill", HOLE, bearer(self.alice)).status, 200)
        self.assertEqual(self.ask("POST", "/infill", HOLE, {"X-Api-Key": self.alice}).status, 200)
        self.assertEqual(self.ask("GET", "/health").status, 200)
        self.assertEqual(self.ask("GET", "/v1/models").status, 200)
        self.assertEqual(self.ask("POST", "/infill", HOLE, bearer(self.slow)).status, 200)
        refused = self.ask("POST", "/infill", HOLE, bearer(self.slow))
        self.assertEqual(refused.status, 429)
        self.assertIn(int(refused.fields["retry-after"]), range(1, 61))

    def test_metrics(self):
        self.assertEqual(self.ask("GET", "/metrics", fields=bearer(self.alice)).status, 403)
        answer = self.ask("GET", "/metrics", fields=bearer(self.operator))
        self.assertEqual(answer.status, 200)
        self.assertIn(b"blindbox_requests_total", answer.body)
        self.assertNotIn(b"alice", answer.body)

    def test_the_file_is_read_anew(self):
        late = self.add("--tenant", "late")
        self.process.wait_for_text("4 API keys count from now on")  # by itself
        self.assertEqual(self.ask("POST", "/infill", HOLE, bearer(late)).status, 200)
        good = (self.stage.folder / "keys.yml").read_text()
        self.stage.write("keys.yml", "keys: nonsense\n")
        self.process.wait_for_text("the API keys from before go on to count")
        self.assertEqual(self.ask("POST", "/infill", HOLE, bearer(late)).status, 200)
        self.stage.write("keys.yml", good)
        self.process.send(signal.SIGHUP)
        self.process.wait_for_text("4 API keys count from now on")
        self.expect(self.stage.run("key", "remove", late[3:15]), 0)
        self.process.wait_for_text("3 API keys count from now on")
        self.assertEqual(self.ask("POST", "/infill", HOLE, bearer(late)).status, 401)


if __name__ == "__main__":
    harness.main()
