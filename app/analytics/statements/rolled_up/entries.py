"""Count the leads that entered stages: on counted days and months from rollups, and on the others live."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.analytics.periods import edges_of
from app.analytics.statements.rolled_up.entries_sql import COUNT_LIVE, COUNT_ROLLED_UP
from app.analytics.statements.rolled_up.spans import Parts, Range, arrays_of, parts_of
from app.analytics.statements.selection import WHOLE, Selection
from app.core.type_aliases import JsonDict

_ONE_MICROSECOND: Final = timedelta(microseconds=1)

Entries = Mapping[int, Mapping[str, int]]  # by bucket and stage: the number of leads


def rolled_up_entries(session: Session, selection: Selection, stages: Sequence[str]) -> Entries | None:
    """Return the leads by bucket and stage; None if rollups do not have them. They are of all leads, without rows."""
    report = selection.report
    if selection.key is not None or not report.is_about_all_leads:
        return None
    period = Range(report.days.since, report.days.until)
    edges = edges_of(selection.buckets) if selection.buckets else [*period]
    parts = parts_of(session, report, period, edges)
    if not parts.counted:
        return None
    asked = {"clinic": report.actor.clinic.id, "stages": list(stages)}
    rows = list(session.execute(COUNT_ROLLED_UP, {**asked, **_of_counted(parts, period, edges)}))
    if parts.rest:
        rows += session.execute(COUNT_LIVE, {**asked, **arrays_of(parts.rest), "edges": edges, "since": period.since})
    found: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for stage, bucket, of_bucket, of_period in rows:
        found[WHOLE][stage] += of_period
        if selection.buckets:
            found[bucket][stage] += of_bucket
    return found


def _of_counted(parts: Parts, period: Range, edges: Sequence[datetime]) -> JsonDict:
    buckets = [bisect_right(edges, one.since) - 1 for one in parts.counted]
    return {
        "ids": [one.span_id for one in parts.counted],
        "buckets": buckets,
        "before": [edges[bucket] - _ONE_MICROSECOND for bucket in buckets],
        "before_all": period.since - _ONE_MICROSECOND,
    }
