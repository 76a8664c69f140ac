"""An echo server as a peer, which knows how many connections it has had at once."""

import select

import sockets


def echo(link):
    """Sends its endpoint and echoes; answers a request by (connections so far, most at once)."""
    with sockets.Listener() as listener:
        link.send(listener.text)
        Echo(listener, link).serve()


class Echo:
    def __init__(self, listener, link):
        self.listener = listener
        self.link = link
        self.streams = {}
        self.total = 0
        self.most = 0
        self.epoll = select.epoll()
        self.epoll.register(listener.socket, select.EPOLLIN)
        self.epoll.register(link, select.EPOLLIN)

    def serve(self):
        """Runs until it is killed."""
        while True:
            for number, _ in self.epoll.poll():
                if number == self.listener.socket.fileno():
                    self.accept()
                elif number == self.link.fileno():
                    self.link.receive()
                    self.link.send((self.total, self.most))
                elif number in self.streams:
                    self.answer(self.streams[number])

    def accept(self):
        """Counts one more; connections that had ended before are not counted as simultaneous."""
        stream = self.listener.accept()
        stream.setblocking(False)
        self.streams[stream.fileno()] = stream
        self.epoll.register(stream, select.EPOLLIN)
        self.total += 1
        if len(self.streams) > self.most:
            for number, _ in self.epoll.poll(0, 65536):
                if number in self.streams:
                    self.answer(self.streams[number])
        self.most = max(self.most, len(self.streams))

    def answer(self, stream):
        """Echoes what is there: messages are small, so that a short send cannot happen."""
        try:
            if data := stream.recv(65536):
                assert stream.send(data) == len(data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        del self.streams[stream.fileno()]
        stream.close()
