# SPDX-License-Identifier: Apache-2.0
"""tabby-agent, the language server behind Tabby's plugins, as npm holds it: a completion through connect."""

import os
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
import harness  # noqa: E402
import lsp  # noqa: E402
import wire  # noqa: E402
from packages import npm  # noqa: E402

TEXT = "def add(a, b):\n    return \n\n\nclass Sum:\n    def __init__(self):\n        self."


class Tabby(harness.ChannelTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = npm("tabby-agent@1.5")
        super().setUpClass()

    def setUp(self):
        if self.folder is None:
            self.skipTest("tabby-agent@1.5 cannot be installed here")
        home = self.stage.folder / self.id().rsplit(".", 1)[1]
        (home / ".tabby-client/agent").mkdir(parents=True)
        (home / ".tabby-client/agent/config.toml").write_text(
            f'[server]\nendpoint = "http://127.0.0.1:{self.proxy.port}"\ntoken = "any"\n'
            "[anonymousUsageTracking]\ndisable = true\n")
        log = open(home / "log", "wb")  # pylint: disable=consider-using-with
        self.addCleanup(log.close)
        self.agent = lsp.Client(["node", self.folder / "node_modules/tabby-agent/dist/cli.js", "--lsp", "--stdio"],
                                dict(os.environ, HOME=str(home)), log)
        self.addCleanup(self.agent.close)
        signal.alarm(int(harness.PATIENCE))  # an agent that says nothing ends the test
        self.addCleanup(signal.alarm, 0)
        self.agent.ask("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": {}})
        self.agent.notify("initialized", {})
        self.agent.notify("textDocument/didOpen", {"textDocument": {"uri": "file:///tmp/add.py", "languageId": "python",
                                                                    "version": 1, "text": TEXT}})

    def complete(self, line, character):
        return self.agent.ask("textDocument/completion", {
            "textDocument": {"uri": "file:///tmp/add.py"}, "position": {"line": line, "character": character},
            "context": {"triggerKind": 1}})["items"]

    def test_a_completion_reaches_the_editor(self):
        """What the agent offers is what the server said, cut as the agent cuts it."""
        lines = TEXT.split("\n")
        before, after = "\n".join(lines[:2]), "\n" + "\n".join(lines[2:])
        answered = wire.ask(self.proxy.port, "POST", "/v1/completions", {
            "language": "python", "segments": {"prefix": before, "suffix": after}}).json()["choices"][0]["text"]
        self.assertNotEqual(answered.strip(), "")
        items = self.complete(1, 11)
        self.assertEqual(len(items), 1, items)
        new = items[0]["textEdit"]["newText"]
        self.assertNotEqual(new, "")
        self.assertTrue(answered.startswith(new), (answered, new))
        self.assertTrue(items[0]["data"]["completionId"].startswith("cmpl-"))

    def test_a_server_that_is_away_offers_nothing(self):
        self.proxy.process.stop()
        self.addCleanup(self.__class__.restart)
        self.assertEqual(self.complete(1, 11), [])

    @classmethod
    def restart(cls):
        cls.proxy = cls.stage.connect(cls.server.url, cls.policy)


if __name__ == "__main__":
    harness.main()
