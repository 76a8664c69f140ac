"""What needs no Debian: the static binary, its tarball, the image, the list of what is linked."""

import filecmp
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
import unittest

from package import RELEASE, release_file

from processes import Process, run, wait_for

INPUTS = {}  # of the build, from the command line: KEY=PATH
KINDS = (r"sluice-.*-x86_64\.tar\.gz", r"sluice-.*-image\.tar", r"sluice-.*\.spdx\.json")
IMAGE_USER = 65532


def read(path):
    with open(path, "rb") as file:
        return file.read()


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Folder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        os.chmod(scratch.name, 0o755)
        self.folder = scratch.name

    def unpacked(self, pattern):
        with tarfile.open(release_file(pattern)) as tar:
            for entry in tar:
                self.assertEqual((entry.uid if "run/" not in entry.name else 0, entry.uname),
                                 (0, ""), entry.name)
            tar.extractall(self.folder)
        return self.folder


class Builds(Folder):
    def test_two_builds_are_equal(self):
        outputs = [os.path.join(self.folder, os.path.basename(release_file(each)))
                   for each in KINDS]
        done = subprocess.run(
            [sys.executable, os.path.join(RELEASE, "build_archives.py"), *outputs,
             *(f"{key}={path}" for key, path in reversed(INPUTS.items()))],
            umask=0o077, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stderr)
        for kind, again in zip(KINDS, outputs):
            self.assertTrue(filecmp.cmp(release_file(kind), again, shallow=False), kind)


class Tarball(Folder):
    def setUp(self):
        super().setUp()
        (name,) = os.listdir(self.unpacked(KINDS[0]))
        self.top = os.path.join(self.folder, name)
        self.binary = os.path.join(self.top, "sluice")

    def test_the_binary_needs_no_library(self):
        headers = run("readelf", "--wide", "--program-headers", "--dynamic", self.binary).stdout
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("NEEDED", headers)
        self.assertIn("Type: DYN", run("readelf", "--file-header", self.binary).stdout.replace(
            "Type:                              ", "Type: "), "not at a fixed address")
        self.assertRegex(headers, r"GNU_STACK .* RW ")

    def test_it_runs_in_an_empty_root(self):
        """With the admin endpoint, whose library is linked in, and a name of the machine itself."""
        root = os.path.join(self.folder, "root")
        os.makedirs(os.path.join(root, "etc"))
        os.makedirs(os.path.join(root, "proc"))
        os.link(self.binary, os.path.join(root, "sluice"))
        with open(os.path.join(root, "etc/hosts"), "w", encoding="ascii") as file:
            file.write("127.0.0.1 app.internal\n")
        with socket.create_server(("127.0.0.1", 0)) as server:
            for backend in ("io_uring", "epoll"):
                with open(os.path.join(root, "etc/c.yaml"), "w", encoding="ascii") as file:
                    file.write(
                        f"runtime: {{ backend: {backend}, workers: 1 }}\n"
                        "admin: { bind: 'unix:/admin' }\n"
                        "listeners: [{ name: web, bind: '127.0.0.1:0', upstream: app }]\n"
                        "upstreams: [{ name: app, endpoints: 'app.internal:"
                        f"{server.getsockname()[1]}' }}]\n")
                proxy = Process("chroot", root, "/sluice", "--config", "/etc/c.yaml")
                self.addCleanup(proxy.kill)
                (line,) = proxy.wait_line("listener web: listening on")
                port = int(re.search(r":(\d+)$", line.strip()).group(1))
                with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                    client.sendall(b"ping")
                    served, _ = server.accept()
                    with served:
                        self.assertEqual(served.recv(10), b"ping")
                        served.sendall(b"pong")
                        self.assertEqual(client.recv(10), b"pong")
                status = run("chroot", root, "/sluice", "ctl", "--admin", "unix:/admin", "status")
                self.assertIn(backend, status.stdout, status.stderr)
                proxy.send_signal(15)
                self.assertEqual(proxy.wait(), 0, proxy.text())

    def test_what_is_in_it(self):
        self.assertEqual(run(self.binary, "--check", "-c",
                             os.path.join(self.top, "reference.yaml")).returncode, 0)
        with open(os.path.join(self.top, "sluice.schema.json"), encoding="utf-8") as file:
            self.assertIn("listeners", json.load(file)["properties"])
        for name in ("LICENSE", "copyright", "sluice.service", "sluice.yaml", "man/sluice.yaml.5",
                     "completions/sluice.bash"):
            self.assertTrue(os.path.getsize(os.path.join(self.top, name)), name)


class Image(Folder):
    def setUp(self):
        super().setUp()
        self.archive = "oci-archive:" + release_file(KINDS[1])

    def test_skopeo_reads_it(self):
        said = run("skopeo", "inspect", self.archive)
        self.assertEqual(said.returncode, 0, said.stderr)
        about = json.loads(said.stdout)
        self.assertEqual((about["Architecture"], about["Os"]), ("amd64", "linux"))
        config = json.loads(run("skopeo", "inspect", "--config", "--raw",
                                self.archive).stdout)["config"]
        self.assertEqual(config["User"], f"{IMAGE_USER}:{IMAGE_USER}")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/sluice"])
        self.assertEqual(config["Healthcheck"]["Test"], ["CMD", "/usr/bin/sluice", "ctl", "ready"])
        # A copy is checked digest by digest; docker-archive is what older versions of docker read.
        for kind, archive in (("oci", self.archive),
                              ("docker", "docker-archive:" + release_file(KINDS[1]))):
            done = run("skopeo", "--insecure-policy", "copy", archive,
                       f"dir:{os.path.join(self.folder, kind)}")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_digest(self):
        self.unpacked(KINDS[1])
        blobs = os.path.join(self.folder, "blobs/sha256")
        for name in os.listdir(blobs):
            self.assertEqual(sha256(read(os.path.join(blobs, name))), "sha256:" + name)

    def test_it_runs_with_a_root_that_is_read_only(self):
        """As a runtime does it: the layer unpacked, its user, no other right, nothing to write."""
        self.unpacked(KINDS[1])
        index = json.loads(read(os.path.join(self.folder, "index.json")))

        def blob(reference):
            return os.path.join(self.folder, "blobs", reference["digest"].replace(":", "/"))

        manifest = json.loads(read(blob(index["manifests"][0])))
        root = os.path.join(self.folder, "root")
        with tarfile.open(blob(manifest["layers"][0])) as tar:
            tar.extractall(root, numeric_owner=True)
        os.mkdir(os.path.join(root, "proc"))
        # Its ports are its own, as in a container.
        script = (f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && "
                  f"mount -t tmpfs -o uid={IMAGE_USER},mode=750 tmpfs {root}/run/sluice && "
                  f"mount --bind /proc {root}/proc && ip link set lo up && "
                  "exec setpriv --no-new-privs --inh-caps -all "
                  f"chroot --userspec={IMAGE_USER}:{IMAGE_USER} --groups= {root} "
                  "/usr/bin/sluice --config /etc/sluice/sluice.yaml")
        proxy = Process("unshare", "--mount", "--net", "sh", "-c", script)
        self.addCleanup(proxy.kill)
        proxy.wait_line("listener web: listening on 0.0.0.0:8080")
        inside = ["nsenter", "--target", proxy.pid, "--mount", "--net", "chroot",
                  f"--userspec={IMAGE_USER}:{IMAGE_USER}", "--groups=", root, "/usr/bin/sluice"]

        def ready():
            done = run(*inside, "ctl", "ready")
            return done.returncode == 0 and done

        wait_for(ready, "the health check")
        self.assertIn("sluice", run(*inside, "ctl", "status").stdout)
        proxy.send_signal(15)
        self.assertEqual(proxy.wait(), 0, proxy.text())


class Contents(unittest.TestCase):
    def test_every_library_is_named(self):
        with open(release_file(KINDS[2]), encoding="utf-8") as file:
            document = json.load(file)
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        packages = {each["name"]: each for each in document["packages"]}
        self.assertLessEqual({"sluice", "libc6-dev", "libmicrohttpd-dev", "libjemalloc-dev",
                              "libncurses-dev", "libjs-chart.js", "libspdlog-dev",
                              "nlohmann-json3-dev"}, set(packages))
        for name, each in packages.items():
            self.assertRegex(each["SPDXID"], r"^SPDXRef-[A-Za-z0-9.-]+$")
            self.assertTrue(each["versionInfo"] and each["licenseDeclared"], name)
        ids = {each["SPDXID"] for each in document["packages"]} | {"SPDXRef-DOCUMENT"}
        self.assertEqual(len(ids), len(packages) + 1)
        for each in document["relationships"]:
            self.assertLessEqual({each["spdxElementId"], each["relatedSpdxElement"]}, ids)
        with tarfile.open(release_file(KINDS[0])) as tar:
            (binary,) = [name for name in tar.getnames() if name.endswith("/sluice")]
            digest = hashlib.sha256(tar.extractfile(binary).read()).hexdigest()
        self.assertEqual(packages["sluice"]["checksums"][0]["checksumValue"], digest)


if __name__ == "__main__":
    while len(sys.argv) > 1 and "=" in sys.argv[-1]:
        key, path = sys.argv.pop().split("=", 1)
        INPUTS[key] = os.path.abspath(path)
    unittest.main()
