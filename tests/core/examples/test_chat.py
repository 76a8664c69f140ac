"""The chat server: every command, every limit, rude clients, a thousand clients, and its end."""

import contextlib
import re
import signal
import socket
import time

from harness import main, matrix
from network import Served
from processes import DEADLINE, all_descriptors, scaled, wait_for
from sockets import connect, refused

CROWD = 1000
SPEAKERS = 20
MORE_THAN_BUFFERS = 20_000  # lines of 500 bytes: the buffers of two connections hold less


class Client:
    """Somebody with a terminal."""

    def __init__(self, address, **options):
        self.socket = connect(address, **options)
        self.lines = self.socket.makefile("r", newline="\n", errors="replace")
        self.name = re.match(r"\* you are (\w+):", self.line())[1]

    def enter(self):
        self.until(f"* {self.name} joins #general")
        return self

    def close(self):
        self.lines.close()
        self.socket.close()

    def say(self, *lines):
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def line(self):
        return self.lines.readline().rstrip("\n")

    def until(self, wanted):
        """The lines before the one that is wanted."""
        before = []
        while (line := self.line()) != wanted:
            assert line, f"no {wanted!r} after {before[-20:]}"
            before.append(line)
        return before

    def rest(self):
        """All that comes until the end."""
        try:
            return self.lines.read().splitlines()
        except ConnectionResetError:
            return ["(reset)"]


def talk(talker, lines):
    """Says so many lines of 500 characters, and hears them; returns what else it has heard."""
    others = []
    for number in range(0, lines, 50):
        said = [f"{number + i} ".ljust(500, "x") for i in range(50)]
        talker.say(*said)
        others += [line for line in talker.until(f"{talker.name}: {said[-1]}")
                   if not line.startswith(f"{talker.name}: ")]
    return others


def small_window(new):
    new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


@matrix(workers=(1,))
class Chat(Served):
    def start(self, *options):
        return self.serve("chat_server", "--lines-per-second=1000000", *options)

    def client(self, address, **options):
        return self.keep(Client(address, **options)).enter()

    def each_way(self, *options):
        for address in self.start(*options):
            yield address
        self.end_server()

    def test_a_line_is_heard_by_all_in_the_room(self):
        for address in self.each_way():
            ann, bob = self.client(address), self.client(address)
            ann.until(f"* {bob.name} joins #general")
            ann.say("hello", "")
            bob.say("hi\r")
            for each in (ann, bob):
                heard = {each.line(), each.line(), each.line()}
                self.assertEqual(heard, {f"{ann.name}: hello", f"{ann.name}: ", f"{bob.name}: hi"})
            ann.socket.close()
            ann.lines.close()
            self.assertEqual(bob.line(), f"* {ann.name} has gone")
            bob.close()

    def test_nothing_that_a_terminal_obeys_is_passed_on(self):
        for address in self.each_way():
            ann = self.client(address)
            ann.socket.sendall(b"\x1b[2J \xff \xc3\xa4\n")
            self.assertEqual(ann.line(), f"{ann.name}: \\x1b[2J \\xff ä")
            ann.close()

    def test_names(self):
        for address in self.each_way():
            ann, bob = self.client(address), self.client(address)
            ann.until(f"* {bob.name} joins #general")
            for name in ("", " "):
                ann.say(f"/nick{name}")
                self.assertEqual(ann.line(), "* a name is not empty")
            for name in ("x" * 21, "a b", "a\x07", "é"):
                ann.say(f"/nick {name}")
                self.assertEqual(ann.line(), "* a name has at most 20 letters, digits, _ and -")
            ann.say("/nick " + "x" * 20, "it is me")
            self.assertEqual(bob.line(), f"* {ann.name} is now " + "x" * 20)
            self.assertEqual(bob.line(), "x" * 20 + ": it is me")
            ann.close()
            bob.close()

    def test_rooms(self):
        for address in self.each_way():
            ann, bob, eve = (self.client(address) for _ in range(3))
            bob.until(f"* {eve.name} joins #general")
            ann.until(f"* {eve.name} joins #general")
            bob.say("/join #tea")
            self.assertEqual(bob.line(), f"* {bob.name} joins #tea")
            self.assertEqual(ann.line(), f"* {bob.name} goes to #tea")
            ann.say("/join #tea")
            self.assertEqual(bob.line(), f"* {ann.name} joins #tea")
            self.assertEqual(ann.line(), f"* {ann.name} joins #tea")
            ann.say("only here")
            self.assertEqual(bob.line(), f"{ann.name}: only here")
            self.assertEqual(eve.until(f"* {ann.name} goes to #tea"),
                             [f"* {bob.name} goes to #tea"])
            eve.say("/rooms")
            self.assertEqual([eve.line(), eve.line()], ["* #general 1", "* #tea 2"])
            eve.say("/join #general")
            self.assertEqual(eve.line(), "* you are in #general")
            for line in ("/join", "/join tea", "/join #", "/join #" + "x" * 21, "/jo", "/"):
                eve.say(line)
                self.assertEqual(eve.line(),
                                 "* that is none of /nick NAME, /join #ROOM, /rooms, /quit", line)
            for each in (ann, bob):  # the room goes with the last of them
                each.say("/quit")
                self.assertEqual(each.rest()[-1], "* bye")
                each.close()

            def list_of_rooms():
                eve.say("/rooms", "/nonsense")
                return eve.until("* that is none of /nick NAME, /join #ROOM, /rooms, /quit")
            wait_for(lambda: list_of_rooms() == ["* #general 1"], "the room to go")
            eve.close()

    def test_what_was_said_last_is_shown_to_those_who_come(self):
        for address in self.each_way("--history=3"):
            ann = self.client(address)
            ann.say(*(f"line {number}" for number in range(5)))
            ann.until(f"{ann.name}: line 4")
            bob = self.keep(Client(address))
            self.assertEqual(bob.until(f"* {bob.name} joins #general"),
                             [f"{ann.name}: line {number}" for number in (2, 3, 4)])
            ann.close()
            bob.close()

    def test_one_who_talks_fast_is_read_slower(self):
        for address in self.serve("chat_server", "--lines-per-second=10"):
            ann, bob = self.client(address), self.client(address)
            lines = [f"line {number}" for number in range(6)]
            begin = time.monotonic()
            ann.say(*lines)
            heard = bob.until(f"{ann.name}: line 5")
            self.assertEqual([line for line in heard if "line" in line],
                             [f"{ann.name}: {line}" for line in lines[:-1]])
            self.assertGreater(time.monotonic() - begin, 0.39)  # four pauses of 100 ms
            ann.close()
            bob.close()
        self.end_server()

    def test_one_who_is_behind_is_told_and_goes_on(self):
        for address in self.each_way():
            slow = self.client(address, prepare=small_window)
            ann = self.client(address)
            talk(ann, MORE_THAN_BUFFERS)
            ann.say("the last one")
            lines = slow.until(f"{ann.name}: the last one")
            lost = [int(told[1]) for line in lines
                    if (told := re.fullmatch(r"\* you are too slow: (\d+) lines are lost", line))]
            self.assertGreater(sum(lost), 0, "it was never behind")
            heard = [line for line in lines if line.startswith(f"{ann.name}: ")]
            # Ann comes; and those of the way before may go only now.
            moved = [line for line in lines
                     if re.fullmatch(r"\* \S+ (joins #general|has gone)", line)]
            self.assertIn(f"* {ann.name} joins #general", moved)
            self.assertEqual(len(lines), len(heard) + len(lost) + len(moved))
            self.assertEqual(len(heard) + sum(lost), MORE_THAN_BUFFERS)
            ann.say("still there?")
            self.assertEqual(slow.line(), f"{ann.name}: still there?")
            slow.close()
            ann.close()

    def test_an_endless_line_ends_its_client_only(self):
        for address in self.each_way():
            ann, rude = self.client(address), self.client(address)
            ann.until(f"* {rude.name} joins #general")
            rude.socket.sendall(b"x" * 513)
            self.assertIn(rude.rest(), (["* a line has at most 512 bytes"], ["(reset)"]))
            self.assertEqual(ann.line(), f"* {rude.name} has gone")
            ann.say("x" * 512)
            self.assertEqual(ann.line(), f"{ann.name}: " + "x" * 512)
            rude.close()
            ann.close()

    def test_one_who_says_nothing_is_sent_away(self):
        for address in self.each_way("--idle=1"):
            begin = time.monotonic()
            ann = self.client(address)
            self.assertEqual(ann.rest(), ["* you have said nothing for too long"])
            self.assertGreater(time.monotonic() - begin, 0.9)
            ann.close()

    def test_one_who_never_reads_hurts_nobody(self):
        mutes = [self.client(address, prepare=small_window)
                 for address in self.start("--idle=2")]
        ann = self.client(self.server.address)
        before = self.server.resident()
        left = {f"* {mute.name} has gone" for mute in mutes}

        def given_up():
            for mute in mutes:  # so they are not sent away for their silence
                with contextlib.suppress(ConnectionError):
                    mute.say("I do not listen")
            left.difference_update(talk(ann, 200))
            return not left
        # They take nothing for two seconds once all buffers hold what they can.
        wait_for(given_up, "the clients that do not read to be given up", 2 * DEADLINE)
        self.assert_memory_growth(before, self.server.resident(), 64 << 20, "two that never read")
        ann.close()
        self.end_server()

    def test_the_end_is_told_to_all_rooms(self):
        direct, proxied = self.start()
        clients = [self.client(direct), self.client(proxied), self.client(direct)]
        clients[1].say("/join #tea")
        clients[1].until(f"* {clients[1].name} joins #tea")
        self.server.send_signal(signal.SIGINT)
        for client in clients:
            rest = client.rest()
            self.assertEqual(rest[-1], "* server shutting down", rest)
        self.assertEqual(self.server.wait(), 0)
        self.assertTrue(refused(direct))

    def test_the_end_does_not_wait_for_ever(self):
        direct, _ = self.start("--patience=1")
        self.client(direct, prepare=small_window)
        ann = self.client(direct)
        talk(ann, MORE_THAN_BUFFERS)
        self.server.send_signal(signal.SIGINT)
        self.assertEqual(ann.rest()[-1:], ["* server shutting down"])
        self.assertEqual(self.server.wait(), 1)
        self.assertEqual(self.server.lines("cut off"), ["1 clients are cut off"])


@matrix(workers=(2,))
class Crowd(Served):
    def test_a_thousand_clients(self):
        all_descriptors()
        _, address = self.serve("chat_server")
        count = scaled(CROWD, 100)
        clients = []
        while len(clients) < count:
            several = [self.keep(Client(address)) for _ in range(min(50, count - len(clients)))]
            clients += [client.enter() for client in several]
        speakers = clients[::count // SPEAKERS]
        for client in speakers:
            client.say(f"this is {client.name}")
        said = {f"{client.name}: this is {client.name}" for client in speakers}
        observer = self.observer(address, said)
        observer.say("the end")  # it cannot be missed: it is the last line
        totals, order = [], None
        for client in clients:
            heard, lost = self.heard(client.until(f"{observer.name}: the end"))
            if lost == 0:
                speech = [line for line in heard if line in said]
                order = order or speech
                self.assertEqual(speech, order)  # all hear the same, in the same order
                self.assertEqual(set(speech), said)
            totals.append(len(heard) + lost)
        # One has heard all others join, one all but one, ..., the last none; and all have heard
        # what was said, and that the observer came. What a client was too slow for it was told.
        self.assertEqual(sorted(totals), list(range(len(said) + 1, len(said) + 1 + count)))
        observer.say("/rooms")
        observer.until(f"* #general {count + 1}")
        self.server.send_signal(signal.SIGINT)
        for client in [*clients, observer]:
            self.assertEqual(client.rest(), ["* server shutting down"])
        self.assertEqual(self.server.wait(), 0)

    @staticmethod
    def heard(lines):
        """The lines of the room, and how many are lost."""
        lost = [int(told[1]) for line in lines
                if (told := re.fullmatch(r"\* you are too slow: (\d+) lines are lost", line))]
        return [line for line in lines if "you are too slow" not in line], sum(lost)

    def observer(self, address, said):
        """Comes when all of it has been said, as the history shows, or hears the rest of it."""
        client = self.keep(Client(address))
        missing = set(said)
        while missing:
            missing.discard(client.line())
        return client


if __name__ == "__main__":
    main()
