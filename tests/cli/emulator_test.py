# SPDX-License-Identifier: Apache-2.0
"""blindbox emulator: where it mounts, and that nothing of it stays."""

import json
import os
import signal
import stat
import subprocess

import harness


class Emulator(harness.StageTest):
    def start(self, name, *options):
        process = self.stage.emulator(name, *options)
        return process, self.stage.folder / name

    def refused(self, code, mount, *texts, options=()):
        ran = self.stage.run("emulator", "--mount", mount, "--keys", self.keys(), *options)
        self.expect(ran, code, "blindbox: error: ", *texts)

    def keys(self):
        return os.environ.get("BLINDBOX_TEST_KEYS", self.stage.folder / "keys")

    def test_what_it_shows(self):
        process, folder = self.start("shown", "--measurement", "ab" * 48)
        self.assertIn("EMULATED, NOT A TEE", process.errors())
        notice = json.loads((folder / "emulator.json").read_text())
        self.assertEqual((notice["emulated"], notice["notice"]), (True, "EMULATED, NOT A TEE"))
        self.assertEqual(notice["measurement"], "ab" * 48)
        self.assertIn(notice["fingerprint"], process.errors())
        self.assertTrue((folder / "tsm/report").is_dir())
        self.assertFalse(stat.S_ISDIR((folder / "sev-guest").stat().st_mode))
        # The kept keys make it the same processor at the next start.
        process.stop()
        again, folder = self.start("again")
        self.assertEqual(json.loads((folder / "emulator.json").read_text())["fingerprint"], notice["fingerprint"])
        self.assertEqual(again.stop()[0], 0)

    def test_ends_without_a_trace(self):
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
            with self.subTest(number):
                process, folder = self.start(f"ends-{number}")
                self.assertEqual(harness.mounts_below(folder), [str(folder)])
                self.assertEqual(process.stop(number), (0, []))
                self.assertEqual((harness.mounts_below(folder), list(folder.iterdir())), ([], []))
        self.assertEqual((self.stage.leftovers(), self.stage.strays()), ([], []))

    def test_killed_it_is_unmounted_all_the_same(self):
        process, folder = self.start("killed")
        self.assertEqual(process.stop(signal.SIGKILL)[0], -signal.SIGKILL)
        harness.wait_for_mounts(lambda: not harness.mounts_below(folder))
        self.assertEqual(list(folder.iterdir()), [])

    def test_ends_with_its_parent(self):
        folder = self.stage.folder / "orphan"
        folder.mkdir()
        # The shell ends when its input does.
        command = [harness.BINARY, "emulator", "--mount", folder, "--keys", self.keys(), "--exit-with-parent"]
        shell = subprocess.Popen(["bash", "-c", '"$0" "$@" & read -r', *command], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.stage.environment)
        with shell:
            self.assertTrue(shell.stdout.readline().startswith(b"ready: "))
            shell.stdin.close()
        harness.wait_for_mounts(lambda: not harness.mounts_below(folder))

    def test_folders_that_cannot_be(self):
        self.refused(10, "absent", "cannot mount on absent: No such file or directory", "hint: make the folder first")
        self.refused(10, self.stage.write("file", ""), "it is not a folder")
        full = self.stage.folder / "full"
        full.mkdir()
        (full / "file").touch()
        self.refused(10, full, "it is not empty")
        self.assertEqual([path.name for path in full.iterdir()], ["file"])
        process, folder = self.start("taken")
        self.refused(10, folder, "it is a mount point already", "hint: stop the emulator that runs there")
        self.assertTrue(process.running())
        self.assertTrue((folder / "emulator.json").exists())
        self.assertEqual(process.stop()[0], 0)

    def test_keys_that_are_none(self):
        guest = self.stage.folder / "guest"
        guest.mkdir()
        keys = self.stage.folder / "bad-keys"
        keys.mkdir(mode=0o700)
        for name in [path.name for path in os.scandir(self.keys())] if os.path.isdir(self.keys()) else ["ark.pem"]:
            (keys / name).write_text("no key\n")
        ran = self.stage.run("emulator", "--mount", guest, "--keys", keys)
        self.assertIn(ran.code, [3, 10], ran)
        self.assertIn("bad-keys", ran.err)
        self.assertEqual(harness.mounts_below(guest), [])


if __name__ == "__main__":
    harness.main()
