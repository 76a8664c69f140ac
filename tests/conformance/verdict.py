"""The three ways a check can speak up, and the one-line helpers that do it."""

from __future__ import annotations

import time
from typing import Callable


class Failed(Exception):
    """The proxy broke the promise that the case is about."""


class Late(Failed):
    """A bound of time or CPU was missed. A busy machine can do that to the best proxy: the runner
    judges such a case again, up to three times in all. No other failure is judged again."""


class NotApplicable(Exception):
    """The case cannot be judged here: the proxy lacks the feature, or the machine the means."""


def check(fact: bool, otherwise: str) -> None:
    """Fails the case with the sentence `otherwise` unless the fact holds."""
    if not fact:
        raise Failed(otherwise)


def check_time(fact: bool, otherwise: str) -> None:
    """Like `check`, for bounds that the noise of a machine can break."""
    if not fact:
        raise Late(otherwise)


def wait_until(fact: Callable[[], bool], within: float, otherwise: str) -> float:
    """Polls until the fact holds; returns the seconds it took, fails the case after `within`."""
    start = time.monotonic()
    while not fact():
        if time.monotonic() - start > within:
            raise Failed("%s (waited %.1f s)" % (otherwise, within))
        time.sleep(0.003)
    return time.monotonic() - start


def holds_for(fact: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Watches a fact over a span of time, for "never more than" promises."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check(fact(), otherwise)
        time.sleep(0.003)
