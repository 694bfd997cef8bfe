"""Stays of leads in stages, counted by weeks. Week 0 begins at the origin of the forecast, a local midnight."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, Double, bindparam, cast, func, literal, null, select, text, union_all
from sqlalchemy.orm import Session

from app.analytics.counting import visible_leads
from app.analytics.report import Report
from app.leads.models import Lead
from app.leads.pipeline.models import PipelineStage
from app.leads.timeline.models import IS_STAGE_CHANGE, Activity

WEEKS_OF_HISTORY: Final = 52
OLDEST_AGE: Final = 13  # weeks in a stage: more make no difference
_WEEKS_KNOWN: Final = 10 * WEEKS_OF_HISTORY  # before the origin
_WEEKS_AFTER: Final = 2  # times of the present day, and of clocks that are ahead


class Stay(NamedTuple):
    """Leads that entered a stage, left it and were converted in the same weeks. None: not yet.

    `value` is the sum of their values.
    """

    stage: str
    entered: int
    left: int | None
    converted: int | None
    leads: int
    value: float


class Cohort(NamedTuple):
    """Leads created in a week, by the week of their conversion (None: not converted)."""

    created: int
    converted: int | None
    leads: int
    value: float


class Weeks:
    """Weeks of seven local days, counted from the origin.

    They are found among the first instants of the weeks, because the local day of each time would cost most of the
    statement. Times before the first known week are in the week before it.
    """

    def __init__(self, report: Report, origin: date) -> None:
        at = report.days.calendar.at_wall_time
        days = (origin + timedelta(weeks=week) for week in range(-_WEEKS_KNOWN, _WEEKS_AFTER + 1))
        self._instants = [at(day, time.min) for day in days]
        self._begin = bindparam(None, self._instants, type_=ARRAY(Lead.created_at.type))

    def begin_of(self, week: int) -> datetime:
        """Return the first instant of a known week."""
        return self._instants[week + _WEEKS_KNOWN]

    def of(self, at: Any) -> Any:
        """Return the week of a time; null for null."""
        return func.width_bucket(at, self._begin) - literal(_WEEKS_KNOWN + 1)


def load_stays(session: Session, report: Report, week: Weeks) -> list[Stay]:
    """Return the stays in stages that are not terminal, of the last year.

    Changes of stages before that time and the oldest age are not read. A stay that began with one counts from the
    creation of the lead: either way it has the oldest age.
    """
    leads = _leads(session, report)
    in_order: Any = {"partition_by": Activity.lead_id, "order_by": (Activity.occurred_at, Activity.id)}
    entered = func.coalesce(func.lag(Activity.occurred_at).over(**in_order), leads.c.created_at)
    converted = week.of(leads.c.converted_at).label("converted")
    changes = (Activity.previous_stage.label("stage"), week.of(entered).label("entered"))
    gone = (
        select(*changes, week.of(Activity.occurred_at).label("left"), converted, leads.c.lead_value)
        .join(leads, leads.c.id == Activity.lead_id)
        .where(text(f"lead_activities.{IS_STAGE_CHANGE}"))
        .where(Activity.occurred_at >= week.begin_of(-WEEKS_OF_HISTORY - OLDEST_AGE))
    )
    there = select(leads.c.pipeline_stage, week.of(leads.c.stage_entered_at), null(), converted, leads.c.lead_value)
    stays = union_all(gone, there).subquery("stays")
    columns = (stays.c.stage, stays.c.entered, stays.c.left, stays.c.converted)
    found = (
        select(*columns, func.count(), cast(func.coalesce(func.sum(stays.c.lead_value), 0), Double))
        .where(stays.c.stage.in_(_open_stages(report)))
        .group_by(*columns)
    )
    rows = (Stay(*row) for row in session.execute(found))
    return [one for one in rows if one.left is None or one.left >= -WEEKS_OF_HISTORY]


def load_cohorts(session: Session, report: Report, week: Weeks) -> list[Cohort]:
    """Return the leads of the last year by the weeks of creation and conversion."""
    leads = _leads(session, report)
    columns = (week.of(leads.c.created_at), week.of(leads.c.converted_at))
    found = select(*columns, func.count(), cast(func.coalesce(func.sum(leads.c.lead_value), 0), Double)).group_by(
        *columns
    )
    return [Cohort(*row) for row in session.execute(found)]


def _leads(session: Session, report: Report) -> Any:
    columns = (Lead.id, Lead.created_at, Lead.pipeline_stage, Lead.stage_entered_at, Lead.converted_at, Lead.lead_value)
    return select(*columns).where(*visible_leads(session, report)).subquery("leads_of_report")


def _open_stages(report: Report) -> Sequence[str]:
    stages: Sequence[PipelineStage] = report.stages
    return [stage.slug for stage in stages if not stage.is_terminal]
