"""The request of a report: the caller, the days, the basis, the filters, and the clinic's stages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy.orm import Session

from app.analytics.metrics.measures import Basis, Event, Measure
from app.analytics.periods import DEFAULT_MATURE_DAYS, Days, days_of
from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.identity.users.lookup import resolve_user_id
from app.leads.pipeline.models import LOST, PipelineStage
from app.leads.pipeline.service import active_stages

FILTERS: Final = (
    *("source_id", "source_campaign", "assigned_to_id", "stage", "tag", "channel", "language"),
    *("value_from", "value_to"),
)
_RANGES: Final = {Event.CREATED: "created", Event.CONVERTED: "converted", Event.LOST: "lost", Event.ENTERED: "entered"}


class FilterText(NamedTuple):
    """Filters as parameters of a list."""

    text: str
    names: frozenset[str]
    filters: JsonObject


@dataclass(frozen=True)
class Report:
    """A requested report. `filters` are those of `GET /api/leads`."""

    actor: Actor
    days: Days
    basis: Basis
    filters: JsonObject
    mature_before: date  # local day: rates count only leads created before it
    stages: Sequence[PipelineStage]  # the active ones, in order

    def of(self, days: Days) -> "Report":
        """Return the same report about other days."""
        return replace(self, days=days)

    @cached_property
    def is_about_all_leads(self) -> bool:
        """Whether all leads of the clinic count, except deleted ones."""
        reader = self.actor.within(Permission.LEAD_READ)
        return not self.filters and self.actor.scope is Scope.ALL and reader.scope is Scope.ALL

    @cached_property
    def progress(self) -> list[str]:
        """The slugs of the stages in order, without the one for lost leads."""
        return [stage.slug for stage in self.stages if stage.slug != LOST]

    def at_or_after(self, stage: str) -> tuple[str, ...]:
        """Return the slugs of this stage and of all later ones. A stage that the clinic lacks has none after it."""
        slugs = self.progress
        return tuple(slugs[slugs.index(stage) :]) if stage in slugs else (stage,)

    def days_for(self, measure: Measure, days: Days) -> Days:
        """Return the days of which the measure counts leads."""
        return days.until_before(self.mature_before) if measure.mature else days

    def range_of(self, measure: Measure, days: Days) -> JsonDict:
        """Return the filters for the measure's event in the days."""
        if measure.event is Event.OPEN:
            return {"is_open": True}
        counted, name = self.days_for(measure, days), _RANGES[measure.event]
        entered = {"entered_stage": measure.entered} if measure.entered else {}
        return {**entered, f"{name}_from": counted.since, f"{name}_to": counted.until}

    def filters_of(self, measure: Measure) -> JsonDict:
        """Return the filters of the measure, besides its event."""
        stages = {
            "reached_stage": measure.reached and self.at_or_after(measure.reached),
            "not_reached_stage": measure.passed_over and self.at_or_after(measure.passed_over),
        }
        return {**{name: slugs for name, slugs in stages.items() if slugs}, **dict(measure.filters)}

    @cached_property
    def list_texts(self) -> dict[object, FilterText]:
        """The filters of lists that are known as text, by what they are of."""
        return {}


def read_report(session: Session, actor: Actor, query: JsonObject) -> Report:
    """Return the report that `query` (fields of ReportQuery) asks for. Raises Invalid."""
    at, calendar = now(), actor.clinic.calendar
    days = days_of(query.get("from_"), query.get("to"), calendar, now=at)
    ripens: Any = query.get("mature_days", DEFAULT_MATURE_DAYS)
    mature_before = calendar.local(at).date() - timedelta(days=ripens or -1)  # 0: the leads of today count, too
    return Report(
        actor=actor,
        days=days,
        basis=query.get("basis", Basis.COHORT),
        filters=_filters(actor, query),
        mature_before=mature_before,
        stages=active_stages(session, actor.clinic.id),
    )


def _filters(actor: Actor, query: JsonObject) -> JsonDict:
    filters = {name: query[name] for name in FILTERS if name in query}
    if "assigned_to_id" in filters:
        filters["assigned_to_id"] = resolve_user_id(filters["assigned_to_id"], actor)
    return filters
