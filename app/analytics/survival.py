"""Kaplan-Meier estimate of durations of which some are not over yet (censored). Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Duration(NamedTuple):
    """A number of hours, how many durations ended after it, and how many are not over after it."""

    hours: int
    ended: int
    censored: int


def quantiles(durations: Iterable[Duration], shares: Sequence[float]) -> list[int | None]:
    """Return for each share the least hours after which at least this share has ended; None if it is not known yet.

    A duration censored after some hours counts as at risk at these hours. `shares` ascend.
    """
    ordered = sorted(durations)
    at_risk = sum(ended + censored for _, ended, censored in ordered)
    limits = [1 - share + _ROUNDING for share in reversed(shares)]  # the next one is the last
    found: list[int | None] = []
    surviving = 1.0
    for hours, ended, censored in ordered:
        if ended:
            surviving *= (at_risk - ended) / at_risk
            while limits and surviving <= limits[-1]:
                found.append(hours)
                limits.pop()
            if not limits:
                break
        at_risk -= ended + censored
    return [*found, *([None] * len(limits))]


_ROUNDING = 1e-9  # of the product
