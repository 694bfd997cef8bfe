"""Velocity: the time that leads spend in each stage. Leads that are still there count as censored."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import ARRAY, Double, Integer, Text, bindparam, case, cast, collate, func, not_, select, true, union_all
from sqlalchemy.orm import Session

from app.analytics.counting import visible_leads
from app.analytics.drill import drill
from app.analytics.metrics.measures import CREATED, Basis, Measure
from app.analytics.metrics.metric import Formula, Metric, Unit, figure_of
from app.analytics.report import Report
from app.analytics.statements.rolled_up.spans import Parts, Range, leads_in, parts_of
from app.analytics.statements.rolled_up.stays import Stays, read_stays
from app.analytics.survival import Duration, quantiles
from app.analytics.tables import compared, definitions, heading
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.models import Lead

SHARES: Final = (0.5, 0.75, 0.9)
_MICROSECONDS_AN_HOUR: Final = 3_600_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MICROSECOND: Final = timedelta(microseconds=1)
_HOURS_A_DAY: Final = 24
_WORDS: Final = (
    "Time within which {} of the leads created in the period leave the stage again (Kaplan-Meier, in whole hours)."
    " Leads that are still in the stage count as not yet gone. Null: not known yet. Several stays of a lead in a stage"
    " count as one; of a merged lead the longer time of both leads counts."
)
_METRICS: Final = (
    Metric(
        "leads",
        "Leads",
        Unit.LEADS,
        {Basis.COHORT: Formula("Leads created in the period that are or were in this stage.", CREATED)},
    ),
    Metric(
        "still_in",
        "Still in",
        Unit.LEADS,
        {Basis.COHORT: Formula("Leads created in the period that are in this stage now.", CREATED)},
    ),
    *(
        Metric(name, label, Unit.DAYS, {Basis.COHORT: Formula(_WORDS.format(share), CREATED)})
        for name, label, share in (
            ("median_days", "Median", "half"),
            ("p75_days", "75th percentile", "75 %"),
            ("p90_days", "90th percentile", "90 %"),
        )
    ),
)


def velocity(session: Session, report: Report, query: JsonObject) -> JsonDict:
    """Return the fields of AnalyticsOut, with a row for each stage that is not terminal. `query` may have `compare`."""
    return {
        **heading(report),
        "definitions": definitions(report, _METRICS),
        "rows": _rows(session, report),
        "buckets": None,
        "comparison": compared(report, query, lambda other: _rows(session, other)),
    }


def _rows(session: Session, report: Report) -> list[JsonDict]:
    durations = _durations(session, report)
    return [
        {"key": stage.slug, "label": stage.name, "figures": _figures(report, stage.slug, durations[stage.slug])}
        for stage in report.stages
        if not stage.is_terminal
    ]


def _figures(report: Report, stage: str, durations: Sequence[Duration]) -> list[JsonDict]:
    in_stage, still_in = CREATED.where(reached_stage=(stage,)), CREATED.where(stage=stage)
    waiting = sum(censored for _, _, censored in durations)
    leads = waiting + sum(ended for _, ended, _ in durations)
    days = [None if hours is None else hours / _HOURS_A_DAY for hours in quantiles(durations, SHARES)]
    values: tuple[tuple[float | None, Measure, int], ...] = (
        (leads, in_stage, leads),
        (waiting, still_in, waiting),
        *((one, in_stage, leads) for one in days),
    )
    return [
        figure_of(metric.name, metric.unit, value, _listed(report, measure, number), among=None)
        for metric, (value, measure, number) in zip(_METRICS, values, strict=True)
    ]


def _listed(report: Report, measure: Measure, leads: int) -> JsonDict:
    return {"leads": leads, "drill": drill(report, measure, report.days, {})}


def _durations(session: Session, report: Report) -> Mapping[str, Sequence[Duration]]:
    """Return the durations by stage: of leads of counted days and months from rollups, and of the others live."""
    at = now()
    period = Range(report.days.since, report.days.until)
    parts = parts_of(session, report, period, ()) if report.is_about_all_leads else Parts((), [period])
    if parts.counted:
        stays = read_stays(session, [one.span_id for one in parts.counted])
        live = session.execute(_by_hours(session, report, parts.rest, at)) if parts.rest else ()
        return _with_live(stays, live, (at - _EPOCH) // _ONE_MICROSECOND)
    found: defaultdict[str, list[Duration]] = defaultdict(list)
    by_hours = _by_hours(session, report, parts.rest, at).subquery("by_hours").c
    for stage, hours, ended, censored in session.execute(_by_ends(by_hours)):
        found[stage].append(Duration(hours, ended, censored))
    return found


def _with_live(stays: Stays, live: Iterable[Any], at: int) -> Mapping[str, Sequence[Duration]]:
    """Return the durations of the stays, with those of other leads: rows of stage, hours, ended and all leads."""
    for stage, hours, gone, leads in live:
        if gone:
            stays.ended[stage][hours] += gone
        stays.starts[stage].extend([at - hours * _MICROSECONDS_AN_HOUR] * (leads - gone))
    stages = {*stays.ended, *stays.starts}
    return defaultdict(list, {one: _by_last_end(stays.ended[one], sorted(stays.starts[one]), at) for one in stages})


def _by_last_end(ended: Mapping[int, int], starts: Sequence[int], at: int) -> list[Duration]:
    """Add the leads that are there to the last hours at which a lead has left. `starts` are in order."""
    hours = sorted(ended)
    there = [bisect_right(starts, at - one * _MICROSECONDS_AN_HOUR) for one in hours]  # for at least so many hours
    censored = [least - more for least, more in pairwise([*there, 0])]
    before = Duration(-1, 0, len(starts) - (there[0] if there else 0))
    ends = map(Duration, hours, [ended[one] for one in hours], censored)
    return [before, *ends] if before.censored else list(ends)


def _by_hours(session: Session, report: Report, ranges: Sequence[Range], at: datetime) -> Any:
    """Count the leads created in the ranges by stage and whole hours: those that have left the stage, and all."""
    leads = leads_in(select(Lead.id).where(*visible_leads(session, report)), ranges)
    stays = union_all(_left(leads, at), _there(leads, report, at)).subquery("stays").c
    in_microseconds = func.round(stays.seconds * 1e6)
    hours = cast(func.floor(in_microseconds / float(_MICROSECONDS_AN_HOUR)), Integer).label("hours")
    ended = cast(func.count().filter(not_(stays.is_there)), Integer).label("ended")
    return select(stays.stage, hours, ended, cast(func.count(), Integer).label("leads")).group_by(stays.stage, hours)


def _by_ends(one: Any) -> Any:
    """Add those that are there to the last hours at which a lead has left: the estimate changes only at these."""
    in_order: Any = {"partition_by": collate(one.stage, "C"), "order_by": one.hours}  # C: the fastest to sort
    last_end = func.max(one.hours).filter(one.ended > 0).over(**in_order)
    ends = select(one.stage, func.coalesce(last_end, -1).label("hours"), one.ended, one.leads).subquery("ends").c
    return select(ends.stage, ends.hours, func.sum(ends.ended), func.sum(ends.leads - ends.ended)).group_by(
        ends.stage, ends.hours
    )


def _left(leads: Any, at: datetime) -> Any:
    """Return the stages that leads have left. Time in a stage where a lead is again is added."""
    past = leads.with_only_columns(
        func.unnest(Lead.past_stages).label("stage"),
        func.unnest(Lead.past_stage_seconds, type_=Double()).label("seconds"),
        Lead.pipeline_stage.label("stage_now"),
        _seconds_here(at).label("seconds_here"),
    )
    one = past.subquery("past").c
    is_there = one.stage == one.stage_now
    seconds = one.seconds + case((is_there, one.seconds_here), else_=0.0)
    return select(one.stage, seconds.label("seconds"), is_there.label("is_there"))


def _there(leads: Any, report: Report, at: datetime) -> Any:
    """Return the stages in which leads are for the first time, without terminal ones."""
    slugs = bindparam(None, [stage.slug for stage in report.stages if not stage.is_terminal], type_=ARRAY(Text))
    is_back = Lead.pipeline_stage == func.any(Lead.past_stages)
    columns = (Lead.pipeline_stage.label("stage"), _seconds_here(at).label("seconds"), true().label("is_there"))
    return leads.where(Lead.pipeline_stage == func.any(slugs), not_(is_back)).with_only_columns(*columns)


def _seconds_here(at: datetime) -> Any:
    return func.greatest(func.date_part("epoch", at - Lead.stage_entered_at, type_=Double()), 0.0)
