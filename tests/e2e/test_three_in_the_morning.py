"""docs/three-in-the-morning.md: its commands, run one after the other against a proxy as the page
describes it, print what the page shows, but for numbers, addresses and times."""

import os
import re
import shlex

import sockets
from admin import Administered
from documents import examples, form_of
from echo import echo
from harness import main, matrix
from processes import run, wait_for
from sluice import binary

PAGE = "three-in-the-morning.md"
CLIENT = "192.0.2.7"  # of the page
# Which sessions come first is chance.
CHANCE = ((r"\bapp/[ab] +relay\b", "ENDPOINT relay"),)


@matrix(workers=(2,))
class ThreeInTheMorning(Administered):
    def test_the_page(self):
        proxy, self.admin = self.administered(
            [{"name": "a", "address": self.peer(echo).receive()},
             {"name": "b", "address": self.peer(echo).receive()}],
            upstream={"health": {"check": "connect", "interval": "1s"}})
        self.web = proxy
        self.clients = []
        self.arrive()
        shown = examples(PAGE)
        self.assertGreaterEqual(len(shown), 10)
        for command, lines in shown:
            with self.subTest(command=command):
                printed = [form_of(line, CHANCE) for line in self.output_of(command).splitlines()]
                for line in lines:
                    self.assertIn(form_of(line, CHANCE), printed)
                self.assertTrue(lines or not printed, printed)

    def arrive(self):
        for source in (sockets.HOST, sockets.HOST, "127.0.0.1", "127.0.0.1"):
            client = self.keep(self.web.connect(source=source))
            sockets.exchange_echo(client)
            self.clients.append(client)

    def leave(self):
        while self.clients:
            self.clients.pop().close()
        wait_for(lambda: self.admin.json("sessions") == [], "the clients to be gone")

    def output_of(self, command):
        """Of one that ends well."""
        words = shlex.split(command.replace(CLIENT, sockets.HOST))
        self.assertEqual(words[:2], ["sluice", "ctl"])
        if "drained" in command:
            self.leave()
        if re.fullmatch(r"sluice ctl kill \d+", command):  # any that is there
            self.arrive()
            words[3] = str(self.admin.json("sessions")[0]["id"])
        done = run(binary(), *words[1:],
                   env={"PATH": os.environ["PATH"], "SLUICE_ADMIN": str(self.admin)})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


if __name__ == "__main__":
    main()
