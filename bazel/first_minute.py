#!/usr/bin/python3
"""The first minutes from source, on a bare Debian 12: what has to be downloaded, and how long it
takes. As root; it asks Debian's package servers, so it is no part of `bazel test`.

    python3 bazel/first_minute.py                # packages and bytes; downloads none of them
    python3 bazel/first_minute.py --build        # installs them and builds the proxy, too: minutes

Makes a tree with apt and nothing else (mmdebstrap), and runs bazel/bootstrap.sh in it. What the
README says of the path from source is this. (From a package: tests/release/bare.py.)
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
MIRROR = "deb http://deb.debian.org/debian bookworm main"
# apt prints what it would fetch, with sizes, and installs nothing.
PRINT = 'APT::Get::Print-URIs "true";\n'


class Tree:
    """A bare Debian 12 with the files of this repository at /sluice."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="sluice-bare-")
        os.chmod(self.root, 0o755)
        must("mmdebstrap", "--mode=root", "--variant=apt", "--skip=cleanup/apt", "bookworm",
             self.root, MIRROR)
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copy(name, self.path(name))
        self.mounts = []
        for name in ("/proc", "/dev"):
            must("mount", "--rbind", "--make-rslave", name, self.path(name))
            self.mounts.append(self.path(name))
        files = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], check=True,
                               stdout=subprocess.PIPE).stdout
        os.mkdir(self.path("/sluice"))
        subprocess.run(["tar", "-x", "-C", self.path("/sluice")], input=files, check=True)

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    def run(self, *words):
        """Its exit code and what it prints."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "USER": "root",
                       "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["chroot", self.root, "sh", "-c", 'cd /sluice; exec "$@"', "sh",
                               *words], env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def remove(self):
        for path in reversed(self.mounts):
            must("umount", "--recursive", "--lazy", path)
        # Never into what is still mounted there.
        must("rm", "--recursive", "--force", "--one-file-system", self.root)


def must(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}:\n{done.stdout}")


def downloads(tree):
    """How many packages bootstrap.sh would fetch, and their bytes."""
    settings = tree.path("/etc/apt/apt.conf.d/99print")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(PRINT)
    _, said = tree.run("bazel/bootstrap.sh")
    os.unlink(settings)
    sizes = [int(size) for size in re.findall(r"^'http\S+' \S+\.deb (\d+)", said, re.MULTILINE)]
    assert len(sizes) > 50, said
    return len(sizes), sum(sizes)


def installed(tree):
    """Megabytes of all packages, as dpkg counts them."""
    _, said = tree.run("dpkg-query", "-W", "-f", "${Installed-Size}\n")
    return sum(int(size) for size in said.split()) * 1024 / 1e6


def build(tree, target):
    begin, before = time.monotonic(), installed(tree)
    code, said = tree.run("bazel/bootstrap.sh")
    assert code == 0, said
    print(f"installed: {time.monotonic() - begin:.0f} s, {installed(tree) - before:.0f} MB on disk",
          flush=True)
    begin = time.monotonic()
    code, said = tree.run("bazel", "build", target)
    assert code == 0, said
    print(f"bazel build {target}: {(time.monotonic() - begin) / 60:.1f} minutes, "
          f"{os.cpu_count()} CPUs")
    tree.run("bazel", "shutdown")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", nargs="?", const="//proxy:sluice", metavar="TARGET",
                        help="install the packages and build this, too; //proxy:sluice")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("first_minute.py: run it as root: it makes a system of its own to install into.")
    if shutil.which("mmdebstrap") is None:
        sys.exit("first_minute.py: it needs mmdebstrap: apt-get install mmdebstrap")
    tree = Tree()
    try:
        packages, size = downloads(tree)
        print(f"to download: {packages} packages, {size / 1e6:.0f} MB", flush=True)
        if arguments.build:
            build(tree, arguments.build)
    finally:
        tree.remove()


if __name__ == "__main__":
    main()
