"""Read the time in stages from rollups."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from sqlalchemy import LargeBinary, func, select
from sqlalchemy.orm import Session

from app.analytics.statements.rolled_up.models import RollupStay

# PostgreSQL's binary form of an array of integers: a header of 5 integers, then the length and the value of each.
_FIRST_OF_ARRAY: Final = 6
_STEP_OF_ARRAY: Final = 2


class Stays(NamedTuple):
    """Stays by stage: `ended` has the number of leads that left it after so many whole hours.

    `starts` has when those that are there entered it, as in `RollupStay`. They are in order for each span.
    """

    ended: defaultdict[str, defaultdict[int, int]]
    starts: defaultdict[str, "array[int]"]


def read_stays(session: Session, span_ids: Sequence[int]) -> Stays:
    """Return the stays of the leads created in these spans. They come in binary form, and are added up here.

    PostgreSQL takes four times as long for the sums: it makes a row of each number.
    """
    hours, ended = (func.array_send(one, type_=LargeBinary) for one in (RollupStay.hours, RollupStay.ended))
    found = select(RollupStay.stage, hours, ended, RollupStay.starts).where(RollupStay.span_id.in_(span_ids))
    by_hour: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    starts: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    for stage, stayed, leads, times in session.execute(found.order_by(RollupStay.span_id)):
        totals = by_hour[stage]
        for hour, number in zip(_of_array(stayed), _of_array(leads), strict=True):
            totals[hour] += number
        starts[stage] += unpack("q", times)
    return Stays(by_hour, starts)


def _of_array(sent: bytes) -> "array[int]":
    return unpack("i", sent)[_FIRST_OF_ARRAY::_STEP_OF_ARRAY]


def unpack(code: Literal["i", "q"], packed: bytes) -> "array[int]":
    """Return the numbers of 4 bytes (`i`) or 8 bytes (`q`), which are in network byte order."""
    numbers = array(code, packed)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def pack(numbers: Iterable[int]) -> bytes:
    """Return the numbers as bytes, as `unpack` reads them with the code `q`."""
    found = array("q", numbers)
    if sys.byteorder == "little":
        found.byteswap()
    return found.tobytes()
