"""Many clients of an echo server that arrive together."""

import contextlib
import selectors
import socket

import sockets
from processes import DEADLINE

MESSAGE = 64


def arrive(address, count, turn):
    """Starts `count` connects together, each with its own message; returns what became of each.

    'answered' or 'closed'. `turn` is called with the sockets once all have had an answer or an end.
    """
    poller = selectors.DefaultSelector()
    outcomes, everyone = {}, []
    for number in range(count):
        one = socket.socket(socket.AF_INET)
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(address)
        everyone.append(one)
        poller.register(one, selectors.EVENT_WRITE, number)
    while len(outcomes) < count:
        ready = poller.select(DEADLINE)
        if not ready:
            raise AssertionError(f"{count - len(outcomes)} of {count} connections hang")
        for key, _ in ready:
            step(poller, key, outcomes)
    turn(everyone, outcomes)
    for one in everyone:
        one.close()
    return outcomes


def step(poller, key, outcomes):
    """Sends when connected, then takes the answer."""
    message = str(key.data).zfill(MESSAGE).encode()
    try:
        if key.events == selectors.EVENT_WRITE:
            key.fileobj.sendall(message)
            poller.modify(key.fileobj, selectors.EVENT_READ, key.data)
            return
        answer = key.fileobj.recv(MESSAGE)
    except OSError:
        answer = b""
    assert answer in (b"", message), answer  # a whole answer: it is one small segment
    outcomes[key.data] = "answered" if answer else "closed"
    poller.unregister(key.fileobj)


def crowd(link, address, count):
    """A peer: arrives once, then asks the answered connections again; returns their number."""
    def ask_again(everyone, outcomes):
        for number, outcome in outcomes.items():
            if outcome == "answered":
                everyone[number].settimeout(DEADLINE)
                sockets.exchange_echo(everyone[number], b"still there?")
    outcomes = arrive(address, count, ask_again)
    return list(outcomes.values()).count("answered")
