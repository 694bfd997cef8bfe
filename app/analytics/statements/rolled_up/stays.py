"""Read the time in stages from rollups."""

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Integer, LargeBinary, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.analytics.statements.rolled_up.models import RollupStay

_PAIRS: Final = (
    func.unnest(RollupStay.hours, RollupStay.ended)
    .table_valued(column("hour", Integer()), column("leads", Integer()), name="pair")
    .render_derived()
)


class Stays(NamedTuple):
    """Stays by stage: `ended` has the number of leads that left it after so many whole hours.

    `starts` has when those that are there entered it, as in `RollupStay`. They are in order for each span.
    """

    ended: Mapping[str, Mapping[int, int]]
    starts: Mapping[str, Sequence[int]]


def read_stays(session: Session, span_ids: Sequence[int]) -> Stays:
    """Return the stays of the leads created in these spans. Numbers come packed: one row for each stage is faster."""
    is_wanted = RollupStay.span_id.in_(span_ids)
    leads = cast(func.sum(_PAIRS.c.leads), Integer).label("leads")
    pairs = select(RollupStay.stage, _PAIRS.c.hour, leads).join(_PAIRS, true()).where(is_wanted)
    by_hour = pairs.group_by(RollupStay.stage, _PAIRS.c.hour).subquery("by_hour").c
    packed = (_packed(func.int4send(one), by_hour.hour) for one in (by_hour.hour, by_hour.leads))
    ended = {
        stage: dict(zip(unpack("i", hours), unpack("i", numbers), strict=True))
        for stage, hours, numbers in session.execute(select(by_hour.stage, *packed).group_by(by_hour.stage))
    }
    starts = select(RollupStay.stage, _packed(RollupStay.starts, RollupStay.span_id)).where(is_wanted)
    found = session.execute(starts.group_by(RollupStay.stage))
    return Stays(ended, {stage: unpack("q", times) for stage, times in found})


def _packed(value: Any, order: Any) -> Any:
    return func.string_agg(value, aggregate_order_by(cast(b"", LargeBinary), order), type_=LargeBinary())


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
