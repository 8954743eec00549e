# SPDX-License-Identifier: Apache-2.0
"""The page as blindbox connect serves it, before a server in an emulated guest; the browser's side is *_real.mjs."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))

import harness  # noqa: E402

FOLDER = os.environ["BLINDBOX_BROWSER_FOLDER"]


class Page(harness.StageTest):
    def browse(self, script, url):
        environment = dict(os.environ, BLINDBOX_PAGE_URL=url)
        ran = subprocess.run([HERE / "run", FOLDER, script], env=environment, capture_output=True, text=True, timeout=200,
                             check=False)
        if ran.returncode == harness.SKIPPED:
            self.skipTest(ran.stderr.strip())
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_page_of_the_real_proxy(self):
        self.stage.emulator()
        policy = self.stage.policy()
        server = self.stage.serve()
        proxy = self.stage.connect(server.url, policy)
        self.browse("emulated_real.mjs", proxy.url + "/")
        # Somebody puts another release in its place.
        server.process.stop()
        self.stage.emulator("other", "--measurement", "ab" * 48)
        self.stage.serve("other", server.port)
        self.browse("replaced_real.mjs", proxy.url + "/")


if __name__ == "__main__":
    harness.main()
