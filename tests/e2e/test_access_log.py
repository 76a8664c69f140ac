"""The access log tells the truth about every session, in both formats, also across rotations."""

import datetime
import glob
import json
import os
import re
import signal
import socket
import time

import sockets
from crowd import arrive
from echo import echo
from harness import main, matrix
from processes import scaled, wait_for
from records import Records
from sluice import Sluice

KEYS = ["time", "listener", "client", "upstream", "endpoint", "attempts", "queue_ms",
        "connect_ms", "first_byte_ms", "total_ms", "bytes_up", "bytes_down", "reason", "by",
        "client_rtt_us", "client_retransmits", "upstream_rtt_us", "upstream_retransmits"]
MILLIS = r"(\d+\.\d{3}|-)"
TEXT = re.compile(
    r"(?P<client>\S+) \[(?P<time>\S+)\] (?P<listener>\S+) (?P<upstream>[^/ ]+)/(?P<endpoint>\S+)"
    rf" (?P<attempts>\d+) {MILLIS}/{MILLIS}/{MILLIS}/{MILLIS} (?P<up>\d+)/(?P<down>\d+)"
    r" (?P<by>\w+)/(?P<reason>\w+) (\d+|-)/(\d+|-) (\d+|-)/(\d+|-)")


def visits(link, address, count, rounds):
    """A peer: crowds one after the other; tells after each how many were answered so far."""
    answered = 0
    for _ in range(rounds):
        answered += list(arrive(address, count, lambda *_: None).values()).count("answered")
        link.send(answered)
    return answered


@matrix(workers=(1, 2))
class AccessLog:
    def start(self, endpoints=None, **options):
        self.records = Records(self.new_folder())
        self.listener = self.keep(sockets.Listener())
        section = {**self.records.section, **options.pop("access_log", {})}
        self.web = self.proxy(endpoints or [self.listener.text], access_log=section, **options)

    def visit(self, pause=0.05):
        """3 bytes there, 70,000 back after a pause, ended by the upstream; (client, seconds)."""
        began = time.monotonic()
        client = self.keep(self.web.connect())
        upstream = self.keep(self.listener.accept())
        client.sendall(b"abc")
        sockets.read_exactly(upstream, 3)
        time.sleep(pause)  # the upstream's time to think
        upstream.sendall(bytes(70_000))
        upstream.close()
        self.assertEqual(sockets.read_to_end(client), (bytes(70_000), "eof"))
        name = client.getsockname()
        client.close()
        return name, began

    def assert_times(self, pause, total, connect, first_byte, began):
        self.assertLessEqual(connect, first_byte)
        self.assertLessEqual(first_byte, total)
        self.assertGreaterEqual(first_byte - connect, 1000 * pause)
        self.assertLessEqual(total, 1000 * (time.monotonic() - began))

    def test_json(self):
        self.start()
        before = time.time()
        (host, port), began = self.visit()
        record = self.records.wait()[0]
        self.assertEqual(list(record), KEYS)
        expected = {"listener": "web", "client": f"{host}:{port}", "upstream": "app",
                    "endpoint": self.listener.text, "attempts": 1, "queue_ms": None,
                    "bytes_up": 3, "bytes_down": 70_000, "reason": "closed", "by": "upstream",
                    "client_retransmits": 0, "upstream_retransmits": 0}
        self.assertEqual({key: record[key] for key in expected}, expected)
        self.assert_times(0.05, record["total_ms"], record["connect_ms"],
                          record["first_byte_ms"], began)
        self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        at = datetime.datetime.fromisoformat(record["time"]).timestamp()
        self.assertTrue(before - 0.01 <= at <= time.time(), "when it began")
        for side in ("client", "upstream"):
            self.assertTrue(0 < record[side + "_rtt_us"] < 1_000_000)

    def test_text(self):
        self.start(access_log={"format": "text"})
        (host, port), began = self.visit()

        def line():
            with open(self.records.path) as file:
                return file.read()
        fields = TEXT.fullmatch(wait_for(line, "a record").removesuffix("\n"))
        self.assertIsNotNone(fields, line())
        self.assertEqual((fields["client"], fields["listener"], fields["upstream"],
                          fields["endpoint"], fields["attempts"], fields["up"], fields["down"],
                          fields["by"], fields["reason"]),
                         (f"{host}:{port}", "web", "app", self.listener.text, "1", "3", "70000",
                          "upstream", "closed"))
        queue, connect, first_byte, total = fields.groups()[6:10]
        self.assertEqual(queue, "-")
        self.assert_times(0.05, float(total), float(connect), float(first_byte), began)

    def test_unix_sockets(self):
        """UNIX peers have neither ports nor round trips."""
        folder = self.new_folder()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(folder + "/app.sock")
            server.listen()
            self.start([f"unix:{folder}/app.sock"], bind=f"unix:{folder}/web.sock")
            client = self.keep(self.web.connect())
            sockets.exchange(client, self.keep(server.accept()[0]))
            self.assertEqual(self.web.stop(), 0)
        record = self.records.wait()[0]
        self.assertEqual((record["client"], record["endpoint"], record["reason"], record["by"]),
                         ("unix:", f"unix:{folder}/app.sock", "shutdown", "proxy"))
        for side in ("client", "upstream"):
            self.assertIsNone(record[side + "_rtt_us"])
            self.assertIsNone(record[side + "_retransmits"])

    def test_standard_error(self):
        self.start(access_log={"path": "stderr"})
        self.visit(pause=0)
        line = self.web.wait_line('^{"time":')[0]
        self.assertEqual(json.loads(line)["bytes_down"], 70_000)

    def test_rotation_under_load_loses_nothing(self):
        """As logrotate does it: rename, then SIGUSR1. Every line is whole and in one file."""
        count, rounds = scaled(150, 20), 8
        self.start([self.peer(echo).receive()], log={"level": "info"})
        crowds = self.peer(visits, self.web.address(), count, rounds)
        for number in range(rounds):
            os.rename(self.records.path, f"{self.records.path}.{number}")
            self.web.send_signal(signal.SIGUSR1)
            wait_for(lambda: os.path.exists(self.records.path), "the new file")
            crowds.receive()
        self.assertEqual(crowds.receive(), count * rounds)
        self.assertEqual(self.web.stop(), 0)
        clients = []
        for path in glob.glob(self.records.path + "*"):
            with open(path) as file:
                clients += [json.loads(line)["client"] for line in file.read().splitlines()]
        self.assertEqual(len(clients), count * rounds)
        self.assertEqual(self.web.lines("dropped"), [])

    def test_a_file_that_cannot_be_opened_at_the_start(self):
        missing = self.new_folder() + "/none/access.log"
        config = self.config(["127.0.0.1:9"], access_log={"path": missing})
        with self.assertRaises(AssertionError) as raised:  # the proxy listened nowhere
            self.program(Sluice(config))
        self.assertIn("ended with 1,", str(raised.exception))
        self.assertRegex(str(raised.exception), f"access log {missing}: .*No such file")

    def test_what_nobody_reads_is_counted(self):
        """Drops are reported while the proxy runs, and once more at its end."""
        fifo = self.new_folder() + "/fifo"
        os.mkfifo(fifo)
        self.start(access_log={"path": fifo}, stats={"interval": "20ms"})
        for count in (1, 2):
            self.visit(pause=0)
            self.web.wait_line(f" warning access log: {count} records dropped so far")
        self.assertEqual(self.web.stop(), 0)
        self.assertEqual(len(self.web.lines(" warning access log: 2 records dropped in all$")), 1)

    def test_a_file_that_cannot_be_opened_any_more(self):
        """When rotating, the old file goes on until the new one can be opened."""
        self.start()
        folder = os.path.dirname(self.records.path)
        os.rename(self.records.path, folder + "/old.log")
        os.mkdir(self.records.path)
        self.web.send_signal(signal.SIGUSR1)
        self.web.wait_line("access log reopened")
        self.visit(pause=0)

        def old():
            with open(folder + "/old.log") as file:
                return file.read().count("\n")
        wait_for(lambda: old() == 1, "the record in the old file")
        os.rmdir(self.records.path)
        self.visit(pause=0)
        wait_for(lambda: os.path.exists(self.records.path), "the new file")
        self.assertEqual((len(self.records.wait()), old()), (1, 1))


if __name__ == "__main__":
    main()
