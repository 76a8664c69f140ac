"""proxy_protocol: a balancer in front says in a header whose connection it passes on."""

import os
import random
import select
import signal
import socket
import struct
import threading
import time

import hello
import servers
import sockets
from admin import Administered
from harness import MiB, main, matrix
from processes import wait_for
from records import Records
from reloading import Reloading

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = "203.0.113.7"
OTHER = "198.51.100.9"


def line(client=CLIENT, port=51514):
    return b"PROXY TCP4 %s 192.0.2.1 %d 443\r\n" % (client.encode(), port)


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def block(command, kind, rest):
    return SIGNATURE + struct.pack(">BBH", command, kind, len(rest)) + rest


def ipv4(client=CLIENT, port=51514):
    return socket.inet_aton(client) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", port, 443)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def checked(rest):
    header = block(0x21, 0x11, rest + tlv(3, bytes(4)))
    return header[:-4] + struct.pack(">I", crc32c(header))


LOCAL = block(0x20, 0, b"")
IPV6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::7") +
        socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack(">HH", 51514, 443))

# (header, the client that it says; None: the socket's)
GOOD = [
    (line(), f"{CLIENT}:51514"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 51514 443\r\n", "[2001:db8::7]:51514"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),
    (block(0x21, 0x11, ipv4()), f"{CLIENT}:51514"),
    (block(0x21, 0x21, IPV6), "[2001:db8::7]:51514"),
    (block(0x21, 0x31, b"/run/c".ljust(108, b"\0") + b"/run/s".ljust(108, b"\0")), "unix:/run/c"),
    (block(0x21, 0x00, b""), None),
    (LOCAL, None),
    (checked(ipv4() + tlv(1, b"h2") + tlv(4, bytes(2000))), f"{CLIENT}:51514"),
]

BAD = [
    b"PROXY UNKNOWN " + b"x" * 93,
    line().replace(b" 443", b" 0443"),
    line().replace(b"203", b"0203"),
    line().replace(b"TCP4", b"TCP6"),
    line().replace(b"TCP4", b"UDP4"),
    line().replace(b"\r\n", b"\n"),
    block(0x11, 0x11, ipv4()),
    block(0x22, 0x11, ipv4()),
    block(0x21, 0x51, ipv4()),
    block(0x21, 0x21, ipv4()),
    block(0x21, 0x11, ipv4() + b"\4\0\5x"),
    block(0x21, 0x11, ipv4() + tlv(3, b"abcd")),
    SIGNATURE + b"\x21\x11\xff\xff",
]


class Balanced(Administered, Reloading):
    """A proxy behind a balancer, which is the test, in front of a server, which is it too."""

    def start(self, accept="required", trusted=("127.0.0.0/8",), timeout="20s", late=False,
              upstream=None, **options):
        self.listener = self.keep(sockets.Listener())
        self.records = Records(self.new_folder())
        listener = {"proxy_protocol": {"accept": accept, "trusted": list(trusted),
                                       "timeout": timeout, "late": late},
                    **options.pop("listener", {})}
        options.setdefault("access_log", {**self.records.section, "rejected": True})
        self.web = self.proxy([self.listener.text], listener=listener, upstream=upstream,
                              admin={"bind": f"unix:{self.unix_path()}"}, **options)
        self.admin = self.found(self.web)

    def client(self, data=b"", **options):
        client = self.keep(self.web.connect(**options))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(data)
        return client

    def nobody_comes(self):
        self.assertEqual(select.select([self.listener.socket], [], [], 0)[0], [])

    def served(self, client, expected=b"hello"):
        """What the server gets begins with `expected`; then the session is established."""
        server = self.keep(self.listener.accept())
        self.assertEqual(sockets.read_exactly(server, len(expected)), expected)
        sockets.exchange(client, server)
        return server

    def rejected(self, client, reason="proxy_protocol_error", by="client", count=1):
        self.assertEqual(sockets.ending(client), "reset")
        record = self.records.wait(count)[count - 1]
        self.assertEqual((record["reason"], record["by"]), (reason, by), record)
        self.assertEqual((record["bytes_up"], record["endpoint"]), (0, None), record)
        return record

    def in_stage(self, stage, count=1):
        return wait_for(lambda: len(found := self.admin.json(f"sessions?stage={stage}")) == count
                        and found, f"{count} sessions in {stage}")


@matrix()
class Headers(Balanced):
    def test_good_ones_are_taken_off(self):
        self.start()
        for count, (header, told) in enumerate(GOOD, start=1):
            client = self.client(header + b"hello")
            server = self.served(client)
            source = sockets.text_of(client.getsockname())
            session = self.in_stage("relay")[0]
            self.assertEqual((session["client"], session["peer"]), (told or source, source))
            client.close()
            self.assertEqual(sockets.read_to_end(server), (b"", "eof"))
            server.close()
            record = self.records.wait(count)[-1]
            self.assertEqual((record["client"], record["peer"]), (told or source, source))
            self.assertEqual(record["proxy_source"], told)
            self.assertEqual((record["bytes_up"], record["bytes_down"]), (9, 4), header)
            self.wait_gone()

    def wait_gone(self):
        wait_for(lambda: not self.admin.json("sessions"), "the session to leave")

    def test_byte_by_byte(self):
        self.start()
        for header, _ in (GOOD[0], GOOD[4], GOOD[9]):
            client = self.client()
            for byte in header[:60]:
                client.sendall(bytes([byte]))
            client.sendall(header[60:-1] if len(header) > 60 else b"")
            if len(header) > 60:
                self.in_stage("identify")
                self.nobody_comes()
            client.sendall(header[-1:] + b"hello" if len(header) > 60 else b"hello")
            self.served(client).close()
            client.close()
            self.wait_gone()

    def test_glued_to_a_mebibyte(self):
        self.start()
        payload = random.Random(7).randbytes(MiB)
        for header, _ in (GOOD[0], GOOD[9]):
            client = self.client()
            sender = threading.Thread(target=client.sendall, args=(header + payload,))
            sender.start()
            self.addCleanup(sender.join)
            server = self.keep(self.listener.accept())
            self.assertEqual(sockets.read_exactly(server, MiB), payload)

    def test_bad_ones_end_it_and_nothing_reaches_the_server(self):
        self.start()
        for count, header in enumerate(BAD, start=1):
            client = self.client(header + b"hello" * 40)
            self.rejected(client, count=count)
        self.nobody_comes()
        self.assertIn("listener web: PROXY header of ", self.web.text())

    def test_a_missing_one_ends_it_at_once(self):
        self.start()
        self.rejected(self.client(b"GET / HTTP/1.1\r\n\r\n"))
        for count, data in enumerate((b"", line()[:9], b"PRO"), start=2):
            client = self.client(data)
            client.shutdown(socket.SHUT_WR)
            self.rejected(client, count=count)
        self.nobody_comes()

    def test_one_that_was_optional(self):
        self.start(accept="optional", timeout="30s")
        for data in (b"hello", b"PROXXhello", b"\r\n\r\nhello"):
            began = time.monotonic()
            client = self.client(data)
            self.served(client, data)
            self.assertLess(time.monotonic() - began, 15)
        client = self.client()
        for byte in b"PROX":
            client.sendall(bytes([byte]))
        self.in_stage("identify")
        client.sendall(b"Yhello")
        self.served(client, b"PROXYhello")
        client = self.client(line() + b"hello")
        self.served(client)
        for header in (BAD[1], BAD[11]):
            self.assertEqual(sockets.ending(self.client(header)), "reset")

    def test_a_client_that_ends_without_one(self):
        self.start(accept="optional")
        client = self.client(b"PRO")
        client.shutdown(socket.SHUT_WR)
        server = self.keep(self.listener.accept())
        self.assertEqual(sockets.read_to_end(server), (b"PRO", "eof"))
        server.sendall(b"bye")
        self.assertEqual(sockets.read_exactly(client, 3), b"bye")

    def test_unix(self):
        path = os.path.join(self.new_folder(), "web.sock")
        self.start(bind="unix:" + path, trusted=["unix"])
        client = self.keep(sockets.connect(path))
        client.sendall(line() + b"hello")
        self.served(client)
        self.assertEqual(self.in_stage("relay")[0]["client"], f"{CLIENT}:51514")

    def test_an_urgent_byte_on_a_unix_socket(self):
        """It is seen like any other: nothing is left that a poll tells of and a peek does not."""
        for late in (False, True):
            path = os.path.join(self.new_folder(), "web.sock")
            self.start(accept="optional", timeout="1h", late=late, bind="unix:" + path,
                       trusted=["unix"])
            for before in (b"", b"PROX"):
                client = self.keep(sockets.connect(path))
                client.sendall(before)
                client.send(b"!", socket.MSG_OOB)
                self.served(client, before + b"!")

    def test_tlvs_are_logged(self):
        self.start()
        ssl = b"\x07\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"alice")
        header = checked(ipv4() + tlv(1, b"h2") + tlv(2, b"www.example.org") + tlv(5, b"id\xff") +
                         tlv(0x30, b"blue") + tlv(0x20, ssl) + tlv(0xea, b"\1vpce-1") +
                         tlv(0xee, b"\1\x07\0\0\0"))
        client = self.client(header + b"hello")
        self.served(client).close()
        sockets.ending(client)
        client.close()
        record = self.records.wait()[0]
        self.assertEqual(
            {key[6:]: value for key, value in record.items() if key.startswith("proxy_")},
            {"source": f"{CLIENT}:51514", "destination": "192.0.2.1:443", "alpn": "h2",
             "authority": "www.example.org", "unique_id": "id\\xff", "netns": "blue",
             "aws_vpce": "vpce-1", "azure_link": 7, "ssl_version": "TLSv1.3", "ssl_cn": "alice",
             "ssl_verify": 0})


@matrix(workers=(2,))
class Trust(Balanced):
    def test_who_is_not_trusted_may_send_none(self):
        self.start(accept="optional", trusted=["192.0.2.0/24"])
        self.rejected(self.client(line() + b"hello"))
        self.rejected(self.client(SIGNATURE), count=2)
        client = self.client(b"hello")
        self.served(client)

    def test_where_it_is_required_it_may_not_connect(self):
        self.start(trusted=["192.0.2.0/24", "unix"])
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        self.assertEqual(self.records.wait()[0]["reason"], "proxy_protocol_error")
        self.nobody_comes()

    def test_per_source_counts_the_address_in_it(self):
        self.start(listener={"per_source": {"max_connections": 1}}, stats={"interval": "50ms"})
        first = self.client(line(CLIENT, 1) + b"hello")
        server = self.served(first)
        record = self.rejected(self.client(line(CLIENT, 2) + b"hello"), "source", "proxy")
        self.assertEqual((record["record"], record["client"]), ("rejected", f"{CLIENT}:2"))
        self.served(self.client(line(OTHER) + b"hello"))
        for _ in range(3):  # the balancer's own
            self.served(self.client(LOCAL + b"hello"))
        self.web.wait_stats(rejected_source=1)
        metric = 'sluice_rejections_total{listener="web",reason="source"}'
        self.assertEqual(self.admin.metrics()[metric], 1)
        first.close()
        server.close()
        self.records.wait(2)
        self.served(self.client(line(CLIENT, 3) + b"hello"))

    def test_access_lists_decide_on_it(self):
        self.start(listener={"access": {"allow": [OTHER]}}, access={"deny": ["203.0.113.0/24"]})
        for count, (header, rule) in enumerate(((line(), "deny 203.0.113.0/24"),
                                                (line("192.0.2.77"), "no network"),
                                                (LOCAL, "no network")), start=1):
            record = self.rejected(self.client(header + b"hello"), "access", "proxy", count)
            self.assertEqual((record["record"], record["rule"]), ("rejected", rule))
        self.nobody_comes()
        self.served(self.client(line(OTHER) + b"hello"))

    def test_where_there_is_none_it_is_the_sockets(self):
        """A client that is not trusted counts and is let in as everywhere."""
        self.start(accept="optional", trusted=["192.0.2.0/24"],
                   listener={"per_source": {"max_connections": 1}})
        self.served(self.client(b"hello"))
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")


@matrix(workers=(2,))
class Times(Balanced):
    def test_silence(self):
        self.start(timeout="200ms")
        began = time.monotonic()
        self.rejected(self.client(), "proxy_protocol_timeout", "proxy")
        self.assertGreaterEqual(time.monotonic() - began, 0.19)
        self.rejected(self.client(line()[:20]), "proxy_protocol_timeout", "proxy", count=2)
        self.nobody_comes()

    def test_a_trickle_is_not_waited_for(self):
        self.start(timeout="400ms")
        began = time.monotonic()
        client = self.client()
        try:
            for byte in line() * 5:
                client.sendall(bytes([byte]))
                if select.select([client], [], [], 0.05)[0]:
                    break
        except ConnectionError:
            pass
        self.assertLess(time.monotonic() - began, 1.5)  # all of it takes 2 s for each line
        self.records.wait()
        self.assertEqual(self.records.all()[0]["reason"], "proxy_protocol_timeout")
        self.nobody_comes()

    def test_silence_is_no_header_where_it_is_optional(self):
        self.start(accept="optional", timeout="100ms")
        client = self.client()
        server = self.keep(self.listener.accept())
        server.sendall(b"220 ready\r\n")
        self.assertEqual(sockets.read_exactly(client, 11), b"220 ready\r\n")
        client = self.client(b"PROX")
        self.served(client, b"PROX")
        self.assertEqual(sockets.ending(self.client(SIGNATURE)), "reset")  # it has begun


def tlvs_of(header):
    """Those behind the addresses of IPv4, without the checksum."""
    rest, found = header[28:], {}
    while rest:
        kind, size = struct.unpack_from(">BH", rest)
        found[kind] = rest[3:3 + size]
        rest = rest[3 + size:]
    found.pop(3, None)
    return found


@matrix(workers=(2,))
class Uses(Balanced):
    ALL = {"version": "v2", "tlvs": ["unique_id", "authority", "alpn", "crc32c"]}

    def told(self, server):
        start = sockets.read_exactly(server, 16)
        header = start + sockets.read_exactly(server, struct.unpack(">H", start[14:])[0])
        self.assertEqual(header[:12], SIGNATURE)
        return tlvs_of(header)

    def test_tlvs_are_sent_on(self):
        self.start(upstream={"send_proxy": self.ALL})
        self.client(checked(ipv4() + tlv(1, b"h2") + tlv(2, b"a.example") + tlv(5, b"id\xff") +
                            tlv(0xea, b"\1vpce-1")) + b"hello")
        server = self.keep(self.listener.accept())
        self.assertEqual(self.told(server), {1: b"h2", 2: b"a.example", 5: b"id\xff"})
        self.assertEqual(sockets.read_exactly(server, 5), b"hello")

    def test_an_id_is_made_and_logged(self):
        self.start(accept="optional", upstream={"send_proxy": self.ALL})
        run = self.admin.json("events")["run"]
        made = set()
        for _ in range(3):
            client = self.client(b"hello")
            server = self.keep(self.listener.accept())
            number = self.in_stage("relay")[0]["id"]
            self.assertEqual(self.told(server), {5: f"{run}-{number}".encode()})
            client.close()
            server.close()
            made.add(f"{run}-{number}")
            wait_for(lambda: not self.admin.json("sessions"), "the session to leave")
        self.assertEqual({each["unique_id"] for each in self.records.wait(3)}, made)

    def test_it_is_sent_on(self):
        self.start(upstream={"send_proxy": "v2"})
        client = self.client(line() + b"hello")
        server = self.keep(self.listener.accept())
        expected = block(0x21, 0x11, ipv4()) + b"hello"
        self.assertEqual(sockets.read_exactly(server, len(expected)), expected)
        client = self.client(LOCAL + b"hello")
        server = self.keep(self.listener.accept())
        address = client.getsockname()
        self.assertEqual(sockets.read_exactly(server, 20)[16:], socket.inet_aton(address[0]))

    def test_bytes_that_are_none_go_behind_the_one_that_is_sent(self):
        self.start(accept="optional", upstream={"send_proxy": "v1"})
        client = self.client(b"P")
        self.in_stage("identify")
        client.sendall(b"OST")
        server = self.keep(self.listener.accept())
        address, target = client.getsockname(), client.getpeername()
        expected = b"PROXY TCP4 %s %s %d %d\r\nPOST" % (
            address[0].encode(), target[0].encode(), address[1], target[1])
        self.assertEqual(sockets.read_exactly(server, len(expected)), expected)

    def test_nginx_is_told(self):
        nginx = self.keep(servers.NginxThatIsTold())
        web = self.proxy([nginx.endpoint], upstream={"send_proxy": "v1"},
                         listener={"proxy_protocol": {"accept": "required",
                                                      "trusted": ["127.0.0.0/8"]}})
        client = self.keep(web.connect())
        client.sendall(line() + b"GET / HTTP/1.0\r\n\r\n")
        answer = sockets.read_to_end(client)[0]
        self.assertTrue(answer.endswith(f"{CLIENT} 51514 ".encode()), answer)

    def test_hash_goes_by_it_if_told(self):
        for on, least, most in (("source", 1, 1), ("proxy_source", 2, 4)):
            listeners = [self.keep(sockets.Listener()) for _ in range(4)]
            web = self.proxy([each.text for each in listeners],
                             listener={"proxy_protocol": {"accept": "required",
                                                          "trusted": ["127.0.0.0/8"]}},
                             upstream={"balance": "source_hash", "hash": {"on": on}})
            used = set()
            for number in range(24):
                client = self.keep(web.connect())
                client.sendall(line(f"203.0.113.{number}"))
                ready = sockets.ready_of(listeners)
                used.add(listeners.index(ready))
                self.keep(ready.accept())
            self.assertTrue(least <= len(used) <= most, used)


@matrix(workers=(2,))
class Ends(Balanced):
    def test_kill_in_the_stage(self):
        self.start()
        client = self.client(line()[:10])
        session = self.in_stage("identify")[0]
        self.assertEqual(self.admin.ask("DELETE", f"/api/v1/sessions/{session['id']}").status, 200)
        self.rejected(client, "killed", "admin")

    def test_a_drain_resets_it_at_once(self):
        self.start(shutdown={"drain_timeout": "20s"})
        waits = self.client(line()[:10])
        self.in_stage("identify")
        serves = self.client(line() + b"hello")
        server = self.served(serves)
        began = time.monotonic()
        self.web.send_signal(signal.SIGTERM)
        self.rejected(waits, "shutdown", "proxy")
        self.assertLess(time.monotonic() - began, 10)
        sockets.exchange(serves, server)
        serves.close()
        server.close()
        self.assertEqual(self.web.wait(), 0)

    def test_a_client_that_resets(self):
        self.start()
        client = self.client(line()[:10])
        self.in_stage("identify")
        sockets.reset(client)
        record = self.records.wait()[0]
        self.assertEqual((record["reason"], record["by"]), ("reset", "client"))

    def test_max_lifetime(self):
        self.start(listener={"timeouts": {"max_lifetime": "200ms"}})
        self.rejected(self.client(line()[:10]), "max_lifetime", "proxy")

    def test_a_reload_leaves_those_in_the_stage_alone(self):
        self.start()
        client = self.client(line()[:10])
        self.in_stage("identify")
        config = self.config([self.listener.text],
                             admin={"bind": str(self.admin)},
                             access_log={**self.records.section, "rejected": True})
        self.reload(self.web, config)
        plain = self.client(b"hello")
        self.served(plain)
        client.sendall(line()[10:] + b"hello")
        self.served(client)
        told = sorted(each["client"] for each in self.admin.json("sessions"))
        self.assertIn(f"{CLIENT}:51514", told)


@matrix(workers=(2,))
class Late(Balanced):
    def greeted(self, client):
        server = self.keep(self.listener.accept())
        server.sendall(b"220 ready\r\n")
        self.assertEqual(sockets.read_exactly(client, 11), b"220 ready\r\n")
        return server

    def test_it_comes_with_the_first_bytes(self):
        self.start(late=True)
        for header in (line(), block(0x21, 0x11, ipv4())):
            client = self.client()
            server = self.greeted(client)
            for byte in header[:-1]:
                client.sendall(bytes([byte]))
            client.sendall(header[-1:] + b"EHLO")
            self.assertEqual(sockets.read_exactly(server, 4), b"EHLO")
            server.sendall(b"250")
            self.assertEqual(sockets.read_exactly(client, 3), b"250")
            self.assertEqual(self.in_stage("relay")[0]["client"], f"{CLIENT}:51514")
            client.close()
            self.assertEqual(sockets.read_to_end(server), (b"", "eof"))
            server.close()
            wait_for(lambda: not self.admin.json("sessions"), "the session to leave")
        record = self.records.wait(2)[1]
        self.assertEqual((record["client"], record["bytes_up"]), (f"{CLIENT}:51514", 4))

    def test_none_of_it_reaches_the_server(self):
        self.start(late=True)
        for count, data in enumerate((b"EHLO", BAD[1], BAD[11]), start=1):
            client = self.client()
            server = self.greeted(client)
            client.sendall(data)
            self.assertEqual(sockets.ending(client), "reset")
            self.assertEqual(sockets.read_to_end(server), (b"", "reset"))
            record = self.records.wait(count)[-1]
            self.assertEqual((record["reason"], record["bytes_up"]), ("proxy_protocol_error", 0))

    def test_optional(self):
        self.start(accept="optional", late=True, timeout="200ms")
        for data in (b"EHLO", b"PROX"):
            client = self.client()
            server = self.greeted(client)
            client.sendall(data)
            self.assertEqual(sockets.read_exactly(server, 4), data)
            sockets.exchange(client, server)
        client = self.client()
        server = self.greeted(client)
        client.sendall(SIGNATURE)
        self.assertEqual(sockets.ending(client), "reset")
        self.assertEqual(sockets.read_to_end(server), (b"", "reset"))
        self.assertEqual(self.records.wait()[0]["reason"], "proxy_protocol_timeout")

    def test_ends_while_it_is_awaited(self):
        self.start(accept="optional", late=True)
        client = self.client()
        server = self.greeted(client)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.read_to_end(server), (b"", "eof"))
        server.sendall(b"bye")
        server.close()
        self.assertEqual(sockets.read_to_end(client), (b"bye", "eof"))
        client = self.client()
        server = self.greeted(client)
        sockets.reset(client)
        self.assertEqual(sockets.read_to_end(server), (b"", "reset"))
        reasons = [(each["by"], each["reason"]) for each in self.records.wait(2)]
        self.assertEqual(reasons, [("client", "closed"), ("client", "reset")])

    def test_a_reset_is_the_clients_wherever_it_comes(self):
        """Within the header, in silence, behind what is no header; also beside an answer that it
        has not read."""
        self.start(late=True)
        count = 0
        for beginning in (b"", line()[:9], block(0x21, 0x11, ipv4())[:20]):
            for answers in (False, True):
                with self.subTest(beginning=beginning, answers=answers):
                    client = self.client()
                    server = self.greeted(client)
                    if answers:
                        sockets.fill(server)
                    client.sendall(beginning)
                    sockets.reset(client)
                    self.assertEqual(sockets.read_to_end(server), (b"", "reset"))
                    count += 1
                    record = self.records.wait(count)[-1]
                    self.assertEqual((record["by"], record["reason"]), ("client", "reset"))

    def test_not_for_whom_is_not_trusted(self):
        self.start(accept="optional", late=True, trusted=["192.0.2.0/24"])
        client = self.client()
        server = self.greeted(client)
        client.sendall(line())
        self.assertEqual(sockets.ending(client), "reset")
        self.assertEqual(sockets.read_to_end(server), (b"", "reset"))


@matrix(workers=(2,))
class RoutesBehind(Balanced):
    """Who the client is comes first, and then where it goes."""

    def start(self, accept="required", timeout="20s", preread=None, send_proxy="off", **options):
        self.listener = self.keep(sockets.Listener())
        self.routed = self.keep(sockets.Listener())
        self.records = Records(self.new_folder())
        listener = {"proxy_protocol": {"accept": accept, "trusted": ["127.0.0.0/8"],
                                       "timeout": timeout},
                    "routes": [{"sni": "a.example", "upstream": "routed"},
                               {"protocol": "http", "upstream": "routed"}],
                    "preread": {"timeout": "1h", **(preread or {})}}
        self.served_by = self.config(
            [self.listener.text], listener=listener, access_log=self.records.section,
            admin={"bind": f"unix:{self.unix_path()}"}, **options)
        self.served_by["upstreams"].append({"name": "routed", "send_proxy": send_proxy,
                                            "endpoints": [{"address": self.routed.text}]})
        self.web = self.started_proxy(self.served_by)
        self.admin = self.found(self.web)

    def routed_with(self, data):
        server = self.keep(self.routed.accept())
        self.assertEqual(sockets.read_exactly(server, len(data)), data)
        return server

    def test_a_route_goes_by_what_is_behind_the_header(self):
        self.start()
        data = hello.hello("a.example", padding=20000)
        for count, header in enumerate((line(), block(0x21, 0x11, ipv4())), start=1):
            client = self.client(header + data)
            server = self.routed_with(data)
            sockets.exchange(client, server)
            client.close()
            self.assertEqual(sockets.read_to_end(server), (b"", "eof"))
            server.close()
            record = self.records.wait(count)[-1]
            self.assertEqual((record["client"], record["upstream"], record["sni"]),
                             (f"{CLIENT}:51514", "routed", "a.example"))
            self.assertEqual(record["bytes_up"], len(data) + 4)

    def test_each_byte_on_its_own(self):
        self.start()
        data = hello.hello("a.example")
        client = self.client()
        for byte in line() + data:
            client.sendall(bytes([byte]))
        sockets.exchange(client, self.routed_with(data))

    def test_the_header_that_is_sent_comes_first(self):
        self.start(send_proxy="v2")
        data = hello.hello("a.example", padding=20000)
        self.client(line() + data)
        self.routed_with(block(0x21, 0x11, ipv4()) + data)

    def test_what_has_been_read_for_a_route_is_told(self):
        for alpn, due in ((["h2"], {1: b"h2"}), (["h2", "http/1.1"], {}), ([], {})):
            self.start(send_proxy={"version": "v2", "tlvs": ["authority", "alpn"]})
            data = hello.hello("a.example", alpn=alpn)
            self.client(line() + data)
            server = self.keep(self.routed.accept())
            start = sockets.read_exactly(server, 16)
            header = start + sockets.read_exactly(server, struct.unpack(">H", start[14:])[0])
            self.assertEqual(tlvs_of(header), {2: b"a.example", **due})
            self.assertEqual(sockets.read_exactly(server, len(data)), data)

    def test_what_is_no_header_decides_too(self):
        for send_proxy in ("off", "v1"):
            self.start(accept="optional", send_proxy=send_proxy)
            client = self.client(b"P")
            self.in_stage("identify")
            client.sendall(b"OST / HTTP/1.1\r\n")
            server = self.keep(self.routed.accept())
            if send_proxy == "v1":
                self.assertEqual(sockets.read_exactly(server, 11), b"PROXY TCP4 ")
                while sockets.read_exactly(server, 1) != b"\n":
                    pass
            self.assertEqual(sockets.read_exactly(server, 17), b"POST / HTTP/1.1\r\n")

    def test_the_time_for_a_route_counts_from_the_end_of_the_header(self):
        self.start(preread={"timeout": "400ms", "on_timeout": "reject"})
        client = self.client(line()[:10])
        self.in_stage("identify")
        time.sleep(0.5)
        began = time.monotonic()
        client.sendall(line()[10:])
        self.rejected(client, "preread_timeout", "proxy")
        self.assertGreaterEqual(time.monotonic() - began, 0.39)

    def test_without_a_header_it_counts_from_the_accept(self):
        self.start(accept="optional", timeout="2s",
                   preread={"timeout": "2200ms", "on_timeout": "reject"})
        began = time.monotonic()
        self.rejected(self.client(), "preread_timeout", "proxy")
        self.assertLess(time.monotonic() - began, 4)  # one time after the other would be 4.2 s

    def test_a_drain_resets_both_kinds_of_those_that_wait(self):
        self.start(shutdown={"drain_timeout": "1h"})
        unknown = self.client(line()[:10])
        self.in_stage("identify")
        unrouted = self.client(line() + b"\x16\x03")
        self.in_stage("route")
        data = hello.hello("a.example")
        client = self.client(line() + data)
        server = self.routed_with(data)
        self.web.send_signal(signal.SIGTERM)
        for waiting in (unknown, unrouted):
            self.assertEqual(sockets.ending(waiting), "reset")
        reasons = {(each["reason"], each["by"]) for each in self.records.wait(2)}
        self.assertEqual(reasons, {("shutdown", "proxy")})
        sockets.exchange(client, server)
        client.close()
        server.close()

    def test_who_is_identified_goes_by_the_routes_in_force(self):
        self.start()
        client = self.client(line()[:10])
        self.in_stage("identify")
        listener = {key: value for key, value in self.served_by["listeners"][0].items()
                    if key not in ("routes", "preread")}
        self.reload(self.web, {**self.served_by, "listeners": [{**listener, "upstream": "routed"}]})
        client.sendall(line()[10:] + b"hello")
        sockets.exchange(client, self.routed_with(b"hello"))
        row = self.in_stage("relay")[0]
        self.assertEqual((row["client"], row["upstream"]), (f"{CLIENT}:51514", "routed"))


if __name__ == "__main__":
    main()
