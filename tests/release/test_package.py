"""The package by itself: reproducible, what lintian says, what it has and what it depends on."""

import filecmp
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

from package import RELEASE, deb

from processes import run
from sluice import binary

INPUTS = {}  # of the build, from the command line: KEY=PATH


def control(field):
    return run("dpkg-deb", "--field", deb(), field).stdout.strip()


class Package(unittest.TestCase):
    def listing(self):
        return run("dpkg-deb", "--contents", deb()).stdout

    def test_lintian(self):
        done = run("lintian", "--allow-root", "--show-overrides", deb())
        self.assertEqual(re.findall(r"(?m)^[EW]: .*$", done.stdout + done.stderr), [])
        used = re.findall(r"(?m)^O: (.*)$", done.stdout)
        with open(os.path.join(RELEASE, "files/lintian-overrides"), encoding="utf-8") as file:
            overrides = [line for line in file.read().splitlines() if not line.startswith("#")]
        self.assertEqual(len(used), len(overrides), done.stdout)

    def build(self, folder, **inputs):
        """The package, elsewhere, under another umask, clock and order of the environment."""
        again = os.path.join(folder, os.path.basename(deb()))
        done = subprocess.run(
            [sys.executable, os.path.join(RELEASE, "build_deb.py"), again,
             *(f"{key}={path}" for key, path in reversed({**INPUTS, **inputs}.items()))],
            umask=0o077, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "TMPDIR": folder, "TZ": "Asia/Tokyo",
                 "LC_ALL": "C.UTF-8"})
        return again, done

    def test_two_builds_are_equal(self):
        with tempfile.TemporaryDirectory() as folder:
            again, done = self.build(folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(filecmp.cmp(deb(), again, shallow=False))

    def test_the_maintainer_is_whom_the_builder_names(self):
        who = "Jane Doe <jane@example.org>"
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "maintainer")
            for text in (who, "Jane Doe", "Jane <jane>"):
                with open(name, "w", encoding="utf-8") as file:
                    file.write(text)
                again, done = self.build(folder, maintainer=name)
                if text != who:
                    self.assertIn("allowed: NAME <ADDRESS>", done.stderr)
                    continue
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(run("dpkg-deb", "--field", again, "Maintainer").stdout.strip(),
                                 who)
                said = run("lintian", "--allow-root", again).stdout
                self.assertEqual(re.findall(r"(?m)^[EW]: .*", said), [])

    def test_sums(self):
        done = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=os.path.dirname(deb()))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 4)
        self.assertIn(os.path.basename(deb()) + ": OK\n", done.stdout)

    def test_one_version(self):
        version = run(binary(), "--version").stdout.split()[1]
        self.assertEqual(control("Version"), version)
        self.assertIn(f"_{version}_", deb())

    def test_depends(self):
        """On the package of each library that the binary is linked with, and not on others."""
        names = {re.match(r"[^ ]+", each).group() for each in control("Depends").split(", ")}
        needed = re.findall(r"NEEDED +(\S+)", run("objdump", "-p", binary()).stdout)
        self.assertIn("libc.so.6", needed)
        needed += ["libcares.so.2", "libmicrohttpd.so.12"]  # which it loads when it uses them
        called = []  # for each library the names of its package, real and virtual
        for library in needed:
            found = run("dpkg-query", "--search", "*/" + library).stdout
            packages = set(re.findall(rf"(?m)^(\S+?):.*/{re.escape(library)}$", found))
            provided = run("dpkg-query", "--show", "-f", "${Provides}\n", *packages).stdout
            called.append({*packages, *re.findall(r"[a-z][a-z0-9.+-]+", provided)})
        for library, each in zip(needed, called):
            self.assertTrue(each & names, library)
        self.assertLessEqual(names - {"systemd"}, set().union(*called))

    def test_owners_and_modes(self):
        for line in self.listing().splitlines():
            mode, owner, _, _, _, path = line.split(None, 5)
            self.assertEqual(owner, "root/root", path)
            self.assertNotRegex(mode, "^.....w|w.$|s", path)
        self.assertRegex(self.listing(), r"-rw-r----- .* \./etc/sluice/sluice\.yaml\n")
        self.assertRegex(self.listing(), r"drwxr-x--- .* \./etc/sluice/conf\.d/\n")

    def test_the_schema_and_the_completions_are_those_of_the_binary(self):
        with tempfile.TemporaryDirectory() as folder:
            run("dpkg-deb", "--extract", deb(), folder)

            def read(path):
                with open(os.path.join(folder, path), encoding="utf-8") as file:
                    return file.read()

            schema = json.loads(read("usr/share/sluice/sluice.schema.json"))
            self.assertIn("listeners", schema["properties"])
            self.assertIn("$schema=/usr/share/sluice/sluice.schema.json",
                          read("etc/sluice/sluice.yaml"))
            self.assertIn("complete -F _sluice sluice",
                          read("usr/share/bash-completion/completions/sluice"))
            for name in ("dashboard.json", "alerts.yml", "prometheus.yml"):
                self.assertTrue(read("usr/share/sluice/monitoring/" + name))

    def test_the_documents_are_there_and_their_links_lead_somewhere(self):
        with tempfile.TemporaryDirectory() as folder:
            run("dpkg-deb", "--extract", deb(), folder)
            root = os.path.join(folder, "usr/share/doc/sluice/html")
            pages = [os.path.join(where, name) for where, _, names in os.walk(root)
                     for name in names if name.endswith(".html")]
            self.assertIn(os.path.join(root, "index.html"), pages)
            self.assertIn(os.path.join(root, "changes.html"), pages)
            for page in pages:
                with open(page, encoding="utf-8") as file:
                    text = file.read()
                for link in re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', text):
                    target = os.path.join(os.path.dirname(page), link)
                    self.assertTrue(os.path.exists(target), f"{page}: {link}")
            self.assertEqual(run(os.path.join(folder, "usr/bin/sluice"), "--version").returncode, 0)


if __name__ == "__main__":
    while len(sys.argv) > 1 and "=" in sys.argv[-1]:
        key, path = sys.argv.pop().split("=", 1)
        INPUTS[key] = os.path.abspath(path)
    unittest.main()
