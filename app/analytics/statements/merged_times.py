"""Percentiles of times that were read in parts: each part has the unsorted times of the leads of a row and a bucket."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import floor
from typing import Any, Final, NamedTuple

from app.analytics.statements.selection import WHOLE

FLOAT_BYTES: Final = 8


class Part(NamedTuple):
    """Times of leads of a row and a bucket: consecutive 8-byte floats in network byte order, as float8send has them."""

    key: Any
    bucket: int
    times: bytes


class Level(NamedTuple):
    """A row and a bucket, or (`is_total`) all rows."""

    key: Any
    bucket: int
    is_total: bool


def merge(parts: Iterable[Part], *, with_totals: bool) -> Mapping[Level, Sequence[float]]:
    """Return the sorted times by row and bucket, by row, and for totals. Sorted times are merged in linear time."""
    packed: defaultdict[Level, array[float]] = defaultdict(lambda: array("d"))
    for key, bucket, times in parts:
        packed[Level(key, bucket, is_total=False)].frombytes(times)
    found: dict[Level, Sequence[float]] = {level: _unpacked(times) for level, times in packed.items()}
    found |= _joined(found, lambda one: one._replace(bucket=WHOLE))
    if with_totals:
        found |= _joined(found, lambda one: Level(None, one.bucket, is_total=True))
    return found


def percentile(times: Sequence[float], share: float) -> float | None:
    """Return the percentile of sorted times, interpolated as percentile_cont does; None without times."""
    if not times:
        return None
    place = share * (len(times) - 1)
    lower = floor(place)
    upper = min(lower + 1, len(times) - 1)
    return times[lower] + (place - lower) * (times[upper] - times[lower])


def _unpacked(times: "array[float]") -> list[float]:
    if sys.byteorder == "little":
        times.byteswap()
    return sorted(times)


def _joined(found: Mapping[Level, Sequence[float]], joined: Callable[[Level], Level]) -> dict[Level, Sequence[float]]:
    """Return the times of levels that become the same level. A level that does not change keeps its own times."""
    together: defaultdict[Level, list[Sequence[float]]] = defaultdict(list)
    for level, times in found.items():
        together[joined(level)].append(times)
    return {level: sorted(chain.from_iterable(times)) for level, times in together.items()}
