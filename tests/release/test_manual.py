"""The manual: every option, command and key is in it, and man(1) and mandoc find nothing wrong."""

import json
import os
import re
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))

from processes import run  # noqa: E402
from sluice import binary  # noqa: E402

PAGES = ("sluice.1", "sluice-ctl.1", "sluice.yaml.5")
DATE = "2026-11-29"


def generator():
    for path in (os.path.join(HERE, "../../release/manual"),
                 os.path.join(HERE, "../../bazel-bin/release/manual")):
        if os.path.isfile(path):
            return path
    raise AssertionError("no generator: build //release:manual")


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        for page in PAGES:
            done = run(generator(), page, DATE)
            assert (done.returncode, done.stderr) == (0, ""), done
            with open(cls.path(page), "w", encoding="utf-8") as file:
                file.write(done.stdout)

    @classmethod
    def path(cls, page):
        return os.path.join(cls.folder.name, page)

    def shown(self, page):
        """As a person sees it, in one line."""
        done = run("man", "--warnings", "--nh", "--nj", "-E", "UTF-8", "-l", "-Tutf8",
                   self.path(page),
                   env={"PATH": os.environ["PATH"], "MANWIDTH": "200", "LC_ALL": "C.UTF-8"})
        self.assertEqual((done.returncode, done.stderr), (0, ""), page)
        plain = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
        return re.sub(r"\s+", " ", plain.replace("\u2010", "-").replace("\u2212", "-"))

    def test_mandoc_has_no_complaint(self):
        for page in PAGES:
            done = run("mandoc", "-Tlint", "-Wwarning", self.path(page))
            self.assertEqual((done.returncode, done.stdout), (0, ""), page)

    def test_sluice(self):
        shown = self.shown("sluice.1")
        usage = run(binary(), "--help").stdout
        options = set(re.findall(r"--[a-z-]+", usage))
        self.assertGreater(len(options), 8)
        words = set(re.findall(r"(?m)^       sluice ([a-z]+)", usage))
        self.assertLessEqual({"ctl", "completion", "schema"}, words)
        for each in [*options, *("sluice " + word for word in words), "SIGUSR2", "78"]:
            self.assertIn(each, shown)
        self.assertIn("NAME sluice - TCP reverse proxy", shown)

    def test_ctl(self):
        shown = self.shown("sluice-ctl.1")
        text = run(binary(), "ctl", "--help").stdout
        commands = re.findall(r"(?m)^  ([a-z-]+)(?: |$)", text)
        self.assertGreater(len(commands), 20)
        for each in [*commands, *re.findall(r"(?m)^  (--[a-z-]+)", text), "UPSTREAM/NAME N"]:
            self.assertIn(each, shown)

    def keys(self, node, path):
        forms = node.get("anyOf", ())
        lists = [each for each in forms if "items" in each]  # an item alone has the same keys
        for each in lists or forms:
            yield from self.keys(each, path)
        if "items" in node:
            yield from self.keys(node["items"], path + "[]")
        for key, below in node.get("properties", {}).items():
            name = f"{path}.{key}" if path else key
            yield name, below
            yield from self.keys(below, name)

    def test_every_key(self):
        shown = self.shown("sluice.yaml.5")
        schema = json.loads(run(binary(), "schema").stdout)
        told, inherited = 0, 0
        for key, node in self.keys(schema, ""):
            heir = re.sub(r"^listeners\[\]", "defaults", key)
            heir = re.sub(r"^upstreams\[\]", "defaults.upstream", heir)
            if f" {key} " in shown:
                told += 1
                sentence = node["description"].split("\n")[0].replace("`", "")
                self.assertIn(re.sub(r"\s+", " ", sentence), shown, key)
            else:
                inherited += 1
                self.assertNotEqual(heir, key, "it is told nowhere")
                self.assertIn(f" {heir} ", shown)
        self.assertGreater(told, 150)
        self.assertGreater(inherited, 50)
        self.assertIn("limits.buffer_memory All buffers together.", shown)
        self.assertIn("Allowed: 1MiB to 1024GiB. Default: 256MiB", shown)

    def test_what_is_no_page(self):
        done = run(generator(), "sluice.8", DATE)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("allowed: sluice.1", done.stderr)


if __name__ == "__main__":
    unittest.main()
