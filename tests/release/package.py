"""The package under test, and a system of its own to install it in."""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))

from processes import run  # noqa: E402

RELEASE = os.path.join(HERE, "../../release")
# What dpkg and the tools that it calls note down, whatever is installed and purged.
NOTES = re.compile(r"var/lib/dpkg/|var/log/|var/cache/(ldconfig|man|debconf)/|etc/(passwd|group|"
                   r"shadow|gshadow|subuid|subgid)-?$|etc/\.pwd\.lock$|var/lib/(systemd|man-db)/|tmp/|run/|"
                   r"root/|dev/|proc/|sys/")


def release_file(pattern):
    """The path of the file of //release with such a name."""
    for folder in (RELEASE, os.path.join(HERE, "../../bazel-bin/release")):
        if os.path.isdir(folder):
            for name in sorted(os.listdir(folder)):
                if re.fullmatch(pattern, name):
                    return os.path.abspath(os.path.join(folder, name))
    raise AssertionError(f"no {pattern}: build //release")


def deb():
    return release_file(r"sluice_.*_amd64\.deb")


def enter_own_system():
    """Begins the script again as root of namespaces of its own, with `lo` up."""
    if os.environ.get("SLUICE_OWN_SYSTEM") == "1":
        run("ip", "link", "set", "lo", "up")
        return
    os.environ["SLUICE_OWN_SYSTEM"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                          "--mount-proc", sys.executable, *sys.argv])


class System:
    """This machine's files under a layer that takes what is written: gone with the namespace."""

    def __init__(self):
        scratch = tempfile.mkdtemp()
        self._must("mount", "-t", "tmpfs", "none", scratch)
        self.layer, work, self.root = (os.path.join(scratch, name) for name in "uwr")
        for folder in (self.layer, work, self.root):
            os.mkdir(folder)
        self._must("mount", "-t", "overlay", "overlay", "-o",
                   f"lowerdir=/,upperdir={self.layer},workdir={work}", self.root)
        for kind, where in (("proc", "proc"), ("tmpfs", "run"), ("tmpfs", "tmp")):
            self._must("mount", "-t", kind, kind, os.path.join(self.root, where))
        os.chmod(os.path.join(self.root, "tmp"), 0o1777)
        self._must("mount", "--rbind", "/dev", os.path.join(self.root, "dev"))
        self._must("mount", "--rbind", "/sys", os.path.join(self.root, "sys"))
        if os.path.exists(self.path("/var/lib/man-db/auto-update")):
            os.unlink(self.path("/var/lib/man-db/auto-update"))  # it would read all pages there are

    @staticmethod
    def _must(*words):
        done = run(*words)
        assert done.returncode == 0, (words, done.stderr)

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run(self, *words, **options):
        return run("chroot", self.root, *words, **options)

    def start(self, *words, **options):
        return subprocess.Popen(["chroot", self.root, *words], **options)

    def written(self):
        """What is in the layer: files and links, without the notes of tools."""
        found = []
        for folder, folders, names in os.walk(self.layer):
            for name in [*names, *folders]:
                path = os.path.relpath(os.path.join(folder, name), self.layer)
                whole = os.path.join(self.layer, path)
                is_folder_below = os.path.isdir(whole) and os.path.isdir("/" + path)
                if not is_folder_below and not NOTES.match(path):
                    found.append(path)
        return sorted(found)
