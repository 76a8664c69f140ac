"""core/headers.md: each header of core/sluice.h is named there, and each that is named exists."""

import os
import re
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
CORE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "core")


def read(path):
    with open(os.path.join(CORE, path), encoding="utf-8") as file:
        return file.read()


class HeadersTest(unittest.TestCase):
    def setUp(self):
        self.named = re.findall(r"`([\w/]+\.h)`", read("headers.md"))
        self.included = re.findall(r'(?m)^#include "core/([\w/]+\.h)"$', read("sluice.h"))

    def test_each_header_has_a_place(self):
        self.assertGreater(len(self.included), 50)
        self.assertEqual([path for path in self.included if path not in self.named], [],
                         "core/headers.md lists what there is: give them a row")

    def test_each_header_that_is_named_exists(self):
        self.assertEqual([path for path in self.named
                          if not os.path.exists(os.path.join(CORE, path))
                          and path != "core/sluice.h"], [])


if __name__ == "__main__":
    unittest.main()
