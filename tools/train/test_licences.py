# SPDX-License-Identifier: Apache-2.0
import unittest

from licences import Decision, could_match, permitted

HEAD = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"


class Licences(unittest.TestCase):
    def test_names(self):
        for name in ("Expat", "MIT", "BSD-3-clause", "BSD-2-Clause", "Apache-2.0", "Apache-2", "PSF-2", "ISC", "zlib",
                     "Expat or GPL-2+", "BSD-3-clause and Expat"):
            self.assertTrue(permitted(name), name)
        for name in ("GPL-2", "LGPL-2.1+", "MPL-2.0", "Expat and GPL-2", "AGPL-3", "", "other", "CC-BY-SA-3.0"):
            self.assertFalse(permitted(name), name)

    def test_free_form_is_out(self):
        self.assertTrue(Decision("This package is under the MIT licence.").reason)

    def test_whole_package_out(self):
        self.assertFalse(Decision(HEAD + "Files: *\nLicense: GPL-3\n").allows("a/b.py"))

    def test_packaging_does_not_count(self):
        self.assertTrue(Decision(HEAD + "Files: *\nLicense: Expat\n\nFiles: debian/*\nLicense: GPL-3\n").allows("a/b.py"))

    def test_one_folder_out(self):
        decision = Decision(HEAD + "Files: *\nCopyright: x\nLicense: Expat\n\nFiles:\n src/a/extern/*\nLicense: GPL-3\n")
        self.assertTrue(decision.allows("a/b.py"))
        self.assertFalse(decision.allows("a/extern/b.py"))

    def test_patterns_in_doubt_exclude(self):
        self.assertTrue(could_match("lib/a/b.py", "a/b.py"))
        self.assertTrue(could_match("b.py", "a/b.py"))
        self.assertFalse(could_match("lib/c/*", "a/b.py"))

    def test_standard_library_needs_its_licence(self):
        self.assertTrue(Decision("nothing", True).reason)
        self.assertFalse(Decision("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2 ...", True).reason)


if __name__ == "__main__":
    unittest.main()
