# SPDX-License-Identifier: Apache-2.0
"""blindbox lsp in Neovim: its own client, a real process, real pipes."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))

import harness  # noqa: E402
from proxy import Proxy  # noqa: E402


@unittest.skipUnless(shutil.which("nvim"), "there is no nvim here: install Debian's neovim")
class Neovim(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = Proxy("return a + b\n", verdict="accepted; EMULATED, NOT A TEE")
        cls.addClassCleanup(cls.proxy.close)
        cls.stage.write("a.py", "def add(a, b):\n    \nprint(1)\n")
        result = cls.stage.folder / "result.json"
        recorder = os.environ.get("BLINDBOX_RECORDER")  # a program that keeps what the editor says
        command = ([recorder] if recorder else []) + [harness.BINARY, "lsp", "--proxy", cls.proxy.url]
        environment = dict(cls.stage.environment, BLINDBOX_COMMAND=json.dumps(command), BLINDBOX_RESULT=str(result),
                           BLINDBOX_FOLDER=str(cls.stage.folder), HOME=str(cls.stage.folder),
                           XDG_CONFIG_HOME=str(cls.stage.folder), XDG_STATE_HOME=str(cls.stage.folder))
        ran = subprocess.run(["nvim", "--headless", "--clean", "-S", str(HERE / "neovim.lua")], env=environment,
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.PATIENCE, check=False)
        if not result.exists():
            raise AssertionError(f"nvim ended with {ran.returncode}: {ran.stderr.decode()}")
        cls.result = json.loads(result.read_text())

    def test_inline_completion(self):
        items = self.result["opened"]["result"]["items"]
        self.assertEqual([item["insertText"] for item in items], ["return a + b"])
        self.assertEqual(items[0]["range"]["start"], {"line": 1, "character": 4})
        self.assertEqual(self.proxy.asked[0]["input_prefix"], "def add(a, b):\n    ")
        self.assertEqual(self.proxy.asked[0]["n_predict"], 21, "its settings arrived")

    def test_edits_behind_an_emoji(self):
        self.assertTrue(self.result["text"].startswith("s = '😀😀'x\n"))
        self.assertEqual(self.proxy.asked[1]["input_prefix"], "s = '😀😀'x\ndef add(a, b):\n    ")
        self.assertEqual(self.result["changed"]["result"]["items"][0]["insertText"], "return a + b")

    def test_completion_without_ghost_text(self):
        item = self.result["classic"]["result"]["items"][0]
        self.assertEqual((item["label"], item["textEdit"]["newText"]), ("return a + b", "return a + b"))
        self.assertIn("completionProvider", self.result["capabilities"])

    def test_the_person_is_told(self):
        self.assertIn("EMULATED, NOT A TEE", self.result["shown"])

    def test_it_ends(self):
        self.assertEqual(self.result["exit"], [0, 0])


if __name__ == "__main__":
    harness.main(fuse=False)
