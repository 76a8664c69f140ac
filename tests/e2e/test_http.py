"""curl and wrk through the proxy to nginx."""

import os
import re

import servers
from harness import main, matrix
from processes import run, scaled

SIZES = (0, 1, 1000, 65536, 65537, 1 << 20, scaled(24 << 20, 1 << 20) + 7)


def setUpModule():
    global nginx
    nginx = servers.module_server(servers.Nginx())
    for size in SIZES:
        with open(os.path.join(nginx.files, f"{size}.bin"), "wb") as file:
            file.write(os.urandom(size))


def content(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


@matrix(workers=(1, 2))
class Http:
    def setUp(self):
        self.web = self.proxy([nginx.endpoint], log={"level": "info"})
        self.folder = self.new_folder()

    def url(self, name):
        return f"http://127.0.0.1:{self.web.port}/{name}"

    def curl(self, *arguments):
        done = run("curl", "--fail", "--silent", "--show-error", "--noproxy", "*", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def download_all(self, *options):
        """All files in one curl; checks them and returns the connections that curl made."""
        transfers = []
        for size in SIZES:
            transfers += ["-o", f"{self.folder}/{size}", self.url(f"{size}.bin")]
        connects = self.curl("-w", "%{num_connects}\n", *options, *transfers)
        for size in SIZES:
            self.assertEqual(content(self.folder, str(size)), content(nginx.files, f"{size}.bin"),
                             f"file of {size} bytes")
        return sum(map(int, connects.split()))

    def test_curl_keep_alive(self):
        self.assertEqual(self.download_all(), 1)

    def test_curl_connection_close(self):
        self.assertEqual(self.download_all("-H", "Connection: close"), len(SIZES))

    def test_curl_upload(self):
        name = f"{self.id()}.put"
        source = os.path.join(nginx.files, f"{SIZES[-1]}.bin")
        self.curl("--upload-file", source, self.url(name))
        self.assertEqual(content(nginx.files, name), content(source))
        os.unlink(os.path.join(nginx.files, name))

    def check_wrk(self, file, *options):
        done = run("wrk", "-t1", "-c64", "-d1s", *options, self.url(file))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotRegex(done.stdout, "Socket errors|Non-2xx")
        self.assertGreater(int(re.search(r"(\d+) requests in", done.stdout)[1]), scaled(200, 5))

    def test_wrk_keep_alive(self):
        self.check_wrk("1000.bin")

    def test_wrk_connection_close(self):
        self.check_wrk("65537.bin", "-H", "Connection: close")


if __name__ == "__main__":
    main()
