"""Every metric: its name, its unit, its words, and the leads that it counts. Each has one definition for each basis.

Rules for all metrics. Only leads that the caller may see count. A merged lead counts once, as its survivor, with the
stages that either lead has left and the earlier first contact. An erased lead counts nowhere, because no list may show
it. A reopened lead counts as open: its former loss no longer counts as lost. Imported leads count, but not in the time
to first contact. Days are those of the clinic's time zone, from midnight to before midnight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.analytics.measures import (
    ACCEPTED_STAGE,
    COMPLETED_STAGE,
    CONTACTABLE,
    CONTACTED,
    CONVERSIONS,
    CONVERTED,
    CREATED,
    LOSSES,
    LOST,
    SCHEDULED_STAGE,
    Basis,
    Measure,
    Value,
    entries,
    reached,
)


class Unit(StrEnum):
    LEADS = "leads"
    SHARE = "share"  # from 0 to 1; of a period it may exceed 1
    DAYS = "days"
    MINUTES = "minutes"
    MONEY = "money"  # in the clinic's currency


@dataclass(frozen=True, slots=True)
class Formula:
    """Leads that a metric counts (`of`), and for a share the leads among which (`among`).

    `of_all`: the leads of `among` are those of all rows of the report. `per_spend`: the spend on marketing is divided
    by the number of leads; `is_spend`: the spend itself.
    """

    words: str
    of: Measure
    among: Measure | None = None
    of_all: bool = False
    per_spend: bool = False
    is_spend: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its definition for each basis."""

    name: str
    label: str
    unit: Unit
    formulas: Mapping[Basis, Formula]


def _metric(name: str, label: str, unit: Unit, *formulas: Formula) -> Metric:
    """Return a metric with a formula for cohorts and one for periods, or with a single one for both."""
    return Metric(name, label, unit, {Basis.COHORT: formulas[0], Basis.PERIOD: formulas[-1]})


_MATURE = "Only leads created before `mature_before` count."

TOTAL_LEADS: Final = _metric("total_leads", "Total leads", Unit.LEADS, Formula("Leads created in the period.", CREATED))
CONVERTED_LEADS: Final = _metric(
    "converted_leads",
    "Converted leads",
    Unit.LEADS,
    Formula("Leads created in the period that have become patients since.", CONVERTED),
    Formula("Leads that became patients in the period.", CONVERSIONS),
)
LOST_LEADS: Final = _metric(
    "lost_leads",
    "Lost leads",
    Unit.LEADS,
    Formula("Leads created in the period that are lost now.", LOST),
    Formula("Leads lost in the period, and lost still.", LOSSES),
)
CONVERSION_RATE: Final = _metric(
    "conversion_rate",
    "Conversion rate",
    Unit.SHARE,
    Formula(
        f"Share of the leads created in the period that became patients. {_MATURE}", CONVERTED.matured, CREATED.matured
    ),
    Formula("Leads that became patients in the period, divided by the leads created in it.", CONVERSIONS, CREATED),
)
COORDINATOR_CONVERSION_RATE: Final = _metric(
    "coordinator_conversion_rate",
    "Coordinator conversion rate",
    Unit.SHARE,
    Formula(
        f"Share of the leads created in the period, with this coordinator now, that became patients. {_MATURE}",
        CONVERTED.matured,
        CREATED.matured,
    ),
    Formula(
        "Leads with this coordinator now that became patients in the period, divided by those created in it.",
        CONVERSIONS,
        CREATED,
    ),
)
AVERAGE_TIME_TO_CONVERT: Final = _metric(
    "average_time_to_convert",
    "Average time to convert",
    Unit.DAYS,
    Formula(
        "Mean time from creation to conversion, of leads created in the period.", CONVERTED.of(Value.DAYS_TO_CONVERT)
    ),
    Formula(
        "Mean time from creation to conversion, of leads that became patients in the period.",
        CONVERSIONS.of(Value.DAYS_TO_CONVERT),
    ),
)
CONSULTATION_SHOW_RATE: Final = _metric(
    "consultation_show_rate",
    "Consultation show rate",
    Unit.SHARE,
    Formula(
        "Of the leads created in the period that reached the stage consultation_scheduled or a later one, the share"
        f" that reached consultation_completed or a later one. {_MATURE}",
        reached(COMPLETED_STAGE).matured,
        reached(SCHEDULED_STAGE).matured,
    ),
    Formula(
        "Leads that entered the stage consultation_completed in the period, divided by those that entered"
        " consultation_scheduled in it.",
        entries(COMPLETED_STAGE),
        entries(SCHEDULED_STAGE),
    ),
)
TREATMENT_ACCEPTANCE_RATE: Final = _metric(
    "treatment_acceptance_rate",
    "Treatment acceptance rate",
    Unit.SHARE,
    Formula(
        "Of the leads created in the period that reached the stage consultation_completed or a later one, the share"
        f" that reached treatment_accepted or a later one. {_MATURE}",
        reached(ACCEPTED_STAGE).matured,
        reached(COMPLETED_STAGE).matured,
    ),
    Formula(
        "Leads that entered the stage treatment_accepted in the period, divided by those that entered"
        " consultation_completed in it.",
        entries(ACCEPTED_STAGE),
        entries(COMPLETED_STAGE),
    ),
)
_SPEND = (
    "The spend is the monthly cost of each source, spread over the days of its months. Null if no cost is known, if you"
    " do not see all leads, or if the report is filtered by anything but the source."
)
MARKETING_SPEND: Final = _metric(
    "marketing_spend",
    "Marketing spend",
    Unit.MONEY,
    Formula(f"The spend of the period. {_SPEND}", CREATED, is_spend=True),
)
COST_PER_LEAD: Final = _metric(
    "cost_per_lead",
    "Cost per lead",
    Unit.MONEY,
    Formula(f"The spend of the period, divided by the leads created in it. {_SPEND}", CREATED, per_spend=True),
)
COST_PER_ACQUISITION: Final = _metric(
    "cost_per_acquisition",
    "Cost per acquisition",
    Unit.MONEY,
    Formula(
        f"The spend of the period, divided by the leads created in it that became patients since. {_SPEND}",
        CONVERTED,
        per_spend=True,
    ),
    Formula(
        f"The spend of the period, divided by the leads that became patients in it. {_SPEND}",
        CONVERSIONS,
        per_spend=True,
    ),
)
LEAD_SOURCE_MIX: Final = _metric(
    "lead_source_mix",
    "Lead source mix",
    Unit.SHARE,
    Formula("Share of this source in all leads created in the period.", CREATED, CREATED, of_all=True),
)
PIPELINE_VALUE: Final = _metric(
    "value",
    "Value",
    Unit.MONEY,
    Formula("Sum of the values of the leads created in the period.", CREATED.of(Value.MONEY)),
)
LOST_SHARE: Final = _metric(
    "lost_share",
    "Share of losses",
    Unit.SHARE,
    Formula("Share of this reason in the leads created in the period that are lost now.", LOST, LOST, of_all=True),
    Formula("Share of this reason in the leads lost in the period.", LOSSES, LOSSES, of_all=True),
)
LOST_VALUE: Final = _metric(
    "lost_value",
    "Lost value",
    Unit.MONEY,
    Formula("Sum of the values of the leads created in the period that are lost now.", LOST.of(Value.MONEY)),
    Formula("Sum of the values of the leads lost in the period.", LOSSES.of(Value.MONEY)),
)
AVERAGE_TIME_TO_LOSS: Final = _metric(
    "average_time_to_loss",
    "Average time to loss",
    Unit.DAYS,
    Formula("Mean time from creation to loss, of leads created in the period.", LOST.of(Value.DAYS_TO_LOSS)),
    Formula("Mean time from creation to loss, of leads lost in the period.", LOSSES.of(Value.DAYS_TO_LOSS)),
)
_CONTACT = (
    "The first contact is the first call, message or meeting that a person logged, answered or not. Imported leads do"
    " not count; nor do messages of rules."
)
CONTACTED_LEADS: Final = _metric(
    "contacted_leads",
    "Contacted leads",
    Unit.LEADS,
    Formula(f"Leads created in the period with a first contact. {_CONTACT}", CONTACTED),
)
NOT_CONTACTED_LEADS: Final = _metric(
    "not_contacted_leads",
    "Leads without contact",
    Unit.LEADS,
    Formula(f"Leads created in the period without a first contact. {_CONTACT}", CONTACTABLE.where(has_contact=False)),
)
MEDIAN_TIME_TO_CONTACT: Final = _metric(
    "median_time_to_contact",
    "Median time to first contact",
    Unit.MINUTES,
    Formula(
        f"Median time from creation to the first contact, of contacted leads. {_CONTACT}",
        CONTACTED.of(Value.MINUTES_MEDIAN),
    ),
)
P90_TIME_TO_CONTACT: Final = _metric(
    "p90_time_to_contact",
    "90th percentile of the time to first contact",
    Unit.MINUTES,
    Formula(
        f"Time from creation to the first contact that 90 % of the contacted leads do not exceed. {_CONTACT}",
        CONTACTED.of(Value.MINUTES_P90),
    ),
)

_BUSINESS = "Only the clinic's opening hours count."
MEDIAN_BUSINESS_TIME_TO_CONTACT: Final = _metric(
    "median_business_time_to_contact",
    "Median business time to first contact",
    Unit.MINUTES,
    Formula(
        f"Median time from creation to the first contact, of contacted leads. {_BUSINESS} {_CONTACT}",
        CONTACTED.of(Value.BUSINESS_MEDIAN),
    ),
)
P90_BUSINESS_TIME_TO_CONTACT: Final = _metric(
    "p90_business_time_to_contact",
    "90th percentile of the business time to first contact",
    Unit.MINUTES,
    Formula(
        "Time from creation to the first contact that 90 % of the contacted leads do not exceed."
        f" {_BUSINESS} {_CONTACT}",
        CONTACTED.of(Value.BUSINESS_P90),
    ),
)


def within_target(minutes: int) -> Metric:
    """Return the metric for the share of leads contacted within this many minutes."""
    words = f"Share of the leads created in the period whose first contact was within {minutes} minutes. {_CONTACT}"
    on_time = CONTACTABLE.where(first_contact_within=minutes)
    return _metric("contacted_within_target", "Contacted in time", Unit.SHARE, Formula(words, on_time, CONTACTABLE))


# Metrics of lead-management.md, 8.1.6. The other two of its nine are in the reports by source and by coordinator.
SUMMARY: Final = (
    TOTAL_LEADS,
    CONVERSION_RATE,
    AVERAGE_TIME_TO_CONVERT,
    CONSULTATION_SHOW_RATE,
    TREATMENT_ACCEPTANCE_RATE,
    COST_PER_LEAD,
    COST_PER_ACQUISITION,
)
BY_SOURCE: Final = (
    TOTAL_LEADS,
    LEAD_SOURCE_MIX,
    CONVERTED_LEADS,
    LOST_LEADS,
    CONVERSION_RATE,
    AVERAGE_TIME_TO_CONVERT,
    PIPELINE_VALUE,
    MARKETING_SPEND,
    COST_PER_LEAD,
    COST_PER_ACQUISITION,
)
BY_COORDINATOR: Final = (
    TOTAL_LEADS,
    CONVERTED_LEADS,
    LOST_LEADS,
    COORDINATOR_CONVERSION_RATE,
    AVERAGE_TIME_TO_CONVERT,
    PIPELINE_VALUE,
    MEDIAN_TIME_TO_CONTACT,
)
BY_LOST_REASON: Final = (LOST_LEADS, LOST_SHARE, LOST_VALUE, AVERAGE_TIME_TO_LOSS)
FIRST_CONTACT: Final = (
    *(CONTACTED_LEADS, NOT_CONTACTED_LEADS, MEDIAN_TIME_TO_CONTACT, P90_TIME_TO_CONTACT),
    *(MEDIAN_BUSINESS_TIME_TO_CONTACT, P90_BUSINESS_TIME_TO_CONTACT),
)
