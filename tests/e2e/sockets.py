"""Small words for plain sockets, and addresses that no other test uses."""

import random
import select
import socket
import struct

from processes import DEADLINE

_random = random.SystemRandom()
# A loopback address of our own: a port that is free here stays free, whatever other tests do.
HOST = f"127.{_random.randrange(64, 128)}.{_random.randrange(256)}.{_random.randrange(1, 255)}"


def free_port(host=HOST):
    """A port for a program that cannot bind port 0."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def text_of(address):
    """('::1', 80) -> '[::1]:80', as the configuration wants it."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Listener:
    """A server socket in the test itself, which accepts by hand."""

    def __init__(self, host=HOST, backlog=4096, receive_buffer=0, port=0):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:  # inherited by what it accepts
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.bind((host, port))
        self.socket.listen(backlog)
        self.address = self.socket.getsockname()
        self.text = text_of(self.address)

    def accept(self):
        accepted = self.socket.accept()[0]
        accepted.settimeout(DEADLINE)
        return accepted

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ready_of(listeners):
    """The first of these that has a connection to accept."""
    ready = select.select([each.socket for each in listeners], [], [], DEADLINE)[0]
    if not ready:
        raise AssertionError("no connection to any of the listeners")
    return next(each for each in listeners if each.socket is ready[0])


def connect(address, family=None, source=None, prepare=None):
    """A connected socket to ('host', port) or to a UNIX path ('\\0name' is abstract).

    It comes from the host `source`; `prepare` is called with it before it connects.
    """
    if isinstance(address, str):
        family = socket.AF_UNIX
    elif ":" in address[0]:
        family = socket.AF_INET6
    new = socket.socket(family or socket.AF_INET)
    try:
        if prepare:
            prepare(new)
        if source:
            new.bind((source, 0))
        new.connect(address)
    except BaseException:
        new.close()
        raise
    return new


def refused(address):
    """Whether a new connect is refused; if not, it ends at once by a reset."""
    try:
        reset(connect(address))
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except ConnectionError:
        return False
    return False


def reset(victim):
    """Closes with RST instead of FIN."""
    victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    victim.close()


def read_exactly(source, size):
    data = bytearray()
    while len(data) < size:
        chunk = source.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise AssertionError(f"end of stream after {len(data)} of {size} bytes")
        data += chunk
    return bytes(data)


def read_to_end(source):
    """(bytes, how it ended): 'eof' or 'reset'."""
    data = bytearray()
    try:
        while chunk := source.recv(1 << 20):
            data += chunk
    except (ConnectionResetError, BrokenPipeError):
        return bytes(data), "reset"
    return bytes(data), "eof"


def ending(source):
    return read_to_end(source)[1]


def ending_of_connect(address):
    """How a connection ends whose client only reads; a reset may come before connect returns."""
    try:
        with connect(address) as client:
            return ending(client)
    except ConnectionResetError:
        return "reset"


def fill(sender):
    """Sends until there is no room, to a peer that does not read."""
    sender.setblocking(False)
    try:
        while True:
            sender.send(bytes(1 << 16))
    except BlockingIOError:
        sender.setblocking(True)


def exchange(client, server, payload=b"ping"):
    """Sends one message in each direction: then the session is established."""
    client.sendall(payload)
    assert read_exactly(server, len(payload)) == payload
    server.sendall(payload[::-1])
    assert read_exactly(client, len(payload)) == payload[::-1]


def exchange_echo(client, payload=b"ping"):
    """The same through a server that echoes."""
    client.sendall(payload)
    answer = read_exactly(client, len(payload))
    assert answer == payload, answer


def ending_after_echo(client, payload=b"ping"):
    """What becomes of a client that has sent `payload` and waits: 'answered', 'reset', 'eof'."""
    with client:
        try:
            answer = client.recv(len(payload))
        except ConnectionError:
            return "reset"
        return "answered" if answer == payload else "eof"
