"""Cases 49 and 51: a configuration that is watched, and another binary under load."""

from __future__ import annotations

import os
import time

from case import case
from cases.reload import RATE, check_goes_on, wait_for_server
from drivers.config import Endpoint
from drivers.driver import program_of
from drivers.proxy import Proxy
from ends.load import Churn
from kernel import procs
from verdict import check, check_time, wait_until

PATIENCE_S = 3.0
QUIET_S = 0.6  # longer than any proxy waits for a file to be written to its end


@case(49, "a watched configuration is taken once, whichever way it is replaced",
      "its own manual: reload; inotify(7)", needs=("reload", "watch"))
def watched(t):
    """By rename, by writing into the file in pieces, and by turning the folder that it is in.

    The last is how Kubernetes gives a volume another content: the file is a symbolic link to
    ..data/FILE, and ..data another one, which is renamed. Each change names another server, is
    taken without a signal, and is taken once: half of a file is no configuration.
    """
    first, second = t.upstream(), t.upstream()
    proxy = t.start(first, reloads=True, watch=True)
    client, server = t.session(proxy, first)
    folders = Folders(proxy)
    for how, replace, upstream in (
            ("renamed over it", rename_over, second),
            ("written into it in pieces", write_in_pieces, first),
            ("renamed over it, a symbolic link to ..data,", folders.begin, second),
            ("replaced by another ..data", folders.turn, first)):
        told = t.driver.reloads_told(proxy)
        replace(proxy, proxy.rendered(endpoints=[Endpoint(upstream.address)]))
        proxy.wait_reloaded(told, "a file was %s and was not taken" % how, PATIENCE_S)
        time.sleep(QUIET_S)
        count = t.driver.reloads_told(proxy) - told
        check(count == 1, "a file was %s and was read %d times" % (how, count))
        wait_for_server(t, proxy, upstream)
    client.send(b"still here")
    server.expect_same(server.receive(10), b"still here")


def rename_over(proxy: Proxy, text: str) -> None:
    put(proxy.config_path, text)


def write_in_pieces(proxy: Proxy, text: str) -> None:
    with open(proxy.config_path, "w") as file:
        for begin in range(0, len(text), len(text) // 4 + 1):
            file.write(text[begin:begin + len(text) // 4 + 1])
            file.flush()
            time.sleep(0.03)  # the proxy looks meanwhile


def put(path: str, text: str) -> None:
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


class Folders:
    """Folders of which ..data names one."""

    def __init__(self, proxy: Proxy):
        self._home = proxy.home
        self._number = 0

    def begin(self, proxy: Proxy, text: str) -> None:
        self.turn(proxy, text)
        link(os.path.join("..data", proxy.driver.config_name), proxy.config_path)

    def turn(self, proxy: Proxy, text: str) -> None:
        self._number += 1
        folder = "..%d" % self._number
        os.mkdir(os.path.join(self._home, folder))
        with open(os.path.join(self._home, folder, proxy.driver.config_name), "w") as file:
            file.write(text)
        link(folder, os.path.join(self._home, "..data"))


def link(target: str, path: str) -> None:
    """Turns a symbolic link, or makes one in place of a file, in one step."""
    os.symlink(target, path + ".new")
    os.rename(path + ".new", path)


@case(51, "another binary takes over under load; one that crashes changes nothing",
      "its own manual: upgrade; listen(2)", needs=("reload", "upgrade"))
def other_binary(t):
    """The program's name leads to another binary, and the proxy is told to start it.

    First to one that ends at once, which must not be noticed by any client; then to the right one,
    again and again. No connection is refused or reset, and a session goes on to its end, after
    which nothing is left of the process before.
    """
    echo = t.echo()
    proxy = t.start(echo, reloads=True, upgrades=True)
    client = t.echo_session(proxy)
    right = os.readlink(program_of(proxy))
    before = proxy.pids()
    link(crashing(t), program_of(proxy))
    load = t.keep(Churn(proxy.address, RATE))
    proxy.upgrade()
    check(proxy.pid == before[0] and set(before) <= set(proxy.pids()),
          "a binary that crashes at its start has taken the proxy's place")
    check_goes_on(client)
    t.echo_session(proxy).close()
    check_lost(load, "a binary crashed at its start")
    link(right, program_of(proxy))
    count = t.scale(3, 20)
    load = t.keep(Churn(proxy.address, RATE))
    for _ in range(count):
        client = take_over(t, proxy, client)
    served = check_lost(load, "%d binaries took over, one from the other" % count)
    t.note("%d binaries, %d sessions" % (count, served))
    check_time(served >= 5 * count, "only %d connections came while %d binaries took over: that "
               "is no load" % (served, count))


def take_over(t, proxy: Proxy, client):
    """`client` has a session with the binary before; returns one of the binary after."""
    before = proxy.pids()
    proxy.upgrade()
    gone = [pid for pid in before if pid != proxy.pid]
    check(gone != [], "told to start another binary, the proxy has done nothing")
    check_goes_on(client)
    # A new client may still be taken by the binary before, where both accept for a moment.
    client.close()
    wait_until(lambda: not any(procs.alive(pid) for pid in gone), 5.0,
               "the last session of the binary before has ended, and its process has not")
    return t.echo_session(proxy)


def crashing(t) -> str:
    path = os.path.join(t.scratch, "crashes")
    with open(path, "w") as file:
        file.write("#!/bin/sh\nexit 1\n")
    os.chmod(path, 0o755)
    return path


def check_lost(load: Churn, when: str) -> int:
    found = load.stop()
    lost = ["%d %s" % (found[what], what) for what in sorted(found) if what != "served"]
    check(not lost, "%s, and of the connections meanwhile, %s" % (when, ", ".join(lost)))
    return found.get("served", 0)
