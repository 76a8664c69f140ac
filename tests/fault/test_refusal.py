"""Every system call that Sluice makes while it serves fails, one by one, for a while.

No peer is misled meanwhile (a session is served, waits, or is reset), the proxy neither ends nor
spins, sessions that do not need the call go on, and afterwards everything is as before.
"""

import errno
import time

import sockets
from echo import echo
from harness import main, matrix
from processes import DEADLINE, wait_for
from refuser import Refuser

ARRIVALS = 4
WATCHED = 0.3  # seconds over which CPU time is measured
TRIES = 300  # of one call in that time: being asked takes so long that a loop hardly costs CPU time

# The calls that only new sessions need, with errors that each may give (or a sandbox may).
OPENING = {
    "accept4": (errno.EMFILE, errno.ENOBUFS, errno.EPERM),
    "socket": (errno.EMFILE, errno.ENOBUFS, errno.EPERM),
    "connect": (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EPERM),
    "epoll_ctl": (errno.ENOSPC, errno.ENOMEM, errno.EPERM),
    "getpeername": (errno.ENOBUFS, errno.EPERM),
    "setsockopt": (errno.ENOPROTOOPT, errno.ENOMEM, errno.EPERM),
    "fcntl": (errno.EPERM,),
}
# Those of any time, in which a session may find its end.
SERVING = {
    "getsockopt": (errno.ENOBUFS, errno.EPERM),
    "ioctl": (errno.EPERM,),
    "shutdown": (errno.ENOBUFS, errno.EPERM),
    "recvfrom": (errno.ENOMEM, errno.EPERM),
    "sendto": (errno.ENOBUFS, errno.ENOMEM, errno.EPERM),
    "madvise": (errno.ENOMEM, errno.EPERM),
    "mmap": (errno.ENOMEM, errno.EPERM),
    "munmap": (errno.ENOMEM,),
    "poll": (errno.ENOMEM,),
    "write": (errno.ENOSPC, errno.EPERM),
}
# Without these a worker cannot hear from the kernel at all: it may only wait for better times.
WAITING = {
    "epoll_wait": (errno.ENOMEM, errno.EPERM),
    "epoll_pwait": (errno.ENOMEM, errno.EPERM),
    "io_uring_enter": (errno.EAGAIN, errno.EBUSY, errno.ENOMEM),
}


def attempt(address, seconds):
    """A new client's fate: 'answered', 'reset', 'eof' or, so far, the client that waits."""
    try:
        client = sockets.connect(address)
    except ConnectionError:
        return "reset"
    client.settimeout(seconds)
    try:
        client.sendall(b"ping")
        answer = client.recv(16)
    except ConnectionError:
        client.close()
        return "reset"
    except TimeoutError:
        client.settimeout(DEADLINE)
        return client
    client.close()
    return "answered" if answer == b"ping" else "eof"


@matrix(workers=(2,))
class Refusal:
    def serve(self, names):
        self.refuser = self.keep(Refuser(*names))
        self.web = self.proxy([self.peer(echo).receive()], prepare=self.refuser.prepare,
                              log={"level": "info"},
                              defaults={"timeouts": {"half_close": "300ms"}})
        self.bystander = self.keep(self.web.connect())
        sockets.exchange_echo(self.bystander)
        self.idle = self.web.idle_descriptors()

    def served(self):
        return attempt(self.web.address(), DEADLINE) == "answered"

    def check_calls(self, calls, fates, bystander_lives):
        self.serve(calls)
        for name, errors in calls.items():
            for error in errors:
                with self.subTest(call=name, error=errno.errorcode[error]):
                    self.check_call(name, error, fates, bystander_lives)

    def check_call(self, name, error, fates, bystander_lives):
        self.refuser.refuse(name, error)
        met = [attempt(self.web.address(), 0.05) for _ in range(ARRIVALS)]
        waiting = [fate for fate in met if not isinstance(fate, str)]
        self.assertLessEqual({fate for fate in met if isinstance(fate, str)}, set(fates))
        if bystander_lives:
            sockets.exchange_echo(self.bystander)
        cpu, before = self.web.cpu_seconds(), self.refuser.refused[name]
        time.sleep(WATCHED)
        self.assertLess(self.web.cpu_seconds() - cpu, 0.5 * WATCHED, "it spins")
        self.assertLess(self.refuser.refused[name] - before, TRIES, "it asks again at once")
        self.assertIsNone(self.web.child.poll(), "it has ended")
        self.refuser.allow()
        for client in waiting:
            self.assertIn(sockets.ending_after_echo(client), ("answered", "reset"))
        wait_for(self.served, "a new session to be served again", 5)
        if not bystander_lives:
            self.bystander.close()
            self.bystander = self.keep(self.web.connect())
            sockets.exchange_echo(self.bystander)
        wait_for(lambda: self.web.descriptors() <= self.idle, "its descriptors to be closed")

    def test_calls_of_new_sessions(self):
        self.check_calls(OPENING, ("answered", "reset"), bystander_lives=True)

    def test_calls_of_all_times(self):
        self.check_calls(SERVING, ("answered", "reset"), bystander_lives=False)

    def test_calls_that_wait(self):
        self.check_calls(WAITING, ("answered", "reset"), bystander_lives=False)

    def open_echo(self):
        client = self.web.connect()
        sockets.exchange_echo(client)
        return client

    def test_a_sleeping_worker_is_woken_in_the_end(self):
        """A session that was handed to another worker while the kernel refused to wake it."""
        self.refuser = self.keep(Refuser("write"))
        self.web = self.proxy([self.peer(echo).receive()], prepare=self.refuser.prepare)
        idle = self.web.idle_descriptors()
        for _ in range(20):
            clients = [self.open_echo() for _ in range(14)]  # on both workers
            for client in clients[1::2]:
                client.close()
            self.wait_for_sessions(7, idle)
            self.refuser.refuse("write", errno.EPERM)
            late = [attempt(self.web.address(), 0.05) for _ in range(6)]
            refused = self.refuser.refused["write"]
            self.refuser.allow()
            for client in late:
                if not isinstance(client, str):
                    self.assertEqual(sockets.ending_after_echo(client), "answered")
            for client in clients[::2]:
                client.close()
            self.wait_for_sessions(0, idle)
            if refused > 0:
                return
        self.fail("nothing was handed over to a sleeping worker")

    def wait_for_sessions(self, count, idle):
        wait_for(lambda: self.web.descriptors() == idle + 2 * count, f"{count} sessions")

    def serve_by_hand(self, names):
        self.refuser = self.keep(Refuser(*names))
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text], prepare=self.refuser.prepare)

    def test_a_reset_stays_one(self):
        """A reset is passed on as a reset, whichever of these calls fails meanwhile."""
        calls = {name: SERVING.get(name) or OPENING[name]
                 for name in ("setsockopt", "getsockopt", "ioctl", "shutdown", "epoll_ctl")}
        self.serve_by_hand(calls)
        for name, errors in calls.items():
            for loser in (0, 1):
                with self.subTest(call=name, by=("client", "upstream")[loser]):
                    sides = self.session()
                    self.refuser.refuse(name, errors[0])
                    sockets.reset(sides[loser])
                    end = sockets.ending(sides[1 - loser])
                    self.refuser.allow()
                    self.assertEqual(end, "reset")

    def test_an_abandoned_connect_is_no_clean_end(self):
        """The upstream has taken it, but the proxy cannot go on with it."""
        self.serve_by_hand(("epoll_ctl",))
        self.refuser.refuse("epoll_ctl", errno.ENOSPC)
        client = self.keep(self.web.connect())
        upstream = self.keep(self.listener.accept())
        if self.backend == "io_uring":
            sockets.exchange(client, upstream)  # it does not need that call
        else:
            self.assertEqual(sockets.ending(client), "reset")
            self.assertEqual(sockets.ending(upstream), "reset")
        self.refuser.allow()


if __name__ == "__main__":
    main()
