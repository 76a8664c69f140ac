"""check: exchange: steps that send and expect, with real servers and with rude ones."""

import signal
import subprocess
import sys
import time

import servers
import sockets
from checking import Checking, OFTEN, Talker
from harness import main, matrix
from processes import Process, wait_for

PING = [{"send": "PING\r\n", "expect": "+PONG"}]
SMTP = [{"expect": "220 "}, {"send": "HELO check\r\n", "expect": "250 "},
        {"send": "QUIT\r\n", "expect": "221 "}]


class Mail(Process):
    """The SMTP server of Python's library."""

    PROGRAM = ("import asyncore, smtpd; "
               "server = smtpd.SMTPServer(({host!r}, {port}), None); "
               "print('serves', flush=True); asyncore.loop()")

    def __init__(self):
        self.port = sockets.free_port()
        self.endpoint = sockets.text_of((sockets.HOST, self.port))
        super().__init__(sys.executable, "-W", "ignore", "-c",
                         self.PROGRAM.format(host=sockets.HOST, port=self.port))
        self.wait_line("serves")


def until_it_ends(stream):
    while stream.recv(1000):
        pass


@matrix(workers=(1, 2))
class Exchange(Checking):
    def exchanging(self, endpoints, steps, **health):
        return self.checked_proxy(endpoints, {"check": "exchange", "exchange": steps, "fall": 2,
                                              "timeout": "300ms", **health})

    def down(self, talk, steps):
        """What is logged of an endpoint that talks like this."""
        talker = self.keep(Talker(talk))
        web = self.exchanging([talker.text], steps)
        line = self.wait_is(web, talker.text, "down")
        return line.split("2 checks in a row failed, the last: ")[1]

    def test_redis_is_up_while_it_answers(self):
        redis = self.server(servers.Redis())
        web = self.exchanging([redis.endpoint], PING)
        client = self.keep(sockets.connect((sockets.HOST, redis.port)))
        client.sendall(b"CONFIG SET requirepass secret\r\n")
        self.assertEqual(sockets.read_exactly(client, 5), b"+OK\r\n")
        line = self.wait_is(web, redis.endpoint, "down")
        self.assertIn('no answer with "+PONG" within 0.3 s in step 1 of 1, which got '
                      '"-NOAUTH Authentication required.\\r\\n"', line)
        client.sendall(b"AUTH secret\r\nCONFIG SET requirepass \"\"\r\n")
        line = self.wait_is(web, redis.endpoint, "up")
        self.assertIn('2 checks in a row passed, the last: answered "+PONG"', line)
        redis.freeze()
        line = self.wait_is(web, redis.endpoint, "down", count=2)
        self.assertIn("which got nothing", line)
        redis.send_signal(signal.SIGCONT)
        self.wait_is(web, redis.endpoint, "up", count=2)

    def test_mail_greets_and_says_goodbye(self):
        mail = self.keep(Mail())
        self.addCleanup(mail.output.close)
        web = self.exchanging([mail.endpoint], SMTP, timeout="5s")
        other = self.exchanging([mail.endpoint], [{"expect": "220 "}, {"send": "HELO\r\n",
                                                                       "expect": "250 "}])
        line = self.wait_is(other, mail.endpoint, "down")
        self.assertIn('no answer with "250 " within 0.3 s in step 2 of 2, which got', line)
        self.assertIn("501 Syntax: *** hostna", line)
        self.assertEqual(web.lines("is down"), [])

    def test_an_answer_in_pieces_and_bytes_of_any_kind(self):
        def talk(stream):
            self.assertEqual(sockets.read_exactly(stream, 3), b"\0\xff\n")
            for piece in (b"\x80", b"\0\x80", b"\0\x81", b"+"):
                stream.sendall(piece)
                time.sleep(0.005)
            self.assertEqual(sockets.read_exactly(stream, 3), b"two")
            stream.sendall(b"a" * 50000 + b"end")
            until_it_ends(stream)
        talker = self.keep(Talker(talk))
        web = self.exchanging([talker.text], [
            {"send": {"hex": "00ff 0A"}, "expect": {"hex": "80 00 81"}},
            {"send": "two", "expect": "end"}], timeout="5s")
        wait_for(lambda: talker.talks > 10, "checks")
        self.assertEqual(web.lines("is down"), [])

    def test_what_does_not_pass_is_told(self):
        def silent(stream):
            until_it_ends(stream)

        def wrong(stream):
            stream.recv(100)
            stream.sendall(b"-LOADING\r\n")
            until_it_ends(stream)

        def partial(stream):
            stream.recv(100)
            stream.sendall(b"+PON")

        def resets(stream):
            stream.recv(100)
            sockets.reset(stream)

        def floods(stream):
            while True:
                stream.sendall(b"x" * 10000)

        def trickles(stream):
            while True:
                stream.sendall(b"x")
                time.sleep(0.01)

        def repeats(stream):
            stream.sendall(b"no: " + stream.recv(100))
            until_it_ends(stream)

        told = self.down(silent, PING)
        self.assertEqual(told, 'no answer with "+PONG" within 0.3 s in step 1 of 1, '
                               'which got nothing')
        told = self.down(wrong, PING)
        self.assertIn('within 0.3 s in step 1 of 1, which got "-LOADING\\r\\n"', told)
        told = self.down(partial, PING)
        self.assertEqual(told, 'no answer with "+PONG" before the end of the connection in step 1 '
                               'of 1, which got "+PON"')
        self.assertIn("Connection reset by peer in step 1 of 1", self.down(resets, PING))
        told = self.down(floods, PING)
        self.assertEqual(told, 'no answer with "+PONG" in the first 64 KiB in step 1 of 1, which '
                               f'got "{"x" * 64}" and 65472 bytes more')
        told = self.down(trickles, PING)
        self.assertIn("within 0.3 s in step 1 of 1, which got", told)
        told = self.down(repeats, [{"send": "AUTH hunter2\r\n", "expect": "+OK"}])
        self.assertIn('which got "no: ***', told)
        self.assertNotIn("hunter2", told)

    def test_what_is_sent_is_a_secret(self):
        live = self.live()
        steps = [{"send": "AUTH hunter2", "expect": "AUTH"}]
        config = self.config([live], upstream={"health": {
            **OFTEN, "check": "exchange", "exchange": steps}})
        web = self.started_proxy(config)
        path = web.config_path
        for flag, count in (([], 0), (["--show-secrets"], 1)):
            printed = subprocess.run([web.argv[0], "--config", path, "--print-config", *flag],
                                     capture_output=True, text=True, check=True).stdout
            self.assertEqual(printed.count("AUTH hunter2"), count, printed)
        upstream = {**config["upstreams"][0], "name": "other"}
        upstream["health"] = {**upstream["health"], "exchange": steps + [{"send": "hunter2!"}]}
        config["upstreams"].append(upstream)
        config["upstreams"][0]["health"]["exchange"] = [{"send": "hunter3", "expect": "AUTH"}]
        self.reload(web, config)
        web.wait_line("upstream other: added|upstream other is added")
        self.assertNotIn("hunter", web.text())


if __name__ == "__main__":
    main()
