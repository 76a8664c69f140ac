"""What each side of a session in the soak is to do: a function of the seed and its number alone.

Every byte is known by its place, so that one which is lost, doubled or moved does not go unseen.
"""

import dataclasses
import random
import struct

HEAD = struct.Struct("!Q")  # the session's number: the client's first bytes
PERIOD = 262_139
_noise = random.Random(0).randbytes(PERIOD)
NOISE = memoryview(_noise + _noise)
SIDES = ("client", "upstream")
SMALL_WINDOW = 8192


@dataclasses.dataclass
class Role:
    """One side: it sends `total` bytes and ends, by FIN or by a reset."""

    total: int = 0
    resets: bool = False
    reset_after: int = 0     # bytes received before it does
    answers: bool = False    # begins to send when the other has ended
    window: int = 0          # SO_RCVBUF
    stalls_after: int = -1   # bytes received, then it does not read for a while
    stall: float = 0.0
    origin: int = 0          # where in the noise its bytes begin


def expected(role, number, is_client, place, size):
    """The bytes that this side sends from `place` on, at most `size`."""
    if is_client and place < HEAD.size:
        return memoryview(HEAD.pack(number))[place:place + size]
    start = (role.origin + place) % PERIOD
    return NOISE[start:start + min(size, PERIOD)]


def _size(rng):
    return rng.choice((rng.randrange(200), rng.randrange(200), rng.randrange(20_000),
                       rng.randrange(20_000), rng.randrange(300_000),
                       rng.randrange(300_000) * (10 if rng.random() < 0.1 else 1)))


def plan(seed, number):
    """(the client's role, the upstream's)"""
    rng = random.Random(seed * 1_000_003 + number)
    roles = [Role(total=_size(rng), origin=rng.randrange(PERIOD)) for _ in SIDES]
    roles[0].total += HEAD.size
    if rng.random() < 0.4:
        rng.choice(roles).answers = True
    for role, other in (roles, roles[::-1]):
        if rng.random() < 0.12:
            role.resets = True
            role.reset_after = 0 if other.answers else rng.randrange(other.total + 1)
        if rng.random() < 0.05:
            role.window = SMALL_WINDOW
            other.total = min(other.total, 20_000)
            role.reset_after = min(role.reset_after, other.total)
        if rng.random() < 0.1:
            role.stalls_after = rng.randrange(other.total + 1)
            role.stall = rng.uniform(0.01, 0.8)
    return roles
