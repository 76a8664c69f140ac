"""Case 64: a host that disappears without a word."""

from __future__ import annotations

import time

from case import TCP4, case
from drivers.config import Keepalive, Launch
from ends.stream import Job, all_done
from kernel import netns
from verdict import check, check_time


# A connection that broke counts as reset by the side that it leads to.
REASON = {"client": "client_reset", "server": "upstream_reset"}


@case(64, "a vanished host is noticed: keepalive when idle, user timeout when not",
      "RFC 9293, 3.8.4; RFC 5482", TCP4, ("keepalive",))
def vanished(t):
    """The far host loses its address: no FIN, no RST, no ICMP (RFC 9293 section 3.8.4 keepalives).

    An idle session has to end after the keepalive budget (idle + interval x count). Keepalive
    says nothing while data is unacknowledged: that is TCP_USER_TIMEOUT's part (RFC 5482,
    tcp(7)). Both are needed, on both sides. And what broke must not look finished: the peer
    that is left sees a reset, not a clean end, as in cases 9 to 11.
    """
    wire = t.keep(netns.Wire())
    alive = Keepalive(idle=1, interval=1, count=2)
    limit = 2.0
    scenes = [idle_scene(t, wire, "client", alive)]
    if t.has("keepalive_upstream_times"):
        scenes.append(idle_scene(t, wire, "server", alive))
    if t.has("user_timeout"):
        scenes += [talking_scene(t, wire, side, limit) for side in ("client", "server")]
    wire.cut()
    all_done([Job(scene, time.monotonic()) for scene in scenes], within=90)


def scene(t, wire, lost: str, **settings):
    """A session between the near and the far host; returns the proxy and the end in reach."""
    near, far = wire.near, wire.far
    with (far if lost == "server" else near).inside():
        upstream = t.upstream(host=wire.FAR if lost == "server" else "127.0.0.1")
    with near.inside():
        listen = t.listen_address(host=wire.NEAR)
    proxy = t.start(upstream, binds=[listen], idle_timeout=600, launch=Launch(netns=near.name),
                    **settings)
    with (far if lost == "client" else near).inside():
        client, server = t.session(proxy, upstream)
    client.send(b"hello")
    server.receive(5)
    return proxy, client if lost == "server" else server


def check_reset(end, survivor, lost: str) -> None:
    check(end.how == "reset", "the %s has vanished and %s saw %s: a broken stream looks complete"
          % (lost, survivor.who, end))


def idle_scene(t, wire, lost: str, alive: Keepalive):
    proxy, survivor = scene(t, wire, lost, keepalive=alive)

    def watch(start: float) -> None:
        end = survivor.ending(within=alive.budget * 1.5 + 5)
        took = time.monotonic() - start
        check(end.how != "open", "the %s vanished from an idle session; nothing happened within "
              "%.0f s (keepalive budget %d s)" % (lost, took, alive.budget))
        check_reset(end, survivor, lost)
        check_time(took >= alive.idle + 0.5, "gave up on an idle %s after %.1f s" % (lost, took))
        check_time(took <= alive.budget * 1.1 + 2, "an idle %s was given up after %.1f s, the "
                   "budget is %d s" % (lost, took, alive.budget))
        t.note("idle, %s lost: %s after %.1f s" % (lost, end.how, took))
        t.expect_reason(proxy, REASON[lost])

    return watch


def talking_scene(t, wire, lost: str, limit: float):
    proxy, survivor = scene(t, wire, lost, user_timeout=limit)

    def watch(start: float) -> None:
        survivor.send(b"into the void")
        end = survivor.ending(within=limit * 3 + 4)
        took = time.monotonic() - start
        check(end.how != "open", "the %s vanished with data unacknowledged; nothing happened "
              "within %.0f s (user timeout %.0f s)" % (lost, took, limit))
        check_reset(end, survivor, lost)
        check_time(limit * 0.9 <= took <= limit * 1.5 + 1, "user timeout %.0f s: a lost %s was "
                   "given up after %.1f s" % (limit, lost, took))
        t.note("talking, %s lost: %s after %.1f s" % (lost, end.how, took))
        t.expect_reason(proxy, REASON[lost])

    return watch
