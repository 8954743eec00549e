# SPDX-License-Identifier: Apache-2.0
"""Neovim as docs/editors.md says for 0.7 to 0.11, typed into as a person does: ghost text, Tab, typing on."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))

import harness  # noqa: E402
import recipes  # noqa: E402
from proxy import Proxy  # noqa: E402

GHOST = """json_encode(map(nvim_buf_get_extmarks(0, nvim_get_namespaces()['blindbox'], 0, -1, {'details': 1}),
            {_, mark -> [mark[1], mark[3]['virt_text'][0][0], len(get(mark[3], 'virt_lines', []))]}))""".replace("\n", " ")


@unittest.skipUnless(shutil.which("nvim"), "there is no nvim here: install Debian's neovim")
class NeovimRecipe(harness.StageTest):
    def setUp(self):
        self.proxy = Proxy("return a + b\n", verdict="accepted; EMULATED, NOT A TEE")
        self.addCleanup(self.proxy.close)
        folder = self.stage.folder
        path = recipes.blindbox_on_path(folder, harness.BINARY, self.proxy.url)
        self.stage.write("a.py", "def add(a, b):\n    \nprint(1)\n")
        # Neovim 0.12 has functions of its own and another recipe; this one is for those before it.
        recipe = self.stage.write("blindbox.lua", recipes.recipe("Neovim", 1))
        self.socket = str(folder / "nvim.sock")
        environment = dict(self.stage.environment, PATH=f"{path}:{os.environ['PATH']}", HOME=str(folder))
        self.nvim = subprocess.Popen(["nvim", "--clean", "--headless", "--listen", self.socket, "--cmd", f"luafile {recipe}",
                                      "a.py"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.nvim.communicate)
        self.addCleanup(self.nvim.kill)
        self.until(lambda: self.tell("--remote-expr", "mode()").returncode == 0)

    def tell(self, *arguments):
        return subprocess.run(["nvim", "--server", self.socket, *arguments], capture_output=True, text=True, check=False,
                              timeout=harness.PATIENCE, env=self.stage.environment)

    def ask(self, expression):
        ran = self.tell("--remote-expr", expression)
        return json.loads((ran.stdout + ran.stderr).strip() or "null") if ran.returncode == 0 else None

    def type(self, keys):
        self.assertEqual(self.tell("--remote-send", keys).returncode, 0)

    def until(self, condition):
        due = time.monotonic() + harness.PATIENCE
        while not condition():
            self.assertIsNone(self.nvim.poll(), "nvim has ended")
            self.assertLess(time.monotonic(), due, self.tell("--remote-expr", "execute('messages')"))

    def text(self):
        return self.ask("json_encode(getline(1, '$'))")

    def test_ghost_text(self):
        if self.ask("json_encode(has('nvim-0.12'))"):
            self.skipTest("this Neovim is newer than the recipe")
        self.until(lambda: self.ask("json_encode(luaeval('#vim.lsp.buf_get_clients(0)'))") == 1)
        self.type("jA")
        self.until(lambda: self.ask(GHOST) == [[1, "return a + b", 0]])
        self.type("<Tab>")
        self.until(lambda: self.text()[1] == "    return a + b")
        self.assertEqual(self.ask("json_encode(getpos('.')[1:2])"), [2, 17])
        self.proxy.text = "x = 1\ny = 2\n"  # behind "return" the next line begins at the margin
        self.type("<CR>")
        self.until(lambda: self.ask(GHOST) == [[2, "x = 1", 1]])
        self.type("<Tab>")
        self.until(lambda: self.text()[2:4] == ["x = 1", "y = 2"])
        # Whoever types on loses the suggestion and nothing else; without one Tab is Tab.
        self.proxy.text = "\n"
        self.type("; z<Tab>")
        self.until(lambda: self.text()[3].startswith("y = 2; z") and self.text()[3] != "y = 2; z")
        self.type("<Esc>")
        self.until(lambda: self.ask(GHOST) == [])
        self.assertEqual(self.text()[0], "def add(a, b):")
        self.assertEqual(self.text()[4], "print(1)")


if __name__ == "__main__":
    harness.main(fuse=False)
