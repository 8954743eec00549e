# SPDX-License-Identifier: Apache-2.0
"""The VS Code extension in code-server in Chromium, with a real proxy and a real server behind it.

BLINDBOX_EDITORS names the folder that tests/editors/install has filled, BLINDBOX_VSIX the extension.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))

import harness  # noqa: E402
import wire  # noqa: E402

MODULES = pathlib.Path(os.environ.get("BLINDBOX_EDITORS", harness.ROOT / "build/editors"))
VSIX = pathlib.Path(os.environ.get("BLINDBOX_VSIX", harness.ROOT / "editors/vscode/blindbox.vsix"))
PICTURES = pathlib.Path(os.environ.get("BLINDBOX_PICTURES", harness.ROOT / "build/editors-pictures"))


def missing():
    if not (MODULES / "node_modules/code-server").exists():
        return f"there is no code-server below {MODULES}: tests/editors/install puts it there"
    if not VSIX.exists():
        return f"there is no {VSIX}: npm run package in editors/vscode makes it"
    if not shutil.which("chromium"):
        return "there is no chromium here: install Debian's chromium"
    return None


@unittest.skipIf(missing(), missing() or "")
class VsCode(harness.ChannelTest):
    def drive(self):
        workspace = self.stage.folder / "workspace"
        workspace.mkdir()
        (workspace / "a.py").write_text("import math\n\n")
        PICTURES.mkdir(parents=True, exist_ok=True)
        driver = subprocess.Popen(["node", str(HERE / "vscode_drive.mjs"), str(MODULES), str(VSIX), str(workspace),
                                   self.proxy.url, str(PICTURES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, env=self.stage.environment)
        watchdog = threading.Timer(280, driver.kill)
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        self.addCleanup(driver.communicate)
        return driver

    def step(self, driver, name):
        line = driver.stdout.readline()
        self.assertTrue(line, f"the driver ended before \"{name}\"")
        said = json.loads(line)
        self.assertEqual(said["step"], name)
        return said

    def test_a_day_at_the_editor(self):
        driver = self.drive()

        def proceed():
            driver.stdin.write("\n")
            driver.stdin.flush()

        shield = self.step(driver, "shield")
        self.assertIn("EMULATED", shield["text"], "words, not the colour alone")
        self.assertIn("NOT A TEE", shield["label"])
        proceed()
        accepted = self.step(driver, "accepted")
        self.assertNotEqual(accepted["offered"].strip(), "")
        self.assertIn(f"return {accepted['offered'].strip()}", accepted["after"])
        engine = self.server.process.children()[0]
        os.kill(engine, signal.SIGSTOP)
        proceed()
        self.assertIn('zebra = "typed on"', self.step(driver, "typed on")["after"])
        entries = wire.ask(self.proxy.port, "GET", "/.blindbox/api/ledger?limit=5").json()["entries"]
        self.assertIn("cancelled", [entry["outcome"] for entry in entries])
        os.kill(engine, signal.SIGCONT)
        # Another server takes the place of the one that was accepted.
        self.server.process.stop()
        self.stage.emulator("other", "--measurement", "ab" * 48)
        self.stage.serve("other", port=self.server.port)
        proceed()
        refused = self.step(driver, "refused")
        self.assertIn("REFUSED", refused["text"])
        self.assertIn("measurement", refused["label"], "the check that failed is named")
        proceed()
        self.assertEqual(driver.wait(60), 0)


if __name__ == "__main__":
    harness.main()
