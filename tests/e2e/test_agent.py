"""Agents beside endpoints, in the words of HAProxy's, and HAProxy beside us as the judge."""

import csv
import io
import os
import socket
import threading
import time

import sockets
from admin import Administered
from checking import Checking, Talker, closed_endpoint
from harness import main, matrix
from processes import Process, wait_for


class Agent(Talker):
    """Answers every question with `line`, or as `line(stream)` does."""

    def __init__(self, line, **where):
        self.line = line
        super().__init__(self.answer, **where)

    def answer(self, stream):
        line = self.line
        if isinstance(line, str):
            stream.sendall(line.encode())
        else:
            line(stream)

    def say(self, line, askers=1):
        """Returns when this has been answered by now, to each of the askers."""
        self.line = line
        talks = self.talks
        wait_for(lambda: self.talks >= talks + 2 * askers, "questions")


def place(agent, **more):
    host, port = agent.listener.address
    return {"address": host, "port": port, "interval": "50ms", **more}


class Asking(Checking, Administered):
    def start(self, line="up ready\n", endpoints=1, agent=None, **upstream):
        self.agent = self.keep(Agent(line))
        self.endpoints = [self.live() for _ in range(endpoints)]
        self.web, self.admin = self.administered(
            self.endpoints,
            upstream={"agent": place(self.agent, **(agent or {})), "retry_for": "0s", **upstream})

    def view(self, index=0):
        name = self.endpoints[index]
        return next(each for each in self.admin.json("endpoints") if each["name"] == name)

    def wait_view(self, **wanted):
        wait_for(lambda: wanted.items() <= self.view().items(),
                 f"{wanted}, which is {self.view()}")


@matrix(workers=(1, 2))
class Agents(Asking):
    def test_words_change_what_they_name(self):
        self.start()
        for line, wanted in (
                ("75% maxconn:30\n", {"usable": True, "max_connections": 30}),
                ("down #why\r\n", {"usable": False, "health": "down"}),
                ("drain", {"usable": False, "health": "down"}),  # without an end of line
                ("UP\n", {"usable": False, "health": "unused"}),
                ("ready", {"usable": True, "health": "up", "max_connections": 30}),
                ("0%\n", {"usable": False, "weight": 0, "state": "drain"}),
                ("weight:7 maxconn:0\n", {"usable": True, "weight": 7, "max_connections": 0}),
                ("maint\n", {"usable": False, "state": "ready"}),
                ("ready stopped\n", {"usable": False, "health": "down"}),
                ("up fail up\n", {"usable": True})):
            self.agent.say(line)
            self.wait_view(**wanted)
        for state in ("down", "up", "out of use", "in use"):
            self.web.wait_line(f"endpoint {self.endpoints[0]} is {state} for its agent, which says")
        self.assertEqual(len(self.web.lines('is down for its agent, which says "down #why"')), 1)

    def test_one_that_is_not_reached_changes_nothing(self):
        self.start("drain 50%\n")
        self.wait_view(usable=False, health="unused")
        self.agent.close()
        self.web.wait_line("its agent is not reached, which changes nothing: Connection refused")
        self.assertFalse(self.view()["usable"])
        never = self.live()
        host, port = closed_endpoint().rsplit(":", 1)
        web = self.proxy([never], upstream={"agent": {"address": host, "port": int(port),
                                                      "interval": "20ms"}})
        web.wait_line("its agent is not reached")
        self.assertEqual(self.sessions(web, 3), {never})
        self.assertEqual(len(web.lines("its agent is not reached")), 1)

    def test_one_that_lies_or_trickles_is_bounded(self):
        def trickle(stream):
            while True:
                stream.sendall(b"x")
                time.sleep(0.005)

        def flood(stream):
            while True:
                stream.sendall(b"down " * 1000)

        def silence(stream):
            while stream.recv(1000):
                pass

        def nothing(_):
            pass
        self.start(trickle)
        count = 0
        for line, why in ((trickle, "no end of its line within 0.05 s"),
                          (flood, "its line is longer than 1 KiB"),
                          (silence, "no end of its line within 0.05 s"),
                          (nothing, "it says nothing")):
            self.agent.line = line
            count += 1
            told = self.web.wait_line("its agent is not reached, which", count=count)[-1]
            self.assertIn(f"which changes nothing: {why}", told)
            self.agent.line = "up\n"
            self.web.wait_line("its agent is understood again", count=count)
        self.agent.say("dwon\x1b[2J%n {} 999999999999% maxconn:-1\n")
        self.web.wait_line(r'its agent says what is no word of an agent: "dwon\\x1b\[2J%n"')
        self.assertTrue(self.view()["usable"])
        self.assertEqual(self.sessions(self.web, 2), set(self.endpoints))

    def test_no_word_overrides_an_administrator(self):
        self.start("ready up 100%\n")
        name = self.endpoints[0]
        path = f"/api/v1/endpoints/app/{name}"
        self.admin.ask("POST", path + "/drain")
        self.agent.say("ready up 100% weight:50\n")
        self.assertEqual((self.view()["usable"], self.view()["state"]), (False, "drain"))
        self.admin.ask("POST", path + "/ready")
        self.wait_view(usable=True, weight=50)
        self.agent.say("drain\n")
        self.admin.ask("POST", path + "/ready")
        self.assertFalse(self.view()["usable"])
        self.agent.say("ready\n")
        self.wait_view(usable=True)

    def test_it_is_sent_something(self):
        questions = set()

        def answer(stream):
            questions.add(stream.recv(100))
            stream.sendall(b"up\n")
        self.start(answer, agent={"send": "lb1\n"})
        wait_for(lambda: questions, "a question")
        self.assertEqual(questions, {b"lb1\n"})

    def test_each_endpoint_has_its_own_and_weights_are_obeyed(self):
        """Agents at one port on the hosts of their endpoints, which have another one."""
        def echo(stream):
            while data := stream.recv(1000):
                stream.sendall(data)
        other = sockets.HOST.rsplit(".", 1)[0] + ".255"
        first = self.keep(Agent("30%\n"))
        port = first.listener.address[1]
        self.keep(Agent("10%\n", host=other, port=port))
        endpoints = [self.keep(Talker(echo)), self.keep(Talker(echo, host=other))]
        web = self.proxy([each.text for each in endpoints],
                         upstream={"agent": {"port": port, "interval": "50ms"}})
        for each in endpoints:
            web.wait_line(f"{each.text} has another weight or limit for its agent")
        time.sleep(0.2)  # sets are made a tenth of a second apart
        before = len(web.session_ends())
        self.sessions(web, 40)
        ends = [end["endpoint"] for end in web.session_ends()[before:]]
        self.assertEqual(ends.count(endpoints[0].text), 30)


class HAProxy(Process):
    """With one server whose agent is `agent`; `stat` reads its line of statistics."""

    def __init__(self, folder, endpoint, agent):
        self.socket = os.path.join(folder, "stats")
        host, port = agent.listener.address
        config = os.path.join(folder, "haproxy.cfg")
        with open(config, "w") as file:
            file.write(f"""
                global
                  stats socket {self.socket} level admin
                  maxconn 100
                defaults
                  mode tcp
                  timeout connect 1s
                  timeout client 1s
                  timeout server 1s
                listen app
                  bind {sockets.HOST}:{sockets.free_port()}
                  default-server agent-check agent-addr {host} agent-port {port} agent-inter 50
                  server s {endpoint} weight 100\n""")
        super().__init__("haproxy", "-db", "-f", config)
        wait_for(lambda: os.path.exists(self.socket) or self.child.poll() is not None, self.name)
        if self.child.poll() is not None:
            raise AssertionError(f"haproxy has ended:\n{self.text()}")

    def stat(self):
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(self.socket)
            stats.sendall(b"show stat\n")
            text = b""
            while piece := stats.recv(65536):
                text += piece
        rows = csv.DictReader(io.StringIO(text.decode().lstrip("# ")))
        return next(row for row in rows if row["svname"] == "s")


# What agents say, one after the other: what is not mentioned stays.
TABLE = [
    "up ready 100%\n", "75%\n", "75%,up\n", "down\n", "up\n", "fail # disk\n", "50%\n", "up\n",
    "stopped\r\n", "UP\n", "drain\n", "up\n", "ready\n", "maint\n", "up 60%\n", "ready\n",
    "0%\n", "1%\n", "300%\n", "100%\n", "ready,drain\n", "drain ready\n", "up down\n", "down up\n",
    "10% 20%\n", "\n", "# down\n", "nonsense\n", "nonsense 30%\n", "up\tready\t40%\n", "dOwN\n",
    "  up  ,, 100%\n", "maxconn:30\n", "maxconn:30 90%\n", "maxconn:5,maxconn:7\n", "maxconn:0\n",
    "7x%\n", "x7%\n", "100%\n", "maint down\n", "up\n", "ready\n",
]


@matrix(workers=(1,))
class BesideHAProxy(Asking):
    """The same words mean the same to both."""

    def ours(self):
        view = self.view()
        return (view["usable"], view["weight"], view["max_connections"])

    def theirs(self):
        stat = self.haproxy.stat()
        weight = int(stat["weight"])
        is_up = stat["status"].startswith("UP") or stat["status"] == "no check"
        return (is_up and weight > 0, weight, int(stat["slim"] or 0))

    def is_same(self):
        """HAProxy shows no other weight of a server in maintenance before that has ended."""
        if self.haproxy.stat()["status"].startswith("MAINT"):
            return not self.ours()[0]
        return self.ours() == self.theirs()

    def test_a_table_of_words(self):
        self.agent = self.keep(Agent("up ready\n"))
        self.endpoints = [self.live()]
        self.web, self.admin = self.administered(
            [{"address": self.endpoints[0], "weight": 100}],
            upstream={"agent": place(self.agent), "retry_for": "0s"})
        self.haproxy = self.keep(HAProxy(self.new_folder(), self.endpoints[0], self.agent))
        self.addCleanup(self.haproxy.output.close)
        for line in TABLE:
            self.agent.say(line, askers=2)
            try:
                wait_for(self.is_same, "the same", seconds=2)
            except AssertionError:
                self.fail(f"{line!r}: (usable, weight, limit) is {self.ours()} here and "
                          f"{self.theirs()} for HAProxy: {self.haproxy.stat()['status']}")


if __name__ == "__main__":
    main()
