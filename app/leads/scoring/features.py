"""Binned facts of leads, as they were known at a time: the input of learned scores, in training and in use.

Only facts that have a date count, or that never change: where a lead came from, the treatments that it asked for at its
capture, and its activities up to that time. Facts without a date, such as its value or its tags, may have been written
after the outcome, so they are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import AnyRow
from app.leads.activities.effects import MEETINGS, STAGE_OF
from app.leads.enums import TreatmentInterest
from app.leads.pipeline.consultations import COMPLETED, SCHEDULED
from app.leads.pipeline.models import CONTACTED
from app.leads.timeline.models import ANSWERED, FAILED_ATTEMPTS

Bins = Mapping[str, str]  # name of a feature → its bin

AGES: Final = (0, 1, 3, 7, 14, 30, 60)  # days after the creation, at which facts are taken for training
MOST_TRAINED: Final = 20_000  # latest closed leads of a clinic


@dataclass(frozen=True, slots=True)
class Observation:
    """A closed lead at one age: what was known then, and its outcome. `took`: from its creation to the outcome."""

    lead_id: UUID
    created_at: datetime
    took: timedelta
    age: int
    bins: Bins
    is_converted: bool


def _sql_list(values: Iterator[str]) -> str:
    return ", ".join(repr(str(value)) for value in sorted(values))


_ANSWERED: Final = _sql_list(iter(ANSWERED))
_FAILED: Final = _sql_list(iter(FAILED_ATTEMPTS))
_MEETINGS: Final = _sql_list(iter(MEETINGS))
_STAGES_OF_CONTACT: Final = _sql_list(iter((CONTACTED, *STAGE_OF.values())))
_HAS_MET: Final = (
    f"outcome IN ({_ANSWERED}) OR type IN ({_MEETINGS}) AND outcome IS NULL OR counts_as = 'answer'"
    f" OR new_stage IN ({_STAGES_OF_CONTACT}) AND counts_as IS NULL"
)
_HAS_FAILED: Final = (
    f"outcome IN ({_FAILED}) AND direction IS DISTINCT FROM 'INBOUND'"
    " OR type IN ('EMAIL', 'SMS') AND direction = 'OUTBOUND' AND outcome IS NULL AND counts_as IS NULL"
)
# What was known of lead `l` at `l.known_at`: an entry that was written later was not known yet.
_KNOWN: Final = f"""
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE direction = 'INBOUND' AND NOT is_auto_reply AND counts_as IS NULL) AS replies,
        coalesce(bool_or({_HAS_MET}), false) AS is_met,
        count(*) FILTER (WHERE {_HAS_FAILED}) AS attempts,
        min(occurred_at) FILTER (WHERE {_HAS_MET} OR {_HAS_FAILED}) AS first_contact_at,
        coalesce(bool_or(type = 'CONSULTATION_SCHEDULED' OR new_stage = '{SCHEDULED}'), false) AS is_booked,
        coalesce(bool_or(type = 'CONSULTATION_COMPLETED' OR new_stage = '{COMPLETED}'), false) AS is_attended
    FROM lead_activities a
    WHERE a.lead_id = l.id AND a.occurred_at <= l.known_at AND a.created_at <= l.known_at
) AS known ON true
"""  # noqa: S608  (constants)
_ORIGIN: Final = (
    "id, created_at, coalesce(first_touch_source_id, source_id) AS source_id, capture_channel, captured_interest"
)
_NOW: Final = text(
    f"SELECT l.*, known.*, extract(epoch FROM l.known_at - l.created_at) / 86400 AS age"  # noqa: S608  (constants)
    f" FROM (SELECT {_ORIGIN}, CAST(:now AS timestamptz) AS known_at FROM leads WHERE id = ANY(:ids)) AS l {_KNOWN}"
)
# Closed leads at the ages at which they were still open, without those whose history the clinic deletes: it would say
# that nobody had called them.
_CLOSED: Final = text(
    f"SELECT l.*, known.* FROM (SELECT c.*, age, c.created_at + make_interval(days => age) AS known_at"  # noqa: S608
    f" FROM (SELECT {_ORIGIN}, status = 'CONVERTED' AS is_converted, coalesce(converted_at, lost_at) AS closed_at"
    " FROM leads WHERE clinic_id = :clinic AND status IN ('CONVERTED', 'LOST') AND deleted_at IS NULL"
    " AND coalesce(converted_at, lost_at) IS NOT NULL AND coalesce(converted_at, lost_at) >= coalesce("
    "(SELECT CAST(:now AS timestamptz) - make_interval(days => keep_history_days) FROM clinics WHERE id = :clinic),"
    " '-infinity') ORDER BY id DESC LIMIT :most) AS c"
    " CROSS JOIN unnest(CAST(:ages AS integer[])) AS age"
    f" WHERE c.created_at + make_interval(days => age) < c.closed_at) AS l {_KNOWN}"
)


def load_bins(session: Session, lead_ids: Sequence[UUID], *, at: datetime) -> dict[UUID, Bins]:
    """Return what is known of these leads at this time, binned, by lead id."""
    found = session.execute(_NOW, {"ids": list(lead_ids), "now": at})
    return {row.id: bins_of(row) for row in found}


def load_observations(session: Session, clinic_id: UUID) -> list[Observation]:
    """Return the clinic's closed leads, each at the `AGES` at which it was open, as it was known then."""
    given = {"clinic": clinic_id, "now": clock.now(), "most": MOST_TRAINED, "ages": list(AGES)}
    found = session.execute(_CLOSED, given)
    return [
        Observation(row.id, row.created_at, row.closed_at - row.created_at, row.age, bins_of(row), row.is_converted)
        for row in found
    ]


def bins_of(row: AnyRow | Any) -> Bins:
    """Return the bins of a row with what was known of a lead. Without a known interest, there is no such bin."""
    interest = {} if row.captured_interest is None else {"interest": _interest(row.captured_interest)}
    return {
        **interest,
        "source": str(row.source_id),
        "channel": row.capture_channel,
        "replies": _first(row.replies, ((1, "none"), (2, "one")), "several"),
        "spoken": "yes" if row.is_met else "no",
        "attempts": _first(row.attempts, ((1, "none"), (3, "few")), "many"),
        "first_contact": _contact(row),
        "consultation": "attended" if row.is_attended else "booked" if row.is_booked else "none",
        "age": _age(float(row.age)),
    }


def _first(value: float, limits: Sequence[tuple[float, str]], last: str) -> str:
    """Return the name of the first limit that the value is below, else `last`."""
    return next((name for limit, name in limits if value < limit), last)


def _interest(captured: Sequence[str]) -> str:
    return "several" if len(captured) > 1 else captured[0] if captured else "none"


def _contact(row: Any) -> str:
    if row.first_contact_at is None:
        return "none"
    hours = (row.first_contact_at - row.created_at).total_seconds() / 3600
    return _first(hours, ((1, "hour"), (24, "day")), "later")


def _age(days: float) -> str:
    return str(max(age for age in AGES if age <= max(days, 0)))


# Words of each bin. Sources are named by the training, and channels by their own name.
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "interest": {
        "none": "Asked for no treatment",
        "several": "Asked for several treatments",
        **{one: f"Asked for: {one.replace('_', ' ').lower()}" for one in TreatmentInterest},
    },
    "replies": {"none": "Has not replied", "one": "Replied once", "several": "Replied several times"},
    "spoken": {"no": "No user has been in contact with it", "yes": "A user has been in contact with it"},
    "attempts": {"none": "No failed attempt", "few": "1 or 2 failed attempts", "many": "3 or more failed attempts"},
    "first_contact": {
        "none": "No contact yet",
        "hour": "First contact within an hour",
        "day": "First contact within a day",
        "later": "First contact after more than a day",
    },
    "consultation": {
        "none": "No consultation booked",
        "booked": "A consultation was booked",
        "attended": "A consultation took place",
    },
    "age": {
        **{str(age): f"Created {age} to {later} days ago" for age, later in pairwise(AGES)},
        "0": "Created today",
        "60": "Created 60 days ago or more",
    },
}
