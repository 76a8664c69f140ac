"""The first minute on a bare Debian 12: python3 tests/release/bare.py, as root, after
`bazel build //release`.

Makes a tree with apt and nothing else (mmdebstrap), installs the package there with what it depends
on, starts it as its user, forwards a connection, and purges it. Prints what that takes. It asks
Debian's package servers, so it is no part of `bazel test`.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from package import deb

from processes import run

MIRROR = "deb http://deb.debian.org/debian bookworm main"


class Tree:
    def __init__(self):
        self.root = tempfile.mkdtemp()
        # apt's own user reads the package. Without a service manager the package needs a program
        # that makes its user; there is none for its folders, which it makes itself then.
        os.chmod(self.root, 0o755)
        must("mmdebstrap", "--mode=root", "--variant=apt", "--include=systemd-standalone-sysusers",
             "--skip=cleanup/apt", "bookworm", self.root, MIRROR, seconds=300)
        for name in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copy(name, self.path(name))

    def must(self, *words):
        return must("chroot", self.root, *words, seconds=300,
                    env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                         "DEBIAN_FRONTEND": "noninteractive"})

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    def files(self):
        notes = [word for folder in ("/var/lib/dpkg", "/var/cache", "/var/log/apt")
                 for word in ("-not", "-path", folder + "/*")]
        return set(self.must("find", "/", "-xdev", *notes).splitlines())


def must(*words, **options):
    done = run(*words, **options)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def serve_once(server, text):
    client, _ = server.accept()
    with client:
        client.recv(1)
        client.sendall(text)


def forwards(tree):
    """Seconds until the first answer comes through the proxy."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = tree.path("/etc/sluice/sluice.yaml")
        with open(text, encoding="utf-8") as file:
            config = file.read()
        config = config.replace(":8080", f":{port}").replace(":3000",
                                                             f":{server.getsockname()[1]}")
        with open(text, "w", encoding="utf-8") as file:
            file.write(config)
        threading.Thread(target=serve_once, args=(server, b"served"), daemon=True).start()
        begin = time.monotonic()
        proxy = subprocess.Popen(["setpriv", "--reuid", "sluice", "--regid", "sluice",
                                  "--clear-groups", "/usr/bin/sluice", "-c",
                                  "/etc/sluice/sluice.yaml"],
                                 preexec_fn=lambda: os.chroot(tree.root), stderr=subprocess.PIPE,
                                 text=True)
        try:
            for line in proxy.stderr:
                if "listener web: listening on" in line:
                    break
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(b"?")
                assert client.recv(100) == b"served"
            seconds = time.monotonic() - begin
            assert "workers" in tree.must("sluice", "ctl", "status")
        finally:
            proxy.send_signal(signal.SIGTERM)
            proxy.communicate(timeout=60)
        assert proxy.returncode == 0
    return seconds


def main():
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        sys.exit("bare.py: it needs root, and mmdebstrap: apt-get install mmdebstrap")
    begin = time.monotonic()
    tree = Tree()
    try:
        print(f"a tree with apt: {time.monotonic() - begin:.1f} s")
        before = tree.files()
        shutil.copy(deb(), tree.path("/tmp/sluice.deb"))
        begin = time.monotonic()
        said = tree.must("apt-get", "install", "-y", "--no-install-recommends", "/tmp/sluice.deb")
        seconds = time.monotonic() - begin
        needed = re.search(r"Need to get (.*) of archives", said)
        used = re.search(r"After this operation, (.*) of additional", said).group(1)
        print(f"installed with what it depends on: {seconds:.1f} s; the package "
              f"{os.path.getsize(deb()) / 1e6:.2f} MB, {needed.group(1)} to get, {used} on disk")
        print(f"from the start of the process to the first answer: {forwards(tree):.2f} s")
        tree.must("apt-get", "purge", "-y", "--autoremove", "sluice")
        left = {path for path in tree.files() - before if "sluice" in path}
        assert left == {"/tmp/sluice.deb"}, left
        print("purged: nothing is left")
    finally:
        shutil.rmtree(tree.root)


if __name__ == "__main__":
    sys.exit(main())
