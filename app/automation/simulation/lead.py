"""The lead of a simulation: an object with the columns of its row, made up or read."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from app.leads.attribution.models import SourceCategory
from app.leads.enums import LeadStatus, PreferredContact
from app.leads.facts.condition_facts import FACT_NAMES
from app.leads.models import Lead

SAMPLE: Final = UUID(int=0x1)  # the same each time: whose turn it is to look after a lead goes by its id
_IDS: Final = frozenset({"source_id", "assigned_to_id"})
_OF_ITS_PAST: Final = (
    *("contacted_at", "replied_at", "lost_at", "lost_reason", "lost_suggested_at", "lost_suggested_reason"),
    *("converted_at", "stale_since", "stage_overdue_since", "without_next_action_since"),
)
_OWN: Final = "custom."
_NAMED: Final[Mapping[str, str]] = {"value": "lead_value"}  # facts that are columns of another name
_COLUMNS: Final = [(name, _NAMED.get(name, name)) for name in FACT_NAMES if name != "next_follow_up_at"]


def sample_lead(*, stage: str, zone: str, at: datetime) -> SimpleNamespace:
    """A new lead that left its address and its number, and of whom nothing else is known."""
    lead = SimpleNamespace(**dict.fromkeys(column.key for column in Lead.__table__.columns))
    known = {
        "id": SAMPLE,
        "patient_first_name": "Mia",
        "patient_last_name": "Keller",
        "first_name": "Mia",
        "last_name": "Keller",
        "email": "mia@lead.example",
        "phone": "+12125550143",
        "phone_alt": None,
        "preferred_contact": PreferredContact.PHONE,
        "timezone": zone,
        "source": "Website",
        "source_category": SourceCategory.WEB_ORGANIC,
        "source_id": SAMPLE,
        "tags": [],
        "treatment_interest": [],
        "custom": {},
        "opted_out_channels": [],
        "version": 1,
        **_beginning(stage, at),
    }
    vars(lead).update(known)
    return lead


def as_new(lead: SimpleNamespace, *, stage: str, at: datetime) -> None:
    """Reset the history of the lead and keep its person."""
    vars(lead).update(dict.fromkeys(_OF_ITS_PAST), **_beginning(stage, at))


def _beginning(stage: str, at: datetime) -> dict[str, Any]:
    times = ("created_at", "updated_at", "last_activity_at", "stage_entered_at")
    return {"status": LeadStatus.NEW, "pipeline_stage": stage, "failed_attempts": 0, **dict.fromkeys(times, at)}


def more_of(lead: Any, next_follow_up_at: datetime | None) -> dict[str, Any]:
    """The facts of the lead, whose first open task is due then, that rules may ask for and that no event carries."""
    facts = {name: getattr(lead, column) for name, column in _COLUMNS}
    facts["next_follow_up_at"] = next_follow_up_at
    facts["value"] = lead.lead_value and float(lead.lead_value)
    return facts | {f"{_OWN}{key}": known for key, known in lead.custom.items()}


def set_facts(lead: Any, facts: Mapping[str, Any]) -> None:
    """Give the lead these facts, by the names that rules know them by."""
    for name, value in fields_of(facts).items():
        setattr(lead, name, {**lead.custom, **value} if name == "custom" else value)


def fields_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a lead that these facts say."""
    own = {name.removeprefix(_OWN): value for name, value in facts.items() if name.startswith(_OWN)}
    columns = {_NAMED.get(name, name): value for name, value in facts.items() if not name.startswith(_OWN)}
    ids = {name: UUID(value) for name, value in columns.items() if name in _IDS and value}
    return columns | ids | ({"custom": own} if own else {})
