"""The arithmetic of core/bench: medians of the ratios of pairs, and how sure they are."""

from __future__ import annotations

import dataclasses
import random
import statistics

RESAMPLES = 2000


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The median of pair ratios, with its 95 % interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return "%.2f × [%.2f, %.2f]" % (self.median, self.low, self.high)


def of_pairs(ours: list, theirs: list) -> Ratio:
    """Each of ours with the one of theirs of the same round."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError("%d and %d runs are no pairs" % (len(ours), len(theirs)))
    ratios = [one / other for one, other in zip(ours, theirs)]
    low, high = interval(ratios)
    return Ratio(statistics.median(ratios), low, high)


def interval(values: list) -> tuple:
    """The 95 % interval of the median, by a bootstrap whose seed is fixed: the same values bring
    the same interval."""
    source = random.Random(len(values))
    medians = sorted(statistics.median(source.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    return medians[RESAMPLES * 25 // 1000], medians[RESAMPLES * 975 // 1000 - 1]


def in_order(names: list, round_number: int) -> list:
    """Every other round runs backwards, so that what drifts does not favour a program."""
    return list(names) if round_number % 2 == 0 else list(reversed(names))
