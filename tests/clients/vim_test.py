# SPDX-License-Identifier: Apache-2.0
"""llama.vim in Debian's vim on a terminal: somebody types, sees ghost text, and takes it with <Tab>.

The plugin is in no registry by itself; the source distribution that libllama is built from carries it (MIT), and
tools/fetch-llama keeps that archive, pinned by its digest. Nothing of it is in this repository.
"""

import ast
import fcntl
import hashlib
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import sys
import tarfile
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
import harness  # noqa: E402
import wire  # noqa: E402

BEFORE = "def add(a, b):\n    retur"
TYPED = "n "
CONFIG = """\
set nocompatible nomodeline noswapfile viminfo= t_RV= t_u7= t_RB= t_RF= t_RC= t_RS=
set runtimepath^={folder}
let g:llama_config = {{'endpoint': 'http://127.0.0.1:{port}/infill', 'n_prefix': 256, 'n_suffix': 64, 'n_predict': 8,
  \\ 't_max_prompt_ms': 500, 't_max_predict_ms': 60000, 'show_info': 2, 'auto_fim': v:true, 'max_line_suffix': 8,
  \\ 'ring_n_chunks': 64, 'ring_chunk_size': 64, 'ring_scope': 1024, 'ring_update_ms': 1000}}
call llama#init()
"""


def plugin():
    """The plugin's text, or why there is none."""
    constants = {}
    for node in ast.parse((harness.ROOT / "tools/fetch-llama").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            constants[node.targets[0].id] = node.value.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and node.targets[0].__class__ is ast.Tuple:
            for name, value in zip(node.targets[0].elts, node.value.elts):
                constants[name.id] = getattr(value, "value", None)
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    cache = pathlib.Path(os.environ.get("BLINDBOX_CACHE") or pathlib.Path(home, "blindbox"))
    version = constants["VERSION"]
    archive = cache / f"llama_cpp_python-{version}.tar.gz"
    if not archive.exists():
        return None, f"tools/fetch-llama has left no {archive.name} here, which carries llama.vim"
    with open(archive, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != constants["SHA256"]:
            return None, f"{archive.name} is not the archive that is pinned"
    with tarfile.open(archive) as tar:
        name = f"llama_cpp_python-{version}/vendor/llama.cpp/examples/llama.vim"
        return tar.extractfile(name).read(), None


class Terminal:
    """A program on a terminal of 50 by 200."""

    def __init__(self, command, folder):
        self.seen = ""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, dict(os.environ, TERM="xterm", HOME=str(folder)))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

    def type(self, keys):
        os.write(self._fd, keys.encode())

    def _read(self, due):
        if not select.select([self._fd], [], [], max(due - time.monotonic(), 0))[0]:
            raise AssertionError(f"the terminal stands still; it showed {self.seen[-3000:]!r}")
        try:
            piece = os.read(self._fd, 65536)
        except OSError:  # how a terminal tells its end
            piece = b""
        self.seen += piece.decode(errors="replace")
        return piece != b""

    def wait_for(self, pattern):
        due = time.monotonic() + harness.PATIENCE
        while not (found := re.search(pattern, self.seen)):
            if not self._read(due):
                raise AssertionError(f"it ended before {pattern!r}; it showed {self.seen[-3000:]!r}")
        return found

    def wait(self):
        due = time.monotonic() + harness.PATIENCE
        while self._read(due):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def close(self):
        os.close(self._fd)  # hangs up


class LlamaVim(harness.ChannelTest):
    def setUp(self):
        for program in ("vim", "curl"):
            if not shutil.which(program):
                self.skipTest(f"there is no {program} here")
        text, why = plugin()
        if text is None:
            self.skipTest(why)
        self.folder = self.stage.folder / "vim"
        (self.folder / "autoload").mkdir(parents=True)
        (self.folder / "autoload/llama.vim").write_bytes(text)
        (self.folder / "config.vim").write_text(CONFIG.format(folder=self.folder, port=self.proxy.port))
        self.file = self.folder / "add.py"
        self.file.write_text(BEFORE + "\n")

    def test_ghost_text_is_shown_and_taken(self):
        head, line = (BEFORE + TYPED).split("\n")
        answered = wire.ask(self.proxy.port, "POST", "/infill", {
            "input_prefix": head + "\n", "input_suffix": "\n\n", "input_extra": [], "prompt": line, "n_predict": 8,
            "n_indent": 4, "top_k": 40, "top_p": 0.99, "stream": False, "samplers": ["top_k", "top_p", "infill"],
            "cache_prompt": True, "t_max_prompt_ms": 500, "t_max_predict_ms": 60000}).json()["content"].rstrip("\n")
        self.assertNotEqual(answered, "")
        vim = Terminal(["vim", "-u", self.folder / "config.vim", "-i", "NONE", self.file], self.folder)
        self.addCleanup(vim.close)
        vim.wait_for("retur")  # it has drawn the file
        vim.type("GA" + TYPED)
        info = vim.wait_for(r"c: \d+ / \d+, r: .* p: (\d+) \(.* g: (\d+) \(.* t: \d+\.\d+ ms")
        self.assertGreaterEqual(int(info[2]), 1)
        vim.type("\t\x1b:wq\r")
        self.assertEqual(vim.wait(), 0)
        self.assertEqual(self.file.read_text(), BEFORE + TYPED + answered + "\n")


if __name__ == "__main__":
    harness.main()
