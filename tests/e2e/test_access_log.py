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
from admin import Administered
from crowd import arrive
from documents import keys_of_records
from echo import echo
from harness import main, matrix
from processes import scaled, wait_for
from records import Records
from reloading import Reloading
from sluice import Sluice

KEYS = ["time", "listener", "client", "upstream", "endpoint", "attempts", "queue_ms",
        "connect_ms", "first_byte_ms", "total_ms", "bytes_up", "bytes_down", "reason", "by",
        "client_rtt_us", "client_retransmits", "upstream_rtt_us", "upstream_retransmits",
        "id", "local", "upstream_local", "failed", "record"]
MILLIS = r"(\d+\.\d{3}|-)"
TEXT = re.compile(
    r"(?P<client>\S+) \[(?P<time>\S+)\] (?P<listener>\S+) (?P<upstream>[^/ ]+)/(?P<endpoint>\S+)"
    rf" (?P<attempts>\d+) {MILLIS}/{MILLIS}/{MILLIS}/{MILLIS} (?P<up>\d+)/(?P<down>\d+)"
    r" (?P<by>\w+)/(?P<reason>\w+) (\d+|-)/(\d+|-) (\d+|-)/(\d+|-)"
    r" id=(?P<id>\d+) local=(?P<local>\S+) upstream_local=\S+ failed=- record=end")


def visits(link, address, count, rounds):
    """A peer: crowds one after the other; tells after each how many were answered so far."""
    answered = 0
    for _ in range(rounds):
        answered += list(arrive(address, count, lambda *_: None).values()).count("answered")
        link.send(answered)
    return answered


@matrix(workers=(1, 2))
class AccessLog(Administered, Reloading):
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
        self.assertLessEqual(set(record), keys_of_records())
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

    def test_it_matches_what_others_know(self):
        """Our source port is what the upstream has seen, the id what the admin endpoint says."""
        last = self.keep(sockets.Listener())
        refusing = [f"{sockets.HOST}:{sockets.free_port()}" for _ in range(2)]
        self.start([*refusing, last.text], upstream={"balance": "first"},
                   admin={"bind": f"unix:{self.unix_path()}"})
        client = self.keep(self.web.connect())
        upstream = self.keep(last.accept())
        sockets.exchange(client, upstream)
        session, = self.found(self.web).json("sessions")
        seen = sockets.text_of(upstream.getpeername())
        client.close()
        self.assertEqual(sockets.read_to_end(upstream)[1], "eof")
        upstream.close()
        record = self.records.wait()[0]
        self.assertEqual((record["id"], record["upstream_local"], record["local"],
                          record["failed"], record["attempts"], record["record"]),
                         (session["id"], seen, sockets.text_of(self.web.address()), refusing, 3,
                          "end"))

    def test_none_of_the_endpoints(self):
        refusing = [f"{sockets.HOST}:{sockets.free_port()}" for _ in range(2)]
        self.start(refusing, upstream={"balance": "first", "retry_for": "0s"})
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        record = self.records.wait()[0]
        self.assertEqual((record["failed"], record["endpoint"], record["upstream_local"]),
                         (refusing, refusing[-1], None))

    def test_a_client_that_has_reset(self):
        """The addresses of a connection that is gone are known still."""
        self.start()
        client, upstream = self.session()
        local = sockets.text_of(client.getpeername())
        seen = sockets.text_of(upstream.getpeername())
        sockets.reset(client)
        record = self.records.wait()[0]
        self.assertEqual((record["by"], record["reason"]), ("client", "reset"))
        self.assertEqual((record["local"], record["upstream_local"]), (local, seen))

    def test_sessions_that_live_on(self):
        """One record whenever the age is a multiple of the interval; its counts grow."""
        self.start(access_log={"interim": "300ms"})
        client, upstream = self.session()
        first = self.records.wait(1)[0]
        client.sendall(b"more")
        sockets.read_exactly(upstream, 4)
        self.records.wait(3)
        client.close()
        upstream.close()

        def end():
            last = self.records.all()[-1]
            return last if last["record"] == "end" else None
        last = wait_for(end, "the last record")
        interim = self.records.all()[:-1]
        self.assertEqual({each["record"] for each in interim}, {"interim"})
        self.assertEqual({(each["reason"], each["by"]) for each in interim}, {(None, None)})
        for key in ("id", "client", "local", "upstream_local", "endpoint", "connect_ms",
                    "first_byte_ms", "attempts"):
            self.assertEqual({each[key] for each in interim}, {last[key]}, key)
        for number, each in enumerate(interim):
            self.assertGreaterEqual(each["total_ms"], 300 * (number + 1))
        self.assertGreaterEqual(interim[-1]["bytes_up"], first["bytes_up"] + 4)
        began = [datetime.datetime.fromisoformat(each["time"]).timestamp()
                 for each in (first, last)]
        self.assertAlmostEqual(*began, delta=0.05)

    def test_no_interim_records_unless_asked(self):
        """A reload begins and ends them."""
        self.start()
        client, upstream = self.session()
        config = self.config([self.listener.text],
                             access_log={**self.records.section, "interim": "100ms"})
        self.assertEqual(self.records.all(), [])
        self.reload(self.web, config)
        # One that began when there was none asked for is told of, too.
        self.records.wait(2)
        config["access_log"] = self.records.section
        self.reload(self.web, config)

        def count_after_another(ends):
            for each in self.session():
                each.close()
            return wait_for(lambda: [each["record"] for each in self.records.all()].count(
                "end") == ends and len(self.records.all()), "a record of its end")
        before = count_after_another(1)  # what was on its way to the file is in it
        time.sleep(0.3)  # three times what was the interval
        self.assertEqual(count_after_another(2), before + 1)

    def rejected(self):
        """The address of a client that is reset, perhaps before it knows that it is connected."""
        names = []

        def bind(client):
            client.bind((sockets.HOST, 0))
            names.append(sockets.text_of(client.getsockname()))
        try:
            with self.web.connect(prepare=bind) as client:
                self.assertEqual(sockets.ending(client), "reset")
        except ConnectionResetError:
            pass
        return names[0]

    def test_rejected_connections(self):
        """A record for each if asked for, and one line in the log for each reason in 5 s."""
        self.start(access_log={"rejected": True}, listener={"max_connections": 1})
        client, upstream = self.session()
        names = [self.rejected() for _ in range(3)]
        records = self.records.wait(3)
        self.assertEqual([each["client"] for each in records], names)
        for record in records:
            self.assertEqual(list(record), KEYS)
            expected = {"record": "rejected", "reason": "listener", "by": "proxy", "id": None,
                        "endpoint": None, "local": sockets.text_of(self.web.address()),
                        "total_ms": None, "attempts": 0, "bytes_up": 0}
            self.assertEqual({key: record[key] for key in expected}, expected)
        line, = self.web.lines(" is rejected: ")
        self.assertRegex(line, rf"warning listener web: {re.escape(names[0])} is rejected: "
                               r"listener \(.*max_connections.*; 0 more for this reason ")
        sockets.exchange(client, upstream)

    def test_rejected_connections_leave_no_record_unless_asked(self):
        self.start(listener={"per_source": {"max_connections": 1}})
        self.keep(self.web.connect(source=sockets.HOST))
        self.keep(self.listener.accept())
        self.rejected()
        self.web.wait_line(" is rejected: source ")
        self.assertEqual(self.web.stop(), 0)
        self.assertEqual([each["record"] for each in self.records.wait(1)], ["end"])

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
