#!/usr/bin/python3
"""Builds the Debian package from the files that Bazel has made: build_deb.py OUTPUT KEY=PATH…

Reproducible: names, order, owners, modes and times are all given here, the time by the changelog.
What the binary depends on is asked of dpkg-shlibdeps: it follows the libraries that it was
linked with.
"""

import gzip
import hashlib
import os
import re
import shutil
import sys
import tarfile
import tempfile

from common import Changelog, run

MANUAL = {"sluice.1": "man1", "sluice-ctl.1": "man1", "sluice.yaml.5": "man5"}
# Where each file goes, by its key on the command line, and its mode.
PLACES = {
    "configuration": ("etc/sluice/sluice.yaml", 0o640),
    "logrotate": ("etc/logrotate.d/sluice", 0o644),
    "service": ("lib/systemd/system/sluice.service", 0o644),
    "sysusers": ("usr/lib/sysusers.d/sluice.conf", 0o644),
    "tmpfiles": ("usr/lib/tmpfiles.d/sluice.conf", 0o644),
    "copyright": ("usr/share/doc/sluice/copyright", 0o644),
    "reference": ("usr/share/doc/sluice/examples/reference.yaml", 0o644),
    "example": ("usr/share/doc/sluice/examples/example.yaml", 0o644),
    "night": ("usr/share/doc/sluice/three-in-the-morning.md", 0o644),
    "monitoring": ("usr/share/doc/sluice/monitoring/README.md", 0o644),
    "dashboard": ("usr/share/sluice/monitoring/dashboard.json", 0o644),
    "alerts": ("usr/share/sluice/monitoring/alerts.yml", 0o644),
    "prometheus": ("usr/share/sluice/monitoring/prometheus.yml", 0o644),
    "docbase": ("usr/share/doc-base/sluice", 0o644),
    "lintian": ("usr/share/lintian/overrides/sluice", 0o644),
}
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/sluice",
    "zsh": "usr/share/zsh/vendor-completions/_sluice",
    "fish": "usr/share/fish/vendor_completions.d/sluice.fish",
}
SCRIPTS = ("postinst", "prerm", "postrm")
DESCRIPTION = """\
TCP reverse proxy
 Sluice accepts TCP connections and connections to UNIX sockets, connects each
 to one of the servers of an upstream, and carries bytes both ways, on io_uring
 or on epoll. It checks servers, limits clients, reloads its configuration and
 hands over to a new version without refusing a connection.
"""


class Tree:
    """The files of the package, in a folder."""

    def __init__(self, root):
        self.root = root

    def write(self, path, content, mode=0o644):
        whole = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(content)
        os.chmod(whole, mode)

    def copy(self, path, source, mode=0o644):
        with open(source, "rb") as file:
            self.write(path, file.read(), mode)

    def unpack(self, path, archive):
        with tarfile.open(archive) as members:
            for member in members:
                if member.isfile():
                    name = os.path.normpath(os.path.join(path, member.name))
                    self.write(name, members.extractfile(member).read())

    def folder(self, path, mode):
        os.makedirs(os.path.join(self.root, path), exist_ok=True)
        os.chmod(os.path.join(self.root, path), mode)

    def settle(self, time):
        """Gives folders their modes and everything its time."""
        for folder, _, names in os.walk(self.root, topdown=False):
            for name in names:
                os.utime(os.path.join(folder, name), (time, time))
            if not os.path.relpath(folder, self.root).startswith("etc/sluice"):
                os.chmod(folder, 0o755)
            os.utime(folder, (time, time))

    def files(self):
        """Their paths, sorted, without those of DEBIAN/."""
        found = [os.path.relpath(os.path.join(folder, name), self.root)
                 for folder, _, names in os.walk(self.root) for name in names]
        return sorted(path for path in found if not path.startswith("DEBIAN/"))


def packed(content):
    return gzip.compress(content, 9, mtime=0)


def stage(tree, inputs, changelog):
    tree.copy("usr/bin/sluice", inputs["sluice"], 0o755)
    binary = os.path.join(tree.root, "usr/bin/sluice")
    run("strip", "--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", binary)
    os.chmod(binary, 0o755)
    for key, (path, mode) in PLACES.items():
        tree.copy(path, inputs[key], mode)
    tree.unpack("usr/share/doc/sluice/html", inputs["pages"])
    tree.folder("etc/sluice", 0o750)
    tree.folder("etc/sluice/conf.d", 0o750)
    for page, folder in MANUAL.items():
        text = run(inputs["manual"], page, changelog.date)
        tree.write(f"usr/share/man/{folder}/{page}.gz", packed(text.encode()))
    for shell, path in COMPLETIONS.items():
        tree.write(path, run(inputs["sluice"], "completion", shell).encode())
    tree.write("usr/share/sluice/sluice.schema.json", run(inputs["sluice"], "schema").encode())
    tree.write("usr/share/doc/sluice/changelog.gz", packed(changelog.text.encode()))


def shared_libraries(binary, scratch):
    """The packages whose libraries the binary needs, with those that it loads by itself."""
    os.makedirs(os.path.join(scratch, "debian"))
    with open(os.path.join(scratch, "debian/control"), "w", encoding="utf-8") as file:
        file.write("Source: sluice\n\nPackage: sluice\nArchitecture: amd64\n")
    line = run("dpkg-shlibdeps", "-O", "-e" + binary, cwd=scratch)
    linked = re.match(r"shlibs:Depends=(.*)", line).group(1).split(", ")
    return ", ".join(sorted({*linked, *map(package_of, loaded_libraries(binary))}))


def loaded_libraries(binary):
    """The libraries that the binary names and is not linked with: it loads them itself."""
    with open(binary, "rb") as file:
        names = {each.decode() for each in re.findall(rb"(?<=\0)lib[a-z_-]+\.so\.[0-9]+(?=\0)",
                                                      file.read())}
    return sorted(names - set(re.findall(r"NEEDED +(\S+)", run("objdump", "-p", binary))))


def package_of(library):
    found = run("dpkg-query", "--search", "*/" + library)
    return re.search(rf"(?m)^(\S+?):.*/{re.escape(library)}$", found).group(1)


def control(tree, changelog, libraries):
    sizes = [os.path.getsize(os.path.join(tree.root, path)) for path in tree.files()]
    size = sum((each + 1023) // 1024 for each in sizes)
    users = "systemd | systemd-standalone-sysusers | systemd-sysusers"
    return (f"Package: sluice\nVersion: {changelog.version}\nArchitecture: amd64\n"
            f"Maintainer: {changelog.maintainer}\nInstalled-Size: {size}\n"
            f"Depends: {libraries}, {users}\nSuggests: logrotate, prometheus\n"
            f"Section: net\nPriority: optional\nDescription: {DESCRIPTION}")


def describe(tree, inputs, changelog, scratch):
    libraries = shared_libraries(os.path.join(tree.root, "usr/bin/sluice"), scratch)
    tree.write("DEBIAN/control", control(tree, changelog, libraries).encode())
    conffiles = [f"/{path}\n" for path in tree.files() if path.startswith("etc/")]
    tree.write("DEBIAN/conffiles", "".join(conffiles).encode())
    sums = []
    for path in tree.files():
        if path.startswith("etc/"):
            continue
        with open(os.path.join(tree.root, path), "rb") as file:
            sums.append(f"{hashlib.md5(file.read()).hexdigest()}  {path}\n")
    tree.write("DEBIAN/md5sums", "".join(sums).encode())
    for script in SCRIPTS:
        tree.copy(f"DEBIAN/{script}", inputs[script], 0o755)


def build(output, inputs):
    inputs = {key: os.path.abspath(path) for key, path in inputs.items()}
    with open(inputs["maintainer"], encoding="utf-8") as file:
        changelog = Changelog(inputs["changelog"], file.read())
    if f"_{changelog.version}_" not in os.path.basename(output):
        sys.exit(f"build_deb: {output} does not have the version of the changelog, "
                 f"{changelog.version}")
    scratch = tempfile.mkdtemp()
    try:
        tree = Tree(os.path.join(scratch, "tree"))
        stage(tree, inputs, changelog)
        describe(tree, inputs, changelog, os.path.join(scratch, "source"))
        tree.settle(changelog.time)
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", tree.root,
            output, env={**os.environ, "SOURCE_DATE_EPOCH": str(changelog.time)})
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    build(sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:]))
