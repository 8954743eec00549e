# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/editors.md as they stand there: what is tested is what people copy."""

import pathlib
import stat

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/editors.md"


def recipe(heading, number=0):
    """The text of a section's indented block, by its place among them."""
    section = PAGE.read_text().split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    blocks, inside = [], False
    for line in section.split("\n"):
        indented = line.startswith("    ")
        if indented and not inside:
            blocks.append([])
        if indented or (inside and not line):
            blocks[-1].append(line[4:])
        inside = indented or (inside and not line)
    return "\n".join(blocks[number]).rstrip() + "\n"


def blindbox_on_path(folder, binary, proxy):
    """A folder for the PATH whose blindbox is that binary, at a proxy of the test's own instead of the usual port."""
    path = folder / "bin"
    path.mkdir()
    program = path / "blindbox"
    program.write_text(f'#!/bin/sh\nexec "{binary}" "$@" --proxy "{proxy}"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return path
