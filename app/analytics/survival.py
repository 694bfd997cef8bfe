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
    at_risk = sum(one.ended + one.censored for one in ordered)
    found: list[int | None] = []
    surviving = 1.0
    for hours, ended, censored in ordered:
        if len(found) == len(shares):
            break
        if ended:
            surviving *= (at_risk - ended) / at_risk
            found += [hours for share in shares[len(found) :] if surviving <= 1 - share + _ROUNDING]
        at_risk -= ended + censored
    return [*found, *([None] * (len(shares) - len(found)))]


_ROUNDING = 1e-9  # of the product
