# SPDX-License-Identifier: Apache-2.0
"""Emacs with eglot as docs/editors.md says, at "blindbox lsp"."""

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
import recipes  # noqa: E402
from proxy import Proxy  # noqa: E402

# Without --no-site-lisp, which -Q has: Debian's packages of Emacs lie there.
EMACS = ["emacs", "--batch", "--no-init-file", "--no-site-file"]


@unittest.skipUnless(shutil.which("emacs"), "there is no emacs here: install Debian's emacs-nox and elpa-eglot")
class Emacs(harness.StageTest):
    def test_a_suggestion_is_accepted_and_another_after_an_edit(self):
        proxy = Proxy("return a + b\n", verdict="accepted; EMULATED, NOT A TEE")
        self.addCleanup(proxy.close)
        folder = self.stage.folder
        self.stage.write("a.py", "def add(a, b):\n    \nprint(1)\n")
        result = folder / "result.json"
        path = recipes.blindbox_on_path(folder, harness.BINARY, proxy.url)
        environment = dict(self.stage.environment, HOME=str(folder), PATH=f"{path}:{os.environ['PATH']}", LC_ALL="C.UTF-8",
                           BLINDBOX_FOLDER=str(folder), BLINDBOX_RESULT=str(result),
                           BLINDBOX_RECIPE=str(self.stage.write("recipe.el", recipes.recipe("Emacs"))))
        ran = subprocess.run([*EMACS, "-l", str(HERE / "emacs.el")], env=environment, stdin=subprocess.DEVNULL,
                             capture_output=True, timeout=harness.PATIENCE, check=False)
        if ran.returncode == 77:
            self.skipTest("this Emacs has no eglot: install Debian's elpa-eglot")
        self.assertTrue(result.exists(), f"emacs ended with {ran.returncode}: {ran.stderr.decode()}")
        told = json.loads(result.read_text())
        self.assertEqual(told["text"], "def add(a, b):\n    return a + b\nprint(1)\n")
        self.assertEqual(proxy.asked[0]["input_prefix"], "def add(a, b):\n    ")
        self.assertEqual(told["after-edit"],
                         "s = '😀😀'x\ndef add(a, b):\n    return a + b\n    return a + b\nprint(1)\n")
        self.assertTrue(any("EMULATED, NOT A TEE" in line for line in told["shown"]), told["shown"])


if __name__ == "__main__":
    harness.main(fuse=False)
