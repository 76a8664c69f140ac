"""Routes with real clients: TLS handshakes of openssl, curl and Python, ssh and psql."""

import socket
import ssl
import subprocess

import hello
import servers
import sockets
from harness import main, matrix
from processes import run

NAMES = ("a.example", "b.example")


def setUpModule():
    global TLS
    TLS = {name: servers.module_server(servers.Tls(name)) for name in NAMES}


@matrix(workers=(2,))
class TlsRoutes:
    def start(self, **options):
        config = self.config([TLS["b.example"].endpoint], listener={
            "routes": [{"sni": "a.example", "upstream": "a"}, {"protocol": "ssh", "upstream": "s"},
                       {"protocol": "postgres", "upstream": "p"}],
            "preread": {"timeout": "1h"}}, **options)
        self.peers = {name: self.keep(sockets.Listener()) for name in "sp"}
        config["upstreams"] += [{"name": "a", "endpoints": [TLS["a.example"].endpoint]}]
        config["upstreams"] += [{"name": name, "endpoints": [self.peers[name].text]}
                                for name in "sp"]
        return self.started_proxy(config)

    def test_openssl(self):
        proxy = self.start()
        for version in ("-tls1_2", "-tls1_3"):
            for name in NAMES:
                done = run("openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", version,
                           "-servername", name, "-CAfile", TLS[name].certificate,
                           "-verify_return_error", "-verify_hostname", name, "-alpn", "http/1.1")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_curl(self):
        proxy = self.start()
        for name in NAMES:
            for version in ("1.2", "1.3"):
                done = run("curl", "-sS", "--cacert", TLS[name].certificate, "--tls-max", version,
                           f"--tlsv{version}", "--resolve", f"{name}:{proxy.port}:127.0.0.1",
                           "--http1.1", f"https://{name}:{proxy.port}/")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("s_server", done.stdout)

    def test_a_client_that_names_no_server(self):
        proxy = self.start()
        context = ssl.create_default_context(cafile=TLS["b.example"].certificate)
        context.check_hostname = False
        with proxy.connect() as plain, context.wrap_socket(plain) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"200", client.recv(4096))

    def test_a_handshake_byte_by_byte(self):
        """Through a relay in memory: what the client wants to send goes out in single bytes."""
        proxy = self.start()
        context = ssl.create_default_context(cafile=TLS["a.example"].certificate)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="a.example")
        with proxy.connect() as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        plain.sendall(bytes([byte]))
                    incoming.write(plain.recv(65536))
        self.assertEqual(client.getpeercert()["subjectAltName"], (("DNS", "a.example"),))

    def test_ssh(self):
        proxy = self.start()
        ssh = self.keep(subprocess.Popen(
            ["ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-F",
             "none", "-p", str(proxy.port), "nobody@127.0.0.1", "true"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.addCleanup(ssh.wait)
        server = self.keep(self.peers["s"].accept())
        self.assertEqual(sockets.read_exactly(server, 8), b"SSH-2.0-")
        server.sendall(b"SSH-2.0-test\r\n")
        while b"curve25519" not in server.recv(65536):  # it goes on with the exchange of keys
            pass

    def test_psql(self):
        proxy = self.start()
        psql = self.keep(subprocess.Popen(
            ["psql", f"host=127.0.0.1 port={proxy.port} sslmode=require user=me dbname=x"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.addCleanup(psql.wait)
        server = self.keep(self.peers["p"].accept())
        self.assertEqual(sockets.read_exactly(server, 8), hello.POSTGRES)
        server.sendall(b"S")
        self.assertEqual(sockets.read_exactly(server, 3)[:2], b"\x16\x03")


if __name__ == "__main__":
    main()
