"""Count the leads of measures: one statement for each event, whatever the number of measures, rows and buckets."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import Session

from app.analytics.metrics.measures import Event, Measure
from app.analytics.periods import Days
from app.analytics.report import Report
from app.analytics.statements.contact_times import contacted_leads_of, count_times, is_of_times
from app.analytics.statements.grouped import count_groups
from app.analytics.statements.selection import Counted, Selection
from app.analytics.statements.stage_entries import count_entries
from app.identity.permissions import Permission
from app.leads.models import Lead
from app.leads.search.history_filters import FIRST_TOUCH_SOURCE, LAST_TOUCH_SOURCE
from app.leads.search.listing import lead_conditions
from app.leads.search.lookup import visible_to


class Dimension(StrEnum):
    """Subject of the rows of a report. The values are filters of leads; that of pairs are two of them."""

    SOURCE = "source_id"
    CAMPAIGN = "source_campaign"
    FIRST_TOUCH = "first_touch_source_id"
    LAST_TOUCH = "last_touch_source_id"
    COORDINATOR = "assigned_to_id"
    SOURCE_AND_COORDINATOR = "source_id:assigned_to_id"
    LOST_REASON = "lost_reason"
    STAGE = "stage"


PAIR: Final = ":"  # between the two ids of a key; the second one is empty for leads without a coordinator
_COLUMNS: Final[Mapping[Dimension, Any]] = {
    Dimension.SOURCE: Lead.source_id,
    Dimension.CAMPAIGN: Lead.source_campaign,
    Dimension.FIRST_TOUCH: FIRST_TOUCH_SOURCE,
    Dimension.LAST_TOUCH: LAST_TOUCH_SOURCE,
    Dimension.COORDINATOR: Lead.assigned_to_id,
    Dimension.SOURCE_AND_COORDINATOR: func.concat(Lead.source_id, PAIR, Lead.assigned_to_id),
    Dimension.LOST_REASON: Lead.lost_reason,
    Dimension.STAGE: Lead.pipeline_stage,
}


class Cell(NamedTuple):
    """A row and a bucket of a report. `key` is None for leads without a value, and in a report without rows."""

    key: Any
    bucket: int  # WHOLE: the whole period


Values = Mapping[Measure, Any]


class Counts(NamedTuple):
    """Values of measures by cell, and of all rows by bucket. A cell without any lead is missing."""

    cells: Mapping[Cell, Values]
    totals: Mapping[int, Values]  # of a report with rows


_Statement = Callable[[Session, Selection, Sequence[Measure]], Iterator[Counted]]


def count(
    session: Session,
    report: Report,
    measures: Collection[Measure],
    *,
    dimension: Dimension | None = None,
    buckets: Sequence[Days] = (),
    with_totals: bool = False,
) -> Counts:
    """Return the values of all measures: of the whole period, and of each bucket."""
    key = _COLUMNS[dimension] if dimension else None
    leads = visible_leads(session, report)
    if dimension is Dimension.CAMPAIGN:
        leads.append(Lead.source_campaign > "")  # not null, not empty; most leads have none
    selection = Selection(report, leads, key, buckets, with_totals=with_totals)
    cells: defaultdict[Cell, dict[Measure, Any]] = defaultdict(dict)
    totals: defaultdict[int, dict[Measure, Any]] = defaultdict(dict)
    for statement, family in _families(dict.fromkeys(measures)):
        for found in statement(session, selection, family):
            values = totals[found.bucket] if found.is_total else cells[Cell(found.key, found.bucket)]
            values.update(found.values)
    return Counts(cells, totals)


def visible_leads(session: Session, report: Report) -> list[ColumnElement[bool]]:
    """Return the conditions for leads that the caller may see, in lists and in analytics, and that pass the filters."""
    reader = report.actor.within(Permission.LEAD_READ)
    return [*visible_to(report.actor), *lead_conditions(session, reader, report.filters)]


def _families(measures: Iterable[Measure]) -> Iterator[tuple[_Statement, Sequence[Measure]]]:
    """Return the measures in groups, each with its statement."""
    families: defaultdict[tuple[_Statement, Event, Measure | None], list[Measure]] = defaultdict(list)
    for measure in measures:
        statement = _statement_of(measure)
        leads = contacted_leads_of(measure) if statement is count_times else None
        families[statement, measure.event, leads].append(measure)
    return ((statement, family) for (statement, _, _), family in families.items())


def _statement_of(measure: Measure) -> _Statement:
    if measure.event is Event.ENTERED:
        return count_entries
    return count_times if is_of_times(measure) else count_groups
