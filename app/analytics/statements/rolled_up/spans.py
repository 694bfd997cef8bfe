"""The parts of a period that are read from rollups, and those that are read from the leads."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, exists, func, select, text
from sqlalchemy.orm import Session

from app.analytics.report import Report
from app.analytics.statements.rolled_up.models import RollupChange, RollupSpan
from app.analytics.statements.rolled_up.opening_hours import OPENING_HASH
from app.leads.models import Lead
from app.leads.search.creation_time import ID_CLOCK_SLACK, created_from, created_to, first_id_of


class Range(NamedTuple):
    """The time from `since` to before `until`."""

    since: datetime
    until: datetime


ALWAYS: Final = Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


class Counted(NamedTuple):
    """A day or month that is counted: its range, and the id of its rollup."""

    since: datetime
    until: datetime
    span_id: int


class Parts(NamedTuple):
    """A period in parts: counted days and months, and the rest."""

    counted: Sequence[Counted]
    rest: Sequence[Range]


_HAS_CHANGED: Final = exists().where(
    RollupChange.clinic_id == RollupSpan.clinic_id,
    RollupChange.created_at >= RollupSpan.starts_at,
    RollupChange.created_at < RollupSpan.ends_at,
)


_HAS_PRESENT_OPENING: Final = text(
    f"lead_rollup_spans.opening_hash = (SELECT {OPENING_HASH} FROM clinics c"  # noqa: S608  (a constant)
    " WHERE c.id = CAST(:clinic AS uuid))"  # not of the span's clinic, so that it is computed once
)


def parts_of(session: Session, report: Report, period: Range, edges: Iterable[datetime]) -> Parts:
    """Return the period in parts, of which no counted one lies on both sides of an edge."""
    return split(period, _counted(session, report, period), edges)


def split(period: Range, counted: Iterable[Counted], edges: Iterable[datetime]) -> Parts:
    """Choose from `counted` (by their beginning, the longest first) ranges of the period that do not overlap."""
    chosen, rest, at, ordered = [], [], period.since, sorted(edges)
    for one in counted:
        if one.since < at or one.until > period.until or _has_edge(one, ordered):
            continue
        if one.since > at:
            rest.append(Range(at, one.since))
        chosen.append(one)
        at = one.until
    return Parts(chosen, [*rest, Range(at, period.until)] if at < period.until else rest)


def _has_edge(one: Counted, edges: Sequence[datetime]) -> bool:
    """Return whether an edge lies within the range. `edges` ascend."""
    place = bisect_right(edges, one.since)
    return place < len(edges) and edges[place] < one.until


def _counted(session: Session, report: Report, period: Range) -> list[Counted]:
    """Return the days and months without changes since they were counted."""
    found = select(RollupSpan.starts_at, RollupSpan.ends_at, RollupSpan.id).where(
        RollupSpan.clinic_id == report.actor.clinic.id,
        RollupSpan.timezone == str(report.days.calendar.zone),
        _HAS_PRESENT_OPENING.bindparams(clinic=report.actor.clinic.id),
        RollupSpan.starts_at >= period.since,
        RollupSpan.ends_at <= period.until,
        ~_HAS_CHANGED,
    )
    return [Counted(*row) for row in session.execute(found.order_by(RollupSpan.starts_at, RollupSpan.ends_at.desc()))]


def joined(counted: Iterable[Counted]) -> list[Range]:
    """Return the ranges of counted days and months that are in order; those that follow each other as one."""
    found: list[Range] = []
    for one in counted:
        since = found.pop().since if found and found[-1].until == one.since else one.since
        found.append(Range(since, one.until))
    return found


def leads_in(statement: Any, ranges: Sequence[Range]) -> Any:
    """Return the statement on leads, for leads created in any of these ranges.

    Several ranges are joined, so that PostgreSQL looks up each in the index instead of reading from first to last.
    """
    if len(ranges) == 1:
        [one] = ranges
        return statement.where(created_from(one.since), created_to(one.until))
    wanted = (
        func.unnest(*(_array(values, kind) for values, kind in zip(arrays_of(ranges).values(), _KINDS, strict=True)))
        .table_valued("since", "until", "first_id", "end_id", name="wanted")
        .render_derived()
    )
    found = wanted.c
    return statement.select_from(wanted).join(
        Lead,
        (Lead.created_at >= found.since)
        & (Lead.created_at < found.until)
        & (Lead.id >= found.first_id)
        & (Lead.id < found.end_id),
    )


def arrays_of(ranges: Sequence[Range]) -> dict[str, list[Any]]:
    """Return begin and end of the ranges, and the ranges of the ids of the leads created in them."""
    return {
        "starts": [one.since for one in ranges],
        "ends": [one.until for one in ranges],
        "first_ids": [first_id_of(one.since - ID_CLOCK_SLACK) for one in ranges],
        "end_ids": [first_id_of(one.until + ID_CLOCK_SLACK) for one in ranges],
    }


_KINDS: Final = (DateTime(timezone=True), DateTime(timezone=True), Uuid(), Uuid())  # of `arrays_of`


def _array(values: Sequence[Any], kind: Any) -> Any:
    return bindparam(None, values, type_=ARRAY(kind))
