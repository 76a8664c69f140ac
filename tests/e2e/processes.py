"""Programs and peers under a deadline: whatever a test starts ends with it.

    Process   a program in its own process group, its output in a file the test can read
    Peer      a Python function in a forked process, with a pipe to talk over
    wait_for  the only way to wait: a condition, what it means, a deadline

Everything dies with the test process too (PR_SET_PDEATHSIG), so start them from its main thread.
"""

import ctypes
import gc
import multiprocessing
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

# Under a sanitizer or on a slow machine, loads shrink by this factor, and deadlines grow.
SCALE = min(float(os.environ.get("SLUICE_TEST_SCALE", "1")), 1)
DEADLINE = 20 / max(SCALE, 0.25)

socket.setdefaulttimeout(DEADLINE)
libc = ctypes.CDLL(None, use_errno=True)


def scaled(count, least=1):
    """A load of `count`, less under SLUICE_TEST_SCALE, but never below `least`."""
    return max(least, int(count * SCALE))


def wait_for(condition, what, seconds=DEADLINE):
    """Asks `condition` until it answers something true and returns that; fails at the deadline."""
    end = time.monotonic() + seconds
    pause = 0.001
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return answer


def fifo_writer(path, who):
    """A descriptor for writing to the fifo, as soon as `who` has it open or is opening it."""
    def opened():
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # there is no reader
            return None
    return wait_for(opened, f"{who} to open {path}")


def run(*argv, seconds=60, **options):
    """Runs a program to its end and returns it with `returncode`, `stdout`, `stderr`."""
    options.setdefault("text", True)
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    return subprocess.run([str(word) for word in argv], capture_output=True,
                          timeout=seconds / max(SCALE, 0.25), preexec_fn=die_with_parent, **options)


def die_with_parent():
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def all_descriptors():
    """Raises the soft limit of descriptors to the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def of_threads(pid, name):
    """The text of this file in /proc for each thread of the process, by the thread's number."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/{name}") as file:
                found[int(thread)] = file.read()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since the list was made
    return found



class Process:
    """A running program. `prepare` is called in the child between fork and exec."""

    def __init__(self, *argv, prepare=None, **options):
        def before_exec():
            die_with_parent()
            all_descriptors()
            if prepare:
                prepare()

        self.argv = [str(word) for word in argv]
        self.name = os.path.basename(self.argv[0])
        self.output = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            start_new_session=True, preexec_fn=before_exec, **options)
        self.pid = self.child.pid

    def text(self):
        """Everything that it has printed so far."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0).decode(errors="replace")

    def lines(self, pattern):
        return [line for line in self.text().splitlines() if re.search(pattern, line)]

    def wait_line(self, pattern, seconds=DEADLINE, count=1):
        """Waits until `count` lines match and returns them; fails at once if it has ended."""
        def found():
            ended = self.child.poll() is not None
            matches = self.lines(pattern)
            if ended and len(matches) < count:
                raise AssertionError(f"{self.name} ended with {self.child.returncode}, printed no "
                                     f"/{pattern}/:\n{self.text()[-4000:]}")
            return matches if len(matches) >= count else None
        return wait_for(found, f"{count} × /{pattern}/ from {self.name}", seconds)

    def send_signal(self, number):
        self.child.send_signal(number)

    def freeze(self):
        """Stops it; returns when no thread of it runs. SIGCONT lets it go on."""
        self.send_signal(signal.SIGSTOP)
        wait_for(lambda: all(text.rpartition(")")[2].split()[0] == "T"
                             for text in of_threads(self.pid, "stat").values()),
                 "all its threads to stop")

    def wait(self, seconds=DEADLINE):
        """Waits until the program ends by itself and returns the exit code."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds:g} s") from None

    def kill(self):
        """Ends it and what it has started; harmless when it has ended."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait(DEADLINE)

    def stop(self, number=signal.SIGTERM, seconds=DEADLINE):
        """Asks the program to end; returns the exit code."""
        try:
            self.send_signal(number)
            return self.wait(seconds)
        finally:
            self.kill()

    def status(self, key):
        """A value in KiB of /proc/PID/status, in bytes."""
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(rf"^{key}:\s+(\d+) kB", file.read(), re.M)[1]) * 1024

    def resident(self):
        return self.status("VmRSS")

    def resident_peak(self):
        return self.status("VmHWM")

    def forget_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Peer:
    """`body(link, *arguments)` in a forked process; `link` is its end of a pipe.

    The child keeps no descriptor of the test but the pipe and the standard ones: a socket that the
    test closes is closed.
    """

    def __init__(self, body, *arguments):
        self.link, theirs = multiprocessing.Pipe()
        self.name = body.__name__
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _be_peer(theirs, body, arguments)
        theirs.close()

    def send(self, message):
        self.link.send(message)

    def receive(self, seconds=DEADLINE):
        """The next message of the body; the last one is what it returned."""
        if not self.link.poll(seconds):
            raise AssertionError(f"{self.name} said nothing for {seconds:g} s")
        try:
            kind, message = self.link.recv()
        except EOFError:
            raise AssertionError(f"{self.name} ended without a word") from None
        if kind == "raised":
            raise AssertionError(f"{self.name} failed:\n{message}")
        return message

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.link.close()
            self.pid = 0


class _Link:
    """The body's end: `send` to the test, `receive` from it, `pending` without waiting."""

    def __init__(self, pipe):
        self.pipe = pipe

    def send(self, message):
        self.pipe.send(("said", message))

    def receive(self):
        return self.pipe.recv()

    def pending(self):
        return self.pipe.poll()

    def fileno(self):
        return self.pipe.fileno()


def _be_peer(pipe, body, arguments):
    """The whole life of the child; does not return."""
    try:
        die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()  # no object of the test may be collected here and close a number of ours
        os.closerange(3, pipe.fileno())
        os.closerange(pipe.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        all_descriptors()
        pipe.send(("said", body(_Link(pipe), *arguments)))
    except BaseException:
        pipe.send(("raised", traceback.format_exc()))
    finally:
        os._exit(0)
