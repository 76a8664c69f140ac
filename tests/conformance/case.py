"""A case, and the trial in which it runs: one proxy driver, one address family."""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple, Union

from drivers.config import Config, Endpoint, Launch
from drivers.driver import Driver
from drivers.proxy import Proxy
from ends.client import connect
from ends.peer import Peer
from ends.servers import EchoServer
from ends.upstream import Upstream
from kernel.net import FAMILIES, Address, BlackHole, bound_socket, address_of, free_address
from verdict import NotApplicable, check

ANY = FAMILIES
INET = ("tcp4", "tcp6")
TCP4 = ("tcp4",)


@dataclass(frozen=True)
class Case:
    """One row of the table: what is judged and on which address families."""

    number: int
    title: str
    rule: str  # the document by which a proxy that fails it is wrong; the docstring says more
    families: Tuple[str, ...]
    needs: Tuple[str, ...]
    run: Callable[["Trial"], None]


def case(number: int, title: str, rule: str, families: Tuple[str, ...] = TCP4,
         needs: Tuple[str, ...] = ()) -> Callable:
    """Makes a case of the function below it."""
    return lambda run: Case(number, title, rule, families, needs, run)


class Trial:
    """What a case works with. Everything it opens is closed when the trial ends."""

    def __init__(self, driver: Driver, family: str, full: bool, scratch: str):
        self.driver = driver
        self.family = family
        self.full = full
        self.scratch = scratch
        self.notes: List[str] = []
        self._proxies: List[Proxy] = []
        self._serial = itertools.count()
        self._stack = contextlib.ExitStack()

    def scale(self, quick, full):
        """A size or a span of time: the small one, or the original one under --full."""
        return full if self.full else quick

    def note(self, text: str) -> None:
        """A figure worth reading beside the verdict."""
        self.notes.append(text)

    # -- features -----------------------------------------------------------------------------

    def need(self, feature: str) -> None:
        reason = self.driver.lacks.get(feature)
        if reason:
            raise NotApplicable(reason)

    def has(self, feature: str) -> bool:
        """Whether a part of a case can be judged; if not, the result says so."""
        reason = self.driver.lacks.get(feature)
        if reason:
            self.note("part not judged: " + reason)
        return not reason

    def promises(self, promise: str) -> bool:
        return promise in self.driver.promises

    def expect_reason(self, proxy: Proxy, reason: str, count: int = 1) -> None:
        """The first records must give the reason, if the proxy promises one for every end."""
        if self.promises("reasons"):
            for record in proxy.wait_records(count)[:count]:
                check(bool(self.driver.says(record, reason)), "the log's reason for %s is %s"
                      % (reason, record.reason))

    # -- the cast -----------------------------------------------------------------------------

    def keep(self, resource):
        """Closes the resource when the trial ends."""
        self._stack.callback(resource.close)
        return resource

    def upstream(self, family: str = "", **options) -> Upstream:
        return self.keep(Upstream(family or self.family, self.scratch, **options))

    def echo(self, family: str = "", host: str = "") -> EchoServer:
        return self.keep(EchoServer(family or self.family, self.scratch, host))

    def refusing_address(self) -> Address:
        """An address without a listener, held so that no other process can listen there."""
        return address_of(self.keep(bound_socket(self.family, self.scratch)))

    def black_hole(self) -> Address:
        return self.keep(BlackHole(self.family)).address

    def listen_address(self, family: str = "", host: str = "") -> Address:
        return free_address(family or self.family, self.scratch, host)

    def start(self, *endpoints: Union[Upstream, EchoServer, Endpoint, Address],
              binds: Optional[List[Address]] = None, launch: Optional[Launch] = None,
              **settings) -> Proxy:
        """Starts the proxy in front of the endpoints; `settings` are those of `Config`."""
        config = Config(binds or [self.listen_address()], [_endpoint(e) for e in endpoints],
                        **settings)
        home = os.path.join(self.scratch, "p%d" % next(self._serial))
        os.makedirs(home)
        proxy = self.driver.start(config, launch or Launch(), home)
        self._proxies.append(proxy)
        self._stack.callback(proxy.kill)
        return proxy

    def restart(self, proxy: Proxy) -> Proxy:
        """The same configuration and folder once more, after the first start has ended."""
        self.expect_dead(proxy)
        again = self.driver.start(proxy.config, proxy.launch, proxy.home)
        self._proxies.append(again)
        self._stack.callback(again.kill)
        return again

    def connect(self, proxy: Proxy, **options) -> Peer:
        return self.keep(connect(proxy.address, **options))

    def session(self, proxy: Proxy, upstream: Upstream, **options) -> Tuple[Peer, Peer]:
        """One proxied connection: the client's end and the server's end."""
        client = self.connect(proxy, **options)
        return client, self.keep(upstream.accept())

    def echo_session(self, proxy: Proxy, **options) -> Peer:
        """A client of an echo upstream that has had its first byte back."""
        client = self.connect(proxy, **options)
        client.send(b"!")
        client.receive(1)
        return client

    def expect_dead(self, proxy: Proxy) -> None:
        """The case itself has ended this proxy: do not miss it."""
        self._proxies.remove(proxy)

    # -- the end ------------------------------------------------------------------------------

    def check_survivors(self) -> None:
        """A proxy that died on the way fails any case, whatever it was about."""
        for proxy in self._proxies:
            proxy.check_alive()

    def close(self) -> None:
        self._stack.close()


def _endpoint(place) -> Endpoint:
    if isinstance(place, Endpoint):
        return place
    return Endpoint(place if isinstance(place, Address) else place.address)
