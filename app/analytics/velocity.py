"""Velocity: the time that leads spend in each stage. Leads that are still there count as censored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, case, cast, false, func, select, text, true, union_all
from sqlalchemy.orm import Session

from app.analytics.counting import visible_leads
from app.analytics.definitions import Formula, Metric, Unit
from app.analytics.drill import drill
from app.analytics.measures import CREATED, Basis, Measure
from app.analytics.report import Report
from app.analytics.survival import Duration, quantiles
from app.analytics.tables import compared, definitions, heading
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.models import Lead
from app.leads.search.filters import filter_conditions
from app.leads.timeline.models import IS_STAGE_CHANGE, Activity

SHARES: Final = (0.5, 0.75, 0.9)
_SECONDS_AN_HOUR: Final = 3600
_HOURS_A_DAY: Final = 24
_WORDS: Final = (
    "Time within which {} of the leads created in the period leave the stage again (Kaplan-Meier, in whole hours)."
    " Leads that are still in the stage count as not yet gone. Null: not known yet. Several stays of a lead in a stage"
    " count as one."
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
    leads = sum(one.ended + one.censored for one in durations)
    waiting = sum(one.censored for one in durations)
    days = [None if hours is None else hours / _HOURS_A_DAY for hours in quantiles(durations, SHARES)]
    values: tuple[tuple[float | None, Measure, int], ...] = (
        (leads, in_stage, leads),
        (waiting, still_in, waiting),
        *((one, in_stage, leads) for one in days),
    )
    return [
        {"metric": metric.name, "unit": metric.unit, "value": value, **_listed(report, measure, number), "among": None}
        for metric, (value, measure, number) in zip(_METRICS, values, strict=True)
    ]


def _listed(report: Report, measure: Measure, leads: int) -> JsonDict:
    return {"leads": leads, "drill": drill(report, measure, report.days, {})}


def _durations(session: Session, report: Report) -> Mapping[str, list[Duration]]:
    found: defaultdict[str, list[Duration]] = defaultdict(list)
    for stage, hours, ended, censored in session.execute(_statement(session, report, now())):
        found[stage].append(Duration(hours, ended, censored))
    return found


def _statement(session: Session, report: Report, at: datetime) -> Any:
    """Sum up each lead's time in each stage, and count the leads by stage and whole hours."""
    span = report.range_of(CREATED, report.days)
    leads = (
        select(Lead.id, Lead.created_at, Lead.pipeline_stage, Lead.stage_entered_at)
        .where(*visible_leads(session, report), *filter_conditions(span, report.actor))
        .cte("cohort")
    )
    in_order: Any = {"partition_by": Activity.lead_id, "order_by": (Activity.occurred_at, Activity.id)}
    entered = func.coalesce(func.lag(Activity.occurred_at).over(**in_order), leads.c.created_at)
    left = (
        select(
            Activity.lead_id.label("lead_id"),
            Activity.previous_stage.label("stage"),
            func.extract("epoch", Activity.occurred_at - entered).label("seconds"),
            false().label("is_there"),
        )
        .join(leads, leads.c.id == Activity.lead_id)
        .where(text(f"lead_activities.{IS_STAGE_CHANGE}"))
    )
    there = select(leads.c.id, leads.c.pipeline_stage, func.extract("epoch", at - leads.c.stage_entered_at), true())
    stays = union_all(left, there).subquery("stays")
    spent = func.sum(func.greatest(stays.c.seconds, 0))
    of_lead = (
        select(
            stays.c.stage,
            cast(func.floor(spent / _SECONDS_AN_HOUR), Integer).label("hours"),
            func.bool_or(stays.c.is_there).label("is_there"),
        )
        .group_by(stays.c.lead_id, stays.c.stage)
        .subquery("of_lead")
    )
    is_there = case((of_lead.c.is_there, 1), else_=0)
    return select(of_lead.c.stage, of_lead.c.hours, func.sum(1 - is_there), func.sum(is_there)).group_by(
        of_lead.c.stage, of_lead.c.hours
    )
