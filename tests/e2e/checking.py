"""What the tests of checks and agents have in common."""

import contextlib
import socket
import threading

import sockets
from echo import echo
from reloading import Reloading

# Checks as often as a test can wait for.
OFTEN = {"interval": "50ms", "fast_interval": "20ms", "down_interval": "30ms", "timeout": "1s"}


def closed_endpoint():
    """An endpoint that refuses connects: no other test uses this host."""
    return sockets.text_of((sockets.HOST, sockets.free_port()))


class Talker:
    """Runs `talk(stream)` for each connection, one after the other, and counts them."""

    def __init__(self, talk, host=sockets.HOST, port=0):
        self.talk = talk
        self.talks = 0
        self.listener = sockets.Listener(host, port=port)
        self.text = self.listener.text
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                stream = self.listener.accept()
                with stream, contextlib.suppress(OSError):
                    self.talk(stream)
                self.talks += 1

    def close(self):
        with contextlib.suppress(OSError):  # it may have been closed before
            self.listener.socket.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Checking(Reloading):
    def live(self):
        return self.peer(echo).receive()

    def checked_proxy(self, endpoints, health=None, upstream=None, **options):
        return self.proxy(endpoints, upstream={"health": {**OFTEN, **(health or {})},
                                               "retry_for": "0s", **(upstream or {})}, **options)

    def wait_is(self, web, endpoint, state, count=1):
        return web.wait_line(f"upstream app: endpoint {endpoint} is {state}:", count=count)[-1]

    def sessions(self, web, count):
        """Echoes through as many sessions; returns the endpoints that they had."""
        before = len(web.session_ends())
        for _ in range(count):
            client = web.connect()
            sockets.exchange_echo(client)
            client.close()
        web.wait_session_end(before + count)
        return {end["endpoint"] for end in web.session_ends()[before:]}

    def server(self, server):
        self.addCleanup(server.output.close)
        return self.keep(server)
