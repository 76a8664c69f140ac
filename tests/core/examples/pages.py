"""A web server in the test itself, which knows how many requests it has at the same time."""

import http.server
import threading
import time

from processes import DEADLINE
from sockets import HOST


class Pages(http.server.ThreadingHTTPServer):
    """`answer(handler, number)` serves a request; `most_at_once`: how many there have been."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer):
        self.answer = answer
        self.lock = threading.Lock()
        self.paths, self.times = [], []
        self.now, self.most_at_once = 0, 0
        super().__init__((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """A client that closes early is no news."""

    def begin(self, path):
        with self.lock:
            self.paths.append(path)
            self.times.append(time.monotonic())
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
            return len(self.paths) - 1

    def end(self):
        with self.lock:
            self.now -= 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = DEADLINE

    def do_GET(self):
        number = self.server.begin(self.path)
        # The end is counted before the answer: who has it may ask again at once.
        self.server.answer(self, number)

    def reply(self, body, status=200):
        self.server.end()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reply_raw(self, text):
        self.server.end()
        self.wfile.write(text)
        self.close_connection = True

    def log_message(self, *_):
        pass
