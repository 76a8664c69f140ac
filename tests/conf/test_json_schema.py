"""`sluice schema`, read by a validator of JSON Schema: what it accepts and rejects.

The law: it accepts every file that the loader accepts. Of the others it rejects those whose
mistake it can say: a key, a type, a word, the form of a value.
"""

import glob
import json
import math
import os
import re
import sys
import tempfile
import unittest

import jsonschema
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))

from processes import run  # noqa: E402
from sluice import binary  # noqa: E402

ROOT = os.path.join(HERE, "../..")
INSTALLED = "/usr/share/sluice/sluice.schema.json"
MODELINE = f"# yaml-language-server: $schema={INSTALLED}"


class Loader(yaml.SafeLoader):
    """YAML 1.2, as editors read it: only true and false are booleans, and 1:20 is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:merge"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
for tag, pattern, first in (
        ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
        ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+.0123456789")):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))

# What the loader says of what a schema can say, too.
SAYABLE = re.compile(
    r"unknown key|is needed, not|the required key .* is missing|is not one of the words|"
    r"has no unit|has the unknown unit|does not end in|is not a whole number$|is neither true nor "
    r"false|the value is missing|is not a (name|path|status|method)|has no port|is not an address")
# Of two keys at least one; and a file with nothing but upstreams may be one that another includes.
UNSAYABLE = {"missing_endpoints", "missing_listeners"}


def size(value, known):
    """How many values there are with each alias counted as a copy."""
    if id(value) not in known:
        known[id(value)] = math.inf  # of a value that is in itself
        below = (value.values() if isinstance(value, dict) else
                 value if isinstance(value, list) else ())
        known[id(value)] = 1 + sum(size(each, known) for each in below)
    return known[id(value)]


def parsed(text):
    """The file as an editor has it; None if it is no YAML, or has what JSON has not."""
    try:
        value = yaml.load(text, Loader)  # its base is SafeLoader
        if size(value, {}) > 100_000:
            return None
        json.dumps(value)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None
    return value


def check(path):
    return run(binary(), "--check", "--config", path)


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = run(binary(), "schema")
        assert (done.returncode, done.stderr) == (0, ""), done
        cls.schema = json.loads(done.stdout)
        cls.validator = jsonschema.Draft7Validator(cls.schema)

    def errors(self, value):
        return [f"{list(error.path)}: {error.message}"
                for error in self.validator.iter_errors(value)]

    def files(self, *patterns):
        found = [path for each in patterns for path in glob.glob(os.path.join(ROOT, each))]
        self.assertTrue(found)
        return sorted(found)

    def test_it_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(self.schema)
        jsonschema.Draft202012Validator.check_schema(
            {**self.schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})

    def test_the_root_lists_every_section(self):
        with open(os.path.join(ROOT, "conf/reference.yaml"), encoding="utf-8") as file:
            sections = set(re.findall(r"(?m)^(?:# (?=include))?([a-z_]+):", file.read()))
        self.assertGreater(len(sections), 15)
        self.assertEqual(set(self.schema["properties"]), sections)

    def test_values(self):
        listener = self.schema["properties"]["listeners"]["items"]
        self.assertEqual(listener["required"], ["name", "bind", "upstream"])
        timeout = listener["properties"]["timeouts"]["properties"]["idle"]
        self.assertEqual(timeout["default"], "10m")
        self.assertIn("no progress in either direction", timeout["description"])
        self.assertIn("Allowed: 0s (none) or 1ms to 365d.", timeout["description"])
        backlog = listener["properties"]["socket"]["properties"]["backlog"]
        self.assertEqual((backlog["minimum"], backlog["maximum"], backlog["default"]),
                         (1, 65535, 4096))
        level = self.schema["properties"]["log"]["properties"]["level"]
        self.assertEqual(level["anyOf"][0]["enum"],
                         ["trace", "debug", "info", "warn", "error", "off"])
        self.assertEqual(level["default"], "info")

    def test_what_the_loader_accepts(self):
        accepted = 0
        texts = {}
        for path in self.files("conf/*.yaml", "tests/fuzz/corpus/config/*.yaml",
                               "tests/conf/bad/*.yaml"):
            with open(path, "rb") as file:
                texts[path] = file.read()
        for document in self.files("README.md", "docs/*.md", "docs/*/*.md"):
            with open(document, encoding="utf-8") as file:
                for i, block in enumerate(re.findall(r"(?s)```yaml\n(.*?)```", file.read())):
                    texts[f"{document}[{i}]"] = block.encode()
        for name, text in texts.items():
            with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
                file.write(text)
                file.flush()
                if check(file.name).returncode != 0:
                    continue
            accepted += 1
            self.assertEqual(self.errors(parsed(text)), [], name)
        self.assertGreaterEqual(accepted, 4)

    def test_what_the_loader_rejects(self):
        rejected = 0
        for path in self.files("tests/conf/bad/*.yaml"):
            name = os.path.basename(path)[:-len(".yaml")]
            with open(path, "rb") as file:
                value = parsed(file.read())
            said = check(path).stderr
            if value is None or name in UNSAYABLE or not SAYABLE.search(said):
                continue
            rejected += 1
            with self.subTest(name):
                self.assertNotEqual(self.errors(value), [], said)
        self.assertGreaterEqual(rejected, 40)

    def test_small_mistakes(self):
        good = {"listeners": [{"name": "web", "bind": "127.0.0.1:80", "upstream": "app"}],
                "upstreams": [{"name": "app", "endpoints": ["127.0.0.1:3000"]}]}
        self.assertEqual(self.errors(good), [])
        self.assertEqual(self.errors({**good, "x-anchors": [1]}), [])
        self.assertEqual(self.errors({"include": "conf.d/*.yaml"}), [])
        self.assertEqual(self.errors({"listeners": good["listeners"]}), [], "an included file")
        for section in ({"limits": {"max_connections": 0}}, {"log": {"level": "loud"}},
                        {"runtime": {"workers": "many"}}, {"runtime": {"pin_workers": "yes"}},
                        {"stats": {"interval": 10}}, {"buffers": {"per_direction": "4K"}},
                        {"listeners": []}, {"listeners": {}}, {"listen": []}, {"include": 1},
                        {"upstreams": [{"name": "app", "endpoints": [{"weight": 1}]}]},
                        {"upstreams": [{"name": "app", "endpoints": [{"address": "a:1", "x": 1}]}]},
                        {"upstreams": [{"name": "app", "send_proxy": "v3",
                                        "endpoints": "127.0.0.1:1"}]}):
            self.assertNotEqual(self.errors({**good, **section}), [], section)
        self.assertNotEqual(self.errors({"log": {"level": "info"}}), [], "no listeners")
        self.assertEqual(self.errors({**good, "log": {"level": "${LEVEL:-info}"}}), [])

    def test_arguments(self):
        done = run(binary(), "schema", "more")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("unexpected argument more", done.stderr)

    def test_examples_name_the_schema_for_editors(self):
        for path in self.files("conf/example.yaml", "conf/reference.yaml"):
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.readline().rstrip(), MODELINE, path)


if __name__ == "__main__":
    unittest.main()
