"""Measures: the leads that a figure counts, as filters of `GET /api/leads`, and the value computed over them."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from app.leads.enums import LeadStatus
from app.leads.pipeline.consultations import COMPLETED, SCHEDULED
from app.leads.pipeline.models import STARTED

ACCEPTED: Final = "treatment_accepted"  # of the default pipeline


class Basis(StrEnum):
    """Which leads a report counts."""

    COHORT = "cohort"  # leads created in the period, with all that has happened to them until now
    PERIOD = "period"  # what happened in the period, whenever the lead was created


class Event(StrEnum):
    """The event of a lead that must be in the period."""

    CREATED = "created"
    CONVERTED = "converted"
    LOST = "lost"
    ENTERED = "entered"  # a stage
    OPEN = "open"  # none: the lead is open now, whatever the period


class Value(StrEnum):
    """The value over the leads."""

    LEADS = "leads"  # their number
    MONEY = "money"  # sum of their values
    DAYS_TO_CONVERT = "days_to_convert"  # mean
    DAYS_TO_LOSS = "days_to_loss"  # mean
    MINUTES_MEAN = "minutes_mean"  # from creation to first contact
    MINUTES_MEDIAN = "minutes_median"
    MINUTES_P90 = "minutes_p90"
    BUSINESS_MEDIAN = "business_median"  # as above, in the clinic's opening hours
    BUSINESS_P90 = "business_p90"


@dataclass(frozen=True, slots=True)
class Measure:
    """Leads with an event in the period that pass `filters` (pairs of a filter of LeadQuery and its value).

    `reached` is a stage: leads that were there, or in a later stage. `passed_over` is a stage that they never were in,
    nor in a later one. `mature`: only leads that are old enough for a rate.
    """

    event: Event = Event.CREATED
    filters: tuple[tuple[str, Any], ...] = ()
    entered: str | None = None  # the stage of Event.ENTERED
    reached: str | None = None
    passed_over: str | None = None
    mature: bool = False
    value: Value = Value.LEADS
    _hash: int = field(init=False, repr=False, compare=False)  # a report looks up thousands of figures by measure

    def __post_init__(self) -> None:
        parts = (self.event, self.filters, self.entered, self.reached, self.passed_over, self.mature, self.value)
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        return self._hash

    def where(self, **filters: Any) -> "Measure":
        """Return the measure with more filters."""
        return replace(self, filters=(*self.filters, *filters.items()))

    @property
    def matured(self) -> "Measure":
        """The measure of mature leads only."""
        return replace(self, mature=True)

    def of(self, value: Value) -> "Measure":
        """Return the measure with another value over the same leads."""
        return self if value is self.value else replace(self, value=value)


CREATED: Final = Measure()
CONVERTED: Final = CREATED.where(status=LeadStatus.CONVERTED)
LOST: Final = CREATED.where(status=LeadStatus.LOST)
CONVERSIONS: Final = Measure(Event.CONVERTED)
LOSSES: Final = Measure(Event.LOST)
CONTACTABLE: Final = CREATED.where(is_imported=False)
CONTACTED: Final = CONTACTABLE.where(has_contact=True)
REACHED_OUT: Final = CREATED.where(was_contacted=True)
ANSWERED: Final = REACHED_OUT.where(has_answered=True)
OPEN: Final = Measure(Event.OPEN)


def reached(stage: str) -> Measure:
    """Return the measure of created leads that reached this stage or a later one."""
    return replace(CREATED, reached=stage)


def entries(stage: str) -> Measure:
    """Return the measure of leads that entered this stage in the period."""
    return Measure(Event.ENTERED, entered=stage)


SCHEDULED_STAGE, COMPLETED_STAGE, ACCEPTED_STAGE, STARTED_STAGE = SCHEDULED, COMPLETED, ACCEPTED, STARTED
