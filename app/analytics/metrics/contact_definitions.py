"""Metrics of contact with leads: the time to first contact, and answers. See `definitions` for the general rules."""

from typing import Final

from app.analytics.metrics.measures import ANSWERED, CONTACTABLE, CONTACTED, REACHED_OUT, Value
from app.analytics.metrics.metric import Formula, Metric, Unit, define

_CONTACT = (
    "The first contact is the first call, message, meeting or booking that a person logged, answered or not, or the"
    " first stage that tells a contact. Imported leads do not count; nor do messages of rules."
)
CONTACTED_LEADS: Final = define(
    "contacted_leads",
    "Contacted leads",
    Unit.LEADS,
    Formula(f"Leads created in the period with a first contact. {_CONTACT}", CONTACTED),
)
NOT_CONTACTED_LEADS: Final = define(
    "not_contacted_leads",
    "Leads without contact",
    Unit.LEADS,
    Formula(f"Leads created in the period without a first contact. {_CONTACT}", CONTACTABLE.where(has_contact=False)),
)
MEAN_TIME_TO_CONTACT: Final = define(
    "mean_time_to_contact",
    "Mean time to first contact",
    Unit.MINUTES,
    Formula(
        f"Mean time from creation to the first contact, of contacted leads. {_CONTACT}",
        CONTACTED.of(Value.MINUTES_MEAN),
    ),
)
MEDIAN_TIME_TO_CONTACT: Final = define(
    "median_time_to_contact",
    "Median time to first contact",
    Unit.MINUTES,
    Formula(
        f"Median time from creation to the first contact, of contacted leads. {_CONTACT}",
        CONTACTED.of(Value.MINUTES_MEDIAN),
    ),
)
P90_TIME_TO_CONTACT: Final = define(
    "p90_time_to_contact",
    "90th percentile of the time to first contact",
    Unit.MINUTES,
    Formula(
        f"Time from creation to the first contact that 90 % of the contacted leads do not exceed. {_CONTACT}",
        CONTACTED.of(Value.MINUTES_P90),
    ),
)

_BUSINESS = "Only the clinic's opening hours count."
MEDIAN_BUSINESS_TIME_TO_CONTACT: Final = define(
    "median_business_time_to_contact",
    "Median business time to first contact",
    Unit.MINUTES,
    Formula(
        f"Median time from creation to the first contact, of contacted leads. {_BUSINESS} {_CONTACT}",
        CONTACTED.of(Value.BUSINESS_MEDIAN),
    ),
)
P90_BUSINESS_TIME_TO_CONTACT: Final = define(
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
    return define("contacted_within_target", "Contacted in time", Unit.SHARE, Formula(words, on_time, CONTACTABLE))


_OUTBOUND = (
    "Outbound contact is a call, message or meeting that a person logged, or a message of a rule or a sequence that was"
    " sent."
)
_ANSWER = (
    "An answer is a conversation with a person, or a call or message from the lead; automatic replies do not count."
)
REACHED_OUT_LEADS: Final = define(
    "reached_out_leads",
    "Leads with outbound contact",
    Unit.LEADS,
    Formula(f"Leads created in the period with outbound contact. {_OUTBOUND}", REACHED_OUT),
)
ANSWERED_LEADS: Final = define(
    "answered_leads",
    "Leads that answered",
    Unit.LEADS,
    Formula(f"Leads created in the period with outbound contact that answered. {_OUTBOUND} {_ANSWER}", ANSWERED),
)
RESPONSE_RATE: Final = define(
    "response_rate",
    "Response rate",
    Unit.SHARE,
    Formula(
        f"Of the leads created in the period with outbound contact, the share that answered. {_OUTBOUND} {_ANSWER}",
        ANSWERED,
        REACHED_OUT,
    ),
)

FIRST_CONTACT: Final = (
    *(CONTACTED_LEADS, NOT_CONTACTED_LEADS, MEAN_TIME_TO_CONTACT, MEDIAN_TIME_TO_CONTACT, P90_TIME_TO_CONTACT),
    *(MEDIAN_BUSINESS_TIME_TO_CONTACT, P90_BUSINESS_TIME_TO_CONTACT),
)
RESPONSE: Final = (REACHED_OUT_LEADS, ANSWERED_LEADS, RESPONSE_RATE)
