"""Every metric: its name, its unit, its words, and the leads that it counts. Each has one definition for each basis.

Rules for all metrics. Only leads that the caller may see count. A merged lead counts once, as its survivor, with the
stages that either lead has left and the earlier first contact. An erased lead counts nowhere, because no list may show
it. A reopened lead counts as open: its former loss no longer counts as lost. Imported leads count, but not in the time
to first contact. Days are those of the clinic's time zone, from midnight to before midnight.
"""

from typing import Final

from app.analytics.metrics.contact_definitions import MEDIAN_TIME_TO_CONTACT
from app.analytics.metrics.measures import (
    ACCEPTED_STAGE,
    COMPLETED_STAGE,
    CONVERSIONS,
    CONVERTED,
    CREATED,
    LOSSES,
    LOST,
    OPEN,
    SCHEDULED_STAGE,
    Value,
    entries,
    reached,
)
from app.analytics.metrics.metric import Formula, Unit, define

_MATURE = "Only leads created before `mature_before` count."

TOTAL_LEADS: Final = define("total_leads", "Total leads", Unit.LEADS, Formula("Leads created in the period.", CREATED))
CONVERTED_LEADS: Final = define(
    "converted_leads",
    "Converted leads",
    Unit.LEADS,
    Formula("Leads created in the period that have become patients since.", CONVERTED),
    Formula("Leads that became patients in the period.", CONVERSIONS),
)
LOST_LEADS: Final = define(
    "lost_leads",
    "Lost leads",
    Unit.LEADS,
    Formula("Leads created in the period that are lost now.", LOST),
    Formula("Leads lost in the period, and lost still.", LOSSES),
)
CONVERSION_RATE: Final = define(
    "conversion_rate",
    "Conversion rate",
    Unit.SHARE,
    Formula(
        f"Share of the leads created in the period that became patients. {_MATURE}", CONVERTED.matured, CREATED.matured
    ),
    Formula("Leads that became patients in the period, divided by the leads created in it.", CONVERSIONS, CREATED),
)
COORDINATOR_CONVERSION_RATE: Final = define(
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
AVERAGE_TIME_TO_CONVERT: Final = define(
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
CONSULTATION_SHOW_RATE: Final = define(
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
TREATMENT_ACCEPTANCE_RATE: Final = define(
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
MARKETING_SPEND: Final = define(
    "marketing_spend",
    "Marketing spend",
    Unit.MONEY,
    Formula(f"The spend of the period. {_SPEND}", CREATED, is_spend=True),
)
COST_PER_LEAD: Final = define(
    "cost_per_lead",
    "Cost per lead",
    Unit.MONEY,
    Formula(f"The spend of the period, divided by the leads created in it. {_SPEND}", CREATED, per_spend=True),
)
COST_PER_ACQUISITION: Final = define(
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
LEAD_SOURCE_MIX: Final = define(
    "lead_source_mix",
    "Lead source mix",
    Unit.SHARE,
    Formula("Share of this source in all leads created in the period.", CREATED, CREATED, of_all=True),
)
PIPELINE_VALUE: Final = define(
    "value",
    "Value",
    Unit.MONEY,
    Formula("Sum of the values of the leads created in the period.", CREATED.of(Value.MONEY)),
)
LOST_SHARE: Final = define(
    "lost_share",
    "Share of losses",
    Unit.SHARE,
    Formula("Share of this reason in the leads created in the period that are lost now.", LOST, LOST, of_all=True),
    Formula("Share of this reason in the leads lost in the period.", LOSSES, LOSSES, of_all=True),
)
LOST_VALUE: Final = define(
    "lost_value",
    "Lost value",
    Unit.MONEY,
    Formula("Sum of the values of the leads created in the period that are lost now.", LOST.of(Value.MONEY)),
    Formula("Sum of the values of the leads lost in the period.", LOSSES.of(Value.MONEY)),
)
AVERAGE_TIME_TO_LOSS: Final = define(
    "average_time_to_loss",
    "Average time to loss",
    Unit.DAYS,
    Formula("Mean time from creation to loss, of leads created in the period.", LOST.of(Value.DAYS_TO_LOSS)),
    Formula("Mean time from creation to loss, of leads lost in the period.", LOSSES.of(Value.DAYS_TO_LOSS)),
)
OPEN_LEADS: Final = define(
    "open_leads", "Open leads", Unit.LEADS, Formula("Leads that are open now, whenever they were created.", OPEN)
)
OPEN_VALUE: Final = define(
    "open_value",
    "Open value",
    Unit.MONEY,
    Formula(
        "Sum of the values of the leads that are open now, whenever they were created. Leads without a value add"
        " nothing.",
        OPEN.of(Value.MONEY),
    ),
)


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
BY_SOURCE_AND_COORDINATOR: Final = (
    TOTAL_LEADS,
    CONVERTED_LEADS,
    LOST_LEADS,
    COORDINATOR_CONVERSION_RATE,
    AVERAGE_TIME_TO_CONVERT,
    PIPELINE_VALUE,
)
BY_CAMPAIGN: Final = (
    TOTAL_LEADS,
    CONVERTED_LEADS,
    LOST_LEADS,
    CONVERSION_RATE,
    AVERAGE_TIME_TO_CONVERT,
    PIPELINE_VALUE,
)
BY_TOUCH: Final = (
    TOTAL_LEADS,
    LEAD_SOURCE_MIX,
    CONVERTED_LEADS,
    CONVERSION_RATE,
    MARKETING_SPEND,
    COST_PER_LEAD,
    COST_PER_ACQUISITION,
)
PIPELINE: Final = (OPEN_LEADS, OPEN_VALUE)
