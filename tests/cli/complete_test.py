# SPDX-License-Identifier: Apache-2.0
"""blindbox complete: a hole in a file, through the proxy."""

import socket

import harness
import strangers
from strangers import Stranger, answers, message

CODE = "def add(a, b):\n    return \n\n\nprint(add(1, 2))\n"


class Positions(harness.StageTest):
    """Refused before anything is asked: the proxy of these tests is a port where nobody is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            cls.nobody = "http://127.0.0.1:%d" % closed.getsockname()[1]

    def complete(self, position):
        return self.stage.run("complete", position, "--proxy", self.nobody)

    def test_no_position(self):
        for position in ["", "f.py", "f.py:1", "f.py:1:", "f.py::1", "f.py:0:1", "f.py:1:0", "f.py:-1:1", "f.py:1:x",
                         "f.py:1:1x", "f.py: 1:1", "f.py:99999999999999999999:1", ":1:1", "::"]:
            with self.subTest(position):
                self.expect(self.complete(position), 2, f"not a position: {position}",
                            "hint: write FILE:LINE:COLUMN, both counted from 1")

    def test_positions_outside_the_file(self):
        self.stage.write("f.py", CODE)
        self.expect(self.complete("f.py:2:13"), 2,
                    "line 2 of f.py has 11 characters, so its columns go to 12")
        self.expect(self.complete("f.py:7:1"), 2, "f.py has 6 lines, not 7")
        self.expect(self.complete("f.py:4000000000:1"), 2, "f.py has 6 lines, not 4000000000")
        self.stage.write("empty", "")
        self.expect(self.complete("empty:1:2"), 2, "line 1 of empty has 0 characters, so its columns go to 1")

    def test_files_that_cannot_be(self):
        self.expect(self.complete("absent.py:1:1"), 10, "cannot open absent.py: No such file or directory")
        self.expect(self.complete(f"{self.stage.folder}:1:1"), 10, "it is a folder")
        self.stage.write("binary", b"\x7fELF\x02\x01\xff\xfe\x00")
        self.expect(self.complete("binary:1:1"), 3, "binary is not UTF-8 text")
        self.stage.write("large", "#" * (4 * 1024 * 1024 + 1))
        self.expect(self.complete("large:1:1"), 11, "large is larger than 4194304 bytes")

    def test_no_proxy(self):
        self.stage.write("f.py", CODE)
        self.expect(self.complete("f.py:2:12"), 6, "cannot connect to " + self.nobody[7:],
                    'hint: no proxy is there: run "blindbox connect URL --policy FILE" first')
        for url in ["https://127.0.0.1:1", "127.0.0.1:1", "http://", "http://127.0.0.1:1/v1"]:
            self.expect(self.stage.run("complete", "f.py:2:12", "--proxy", url), 2, "blindbox: error: ")
        for url in ["http://192.0.2.1:8765", "http://blindbox.example:8765", "http://0.0.0.0:8765"]:
            self.expect(self.stage.run("complete", "f.py:2:12", "--proxy", url), 2,
                        "the proxy is on this machine only: " + url[7:], "hint: ")

    def test_something_else_at_the_proxys_port(self):
        self.stage.write("f.py", CODE)
        for name, said, code, text in [
                ("no path", message("404 Not Found"), 13, "status 404"),
                ("another's error", message("422 Unprocessable", b'{"error":"text"}'), 13, "status 422"),
                ("no llama.cpp", message("200 OK", b"data: hello\n\n", "text/event-stream"), 13, "not llama.cpp's"),
                ("a page", message("200 OK", b"<html>"), 6, "the completion was cut off"),
                ("half an answer", message("200 OK", b'data: {"content":"x","stop":false}\n\n', "text/event-stream"), 6,
                 "the completion was cut off"),
                ("no HTTP", b"220 ready\r\n", 13, "not strict HTTP/1.1"),
        ]:
            with self.subTest(name):
                stranger = Stranger(answers(said))
                self.addCleanup(stranger.close)
                ran = self.stage.run("complete", "f.py:2:12", "--proxy", f"http://127.0.0.1:{stranger.port}")
                self.expect(ran, code, text, out="x\n" if name == "half an answer" else "")
        stranger = Stranger(strangers.hangs_up)
        self.addCleanup(stranger.close)
        self.expect(self.stage.run("complete", "f.py:2:12", "--proxy", f"http://127.0.0.1:{stranger.port}"), 6,
                    "the server closed without an answer")


class Completions(harness.ChannelTest):
    def complete(self, position, *options):
        return self.stage.run("complete", position, "--proxy", self.proxy.url, *options)

    def filled(self, position, *options):
        ran = self.complete(position, *options)
        # Who reads the code reads this too; it is no part of the code.
        self.assertEqual((ran.code, ran.err), (0, "*** EMULATED, NOT A TEE ***\n"), ran)
        self.assertTrue(ran.out.endswith("\n"))
        return ran.out[:-1]

    def test_a_hole(self):
        self.stage.write("f.py", CODE)
        text = self.filled("f.py:2:12", "--max-tokens", "12")
        self.assertNotEqual(text.strip(), "")
        # Greedy: the same hole gives the same text.
        self.assertEqual(self.filled("f.py:2:12", "--max-tokens", "12"), text)

    def test_a_line(self):
        self.stage.write("f.py", CODE)
        text = self.filled("f.py:2:12", "--line", "--max-tokens", "200")
        self.assertNotEqual(text.strip(), "")
        self.assertNotIn("\n", text)

    def test_a_number_of_tokens(self):
        # A hole that goes on for long, so that no stop rule of editors ends it sooner.
        self.stage.write("f.py", "values = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \n]\n")
        one, many = self.filled("f.py:1:41", "--max-tokens", "1"), self.filled("f.py:1:41", "--max-tokens", "20")
        self.assertTrue(many.startswith(one))
        self.assertLess(len(one), len(many))

    def test_edges_of_a_file(self):
        for name, text, position in [("empty", "", "1:1"), ("one", "x", "1:2"), ("end", CODE, "6:1"),
                                     ("begin", CODE, "1:1"), ("windows", CODE.replace("\n", "\r\n"), "2:12"),
                                     ("a:b.py", CODE, "2:12")]:
            with self.subTest(name):
                self.stage.write(name, text)
                self.filled(f"{name}:{position}", "--max-tokens", "4")

    def test_columns_are_characters(self):
        self.stage.write("f.py", "s = 'äöü€𝄞'\n")
        self.filled("f.py:1:11", "--max-tokens", "2")
        self.expect(self.complete("f.py:1:13"), 2, "has 11 characters, so its columns go to 12")

    def test_a_file_longer_than_the_context(self):
        """What does not fit is left out farthest from the hole."""
        lines = [f"value_{n} = {n}\n" for n in range(20_000)]
        lines[9_999] = "value_9999 = \n"  # in the middle of a line: a whole one would say what follows again, and go
        self.stage.write("long.py", "".join(lines))
        self.assertNotEqual(self.filled("long.py:10000:14", "--max-tokens", "12").strip(), "")


if __name__ == "__main__":
    harness.main()
