"""Count leads that entered stages in a period, whenever they were created."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.analytics.metrics.measures import Measure
from app.analytics.statements.rolled_up.entries import rolled_up_entries
from app.analytics.statements.selection import Counted, Selection
from app.leads.models import Lead
from app.leads.search.history_filters import entries_into
from app.leads.search.lookup import is_of_deleted_lead


def count_entries(session: Session, selection: Selection, measures: Sequence[Measure]) -> Iterator[Counted]:
    """Count the leads of each stage in `Measure.entered`. A lead counts once, however often it entered the stage."""
    by_stage = {one.entered: one for one in measures if one.entered}
    known = rolled_up_entries(session, selection, list(by_stage))
    if known is not None:
        return (
            Counted(None, bucket, is_total=False, values={by_stage[stage]: leads for stage, leads in of_bucket.items()})
            for bucket, of_bucket in known.items()
        )
    found: defaultdict[tuple[Any, int, bool], dict[Measure, int]] = defaultdict(dict)
    for key, bucket, is_total, stage, leads in session.execute(_statement(selection, by_stage)):
        found[key, bucket, bool(is_total)][by_stage[stage]] = leads
    return (Counted(*level, values) for level, values in found.items())


def _statement(selection: Selection, stages: Iterable[str]) -> Any:
    report = selection.report
    entries = entries_into(report.actor.clinic.id, list(stages), report.days.since, report.days.until).subquery(
        "entries"
    )
    found = select(entries.c.stage, entries.c.lead_id, *selection.labels(entries.c.at))
    if selection.key is None and report.is_about_all_leads:
        found = found.where(~is_of_deleted_lead(entries.c.lead_id, report.actor.clinic.id))
    else:
        found = found.join(Lead, Lead.id == entries.c.lead_id).where(*selection.shared)
    entered = found.subquery("entered")
    leads = func.count(entered.c.lead_id.distinct())
    return selection.by_levels(entered, leads, also=[entered.c.stage])
