# SPDX-License-Identifier: Apache-2.0
"""Makes the emulator's keys for the tests that follow. Their folder is given, and is made anew."""

import os
import pathlib
import shutil
import unittest

import harness


class Keys(harness.StageTest):
    def test_make(self):
        keys = pathlib.Path(os.environ.get("BLINDBOX_TEST_KEYS", self.stage.folder / "keys"))
        shutil.rmtree(keys, ignore_errors=True)
        self.stage.emulator()
        self.assertEqual(keys.stat().st_mode & 0o777, 0o700)
        for key in keys.iterdir():
            self.assertEqual(key.stat().st_mode & 0o777, 0o600, key)


if __name__ == "__main__":
    harness.main()
