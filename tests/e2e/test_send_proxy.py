"""send_proxy: servers learn the client's address from the first bytes of each connection."""

import os
import re
import socket
import struct

import servers
import sockets
from harness import main, matrix

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
DATA_SEGMENTS_IN = 152  # the offset of tcpi_data_segs_in in struct tcp_info


@matrix()
class SendProxy:
    """Headers in front of what clients send."""

    def start(self, send_proxy, **options):
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text], upstream={"send_proxy": send_proxy}, **options)

    def accepted(self, client):
        server = self.keep(self.listener.accept())
        return server, client.getsockname(), client.getpeername()

    def test_version_1_comes_without_a_byte_of_the_client(self):
        self.start("v1")
        client = self.keep(self.web.connect())
        server, source, target = self.accepted(client)
        line = "PROXY TCP4 %s %s %d %d\r\n" % (source[0], target[0], source[1], target[1])
        self.assertEqual(sockets.read_exactly(server, len(line)), line.encode())
        server.sendall(b"220 ready\r\n")
        self.assertEqual(sockets.read_exactly(client, 11), b"220 ready\r\n")
        client.sendall(b"QUIT\r\n")
        self.assertEqual(sockets.read_exactly(server, 6), b"QUIT\r\n")

    def test_version_2(self):
        self.start({"version": "v2", "tlvs": ["crc32c"]})
        client = self.keep(self.web.connect())
        client.sendall(b"hello")
        server, source, target = self.accepted(client)
        header = sockets.read_exactly(server, 16 + 12 + 7)
        self.assertEqual(header[:16], SIGNATURE + b"\x21\x11\x00\x13")
        self.assertEqual(header[16:28], socket.inet_aton(source[0]) + socket.inet_aton(target[0]) +
                         struct.pack(">HH", source[1], target[1]))
        self.assertEqual(header[28:31], b"\x03\x00\x04")
        self.assertEqual(sockets.read_exactly(server, 5), b"hello")

    def test_ipv6_and_unix_clients(self):
        path = os.path.join(self.new_folder(), "web.sock")
        self.start("v2", bind=["[::1]:0", "unix:" + path])
        client = self.keep(self.web.connect(index=0))
        server, source, target = self.accepted(client)
        header = sockets.read_exactly(server, 16 + 36)
        self.assertEqual(header[:16], SIGNATURE + b"\x21\x21\x00\x24")
        self.assertEqual(header[16:32], socket.inet_pton(socket.AF_INET6, source[0]))
        self.assertEqual(header[48:], struct.pack(">HH", source[1], target[1]))
        client = self.keep(sockets.connect(path))
        server = self.keep(self.listener.accept())
        header = sockets.read_exactly(server, 16 + 216)
        self.assertEqual(header[:16], SIGNATURE + b"\x21\x31\x00\xd8")
        self.assertEqual(header[16 + 108:].rstrip(b"\0"), path.encode())

    def test_a_byte_that_is_there_goes_in_the_same_segment(self):
        """The second endpoint takes the connection when the client has sent for long."""
        with sockets.Listener() as late:
            address = late.address
        web = self.proxy([sockets.text_of(address)],
                         upstream={"send_proxy": "v1", "retry_for": "30s",
                                   "connect_backoff": "10ms"})
        client = self.keep(web.connect())
        client.sendall(b"hello")
        web.wait_line("upstream app: endpoint .* cannot be reached|cannot connect|refused")
        server = socket.socket()
        self.keep(server)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen()
        accepted = self.keep(server.accept()[0])
        line = re.compile(rb"PROXY TCP4 [^\r]*\r\nhello$")
        received = b""
        while not received.endswith(b"hello"):
            received += accepted.recv(4096)
        self.assertRegex(received, line)
        info = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        self.assertEqual(struct.unpack_from("I", info, DATA_SEGMENTS_IN)[0], 1)

    def test_the_next_endpoint_gets_a_header_too(self):
        with sockets.Listener() as gone:
            nobody = gone.text
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([nobody, self.listener.text],
                              upstream={"send_proxy": "v1", "balance": "first"})
        client = self.keep(self.web.connect())
        server, source, target = self.accepted(client)
        line = "PROXY TCP4 %s %s %d %d\r\n" % (source[0], target[0], source[1], target[1])
        self.assertEqual(sockets.read_exactly(server, len(line)), line.encode())

    def test_a_header_is_no_byte_of_the_client(self):
        self.start("v1", access_log={"path": "stdout", "format": "json"})
        client = self.keep(self.web.connect())
        client.sendall(b"12345")
        server = self.accepted(client)[0]
        received = b""
        while not received.endswith(b"12345"):
            received += server.recv(4096)
        server.close()
        client.close()
        self.web.wait_session_end()
        self.web.wait_line(r'"bytes_up":5\b')

    def first_bytes_of_a_check(self, send_proxy, **health):
        """What the endpoint is sent, or another address if that is what is checked."""
        listener = self.keep(sockets.Listener())
        self.proxy([listener.text], upstream={"send_proxy": send_proxy,
                                              "health": {"interval": "200ms", **health}})
        return self.keep(listener.accept())

    def test_checks_say_that_they_are_nobodys(self):
        local = SIGNATURE + b"\x20\x00\x00\x00"
        for check, after in (({"check": "connect"}, b""),
                             ({"check": "http"}, b"GET / HTTP/1.1\r\n"),
                             ({"check": "exchange",
                               "exchange": [{"send": "PING", "expect": "PONG"}]}, b"PING"),
                             ({"check": "exchange", "exchange": [{"expect": "220"}]}, b"")):
            with self.subTest(str(check)):
                server = self.first_bytes_of_a_check("v2", **check)
                expected = local + after
                self.assertEqual(sockets.read_exactly(server, len(expected)), expected)
        server = self.first_bytes_of_a_check("v1", check="http")
        self.assertEqual(sockets.read_exactly(server, 21), b"PROXY UNKNOWN\r\nGET / ")

    def test_checks_of_another_address_say_nothing(self):
        other = self.keep(sockets.Listener())
        self.proxy([sockets.text_of((sockets.HOST, sockets.free_port()))],
                   upstream={"send_proxy": "v2", "health": {"check": "http",
                                                         "port": other.address[1]}})
        self.assertEqual(sockets.read_exactly(self.keep(other.accept()), 6), b"GET / ")

    def test_nginx_believes_it(self):
        nginx = self.keep(servers.NginxThatIsTold())
        for version in ("v1", "v2"):
            with self.subTest(version):
                web = self.proxy([nginx.endpoint], upstream={"send_proxy": version})
                with web.connect() as client:
                    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    answer = b""
                    while piece := client.recv(4096):
                        answer += piece
                    host, port = client.getsockname()[:2]
                    self.assertIn(("\r\n\r\n%s %d " % (host, port)).encode(), answer)


if __name__ == "__main__":
    main()
