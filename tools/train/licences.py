# SPDX-License-Identifier: Apache-2.0
"""Decides from a Debian copyright file which installed Python files may be trained on.

Only the machine-readable format (DEP-5) counts, with one exception: the interpreter's own standard library, whose
free-form file must contain the Python Software Foundation licence. Doubt excludes: a stanza with another licence
removes every file that one of its patterns could mean, and a package whose `Files: *` is not permitted is out.
"""

import fnmatch
import re

PERMITTED = re.compile(
    r"(expat|mit(-[\w.-]+)?|x11|bsd([\s-][\w.-]+)*|0bsd|apache([\s-]*(2|2\.0))?|psf(-[\w.]+)?|python(-2(\.0)?)?"
    r"|isc|zlib(/libpng)?|zlib-acknowledgement)\Z")

STANDARD_LIBRARY = "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2"


def permitted(name):
    """A short licence name or an expression of `and`/`or`: true when only permissive terms need be kept."""
    name = name.strip().lower().rstrip("+")
    return bool(name) and any(
        all(PERMITTED.match(term.strip(" ,()")) for term in re.split(r"\s+and\s+|,\s*", choice) if term.strip(" ,()"))
        for choice in re.split(r"\s+or\s+|\s*\|\s*", name))


def stanzas(text):
    """[(patterns, licence)] of the `Files` stanzas, or None when the text is not machine-readable."""
    if not re.match(r"\s*Format(-Specification)?:", text):
        return None
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields, last = {}, None
        for line in paragraph.split("\n"):
            if line.startswith("#"):
                continue
            if line[:1] in " \t" and last:
                fields[last].append(line.strip())
            elif ":" in line:
                last, value = line.split(":", 1)
                last = last.lower()
                fields[last] = [value.strip()]
        if "files" in fields and "license" in fields:
            patterns = re.split(r"[\s,]+", " ".join(fields["files"]).strip())
            found.append((patterns, fields["license"][0]))
    return found


def could_match(pattern, path):
    """Whether a pattern of the source tree could mean the installed path, whatever folder the sources began in."""
    parts, names = pattern.lstrip("./").split("/"), path.split("/")
    tails = ["/".join(parts[i:]) for i in range(len(parts)) if parts[i:] != ["*"]]
    return any(fnmatch.fnmatchcase("/".join(names[i:]), tail) for tail in tails for i in range(len(names)))


class Decision:
    """Reads one copyright file; `reason` says why the package as a whole is out, or is empty."""

    def __init__(self, text, is_standard_library=False):
        self.reason, self.licences, self._excluded = "", [], []
        if is_standard_library:
            self.licences = ["PSF-2.0"]
            self.reason = "" if STANDARD_LIBRARY in text else "no PSF licence found"
            return
        found = stanzas(text)
        if not found:
            self.reason = "copyright file is not machine-readable"
            return
        default = [licence for patterns, licence in found if "*" in patterns]
        if not default:
            self.reason = "no stanza for all files"
        for patterns, licence in found:
            if all(pattern.startswith("debian/") for pattern in patterns):
                continue
            if permitted(licence):
                self.licences.append(licence)
            elif "*" in patterns or "./*" in patterns:
                self.reason = f"not permitted: {licence}"
            else:
                self._excluded += patterns

    def allows(self, path):
        return not self.reason and not any(could_match(pattern, path) for pattern in self._excluded)
