"""The lead of a simulation: an object with the columns of a lead's row, from a sample or from the database."""

from datetime import datetime
from types import SimpleNamespace
from typing import Final
from uuid import UUID

from app.core.type_aliases import JsonDict, JsonObject
from app.leads.attribution.models import SourceCategory
from app.leads.enums import LeadStatus
from app.leads.facts.condition_facts import FACT_NAMES, RENAMED, computed_facts, plain_facts
from app.leads.fields import COLUMNS, CUSTOM_PREFIX, DEFAULTS, Form
from app.leads.models import Lead
from app.security.encrypted_fields import encrypted_fields_of

SAMPLE: Final = UUID(int=0x1)  # constant, because round robin chooses the coordinator by the lead's id
_IDS: Final = frozenset({"assigned_to_id", *(name for name, field in COLUMNS.items() if field.kind.form is Form.ID)})
_HISTORY: Final = (
    *("contacted_at", "replied_at", "lost_at", "lost_reason", "lost_suggested_at", "lost_suggested_reason"),
    *("first_contact_at", "converted_at", "stale_since", "stage_overdue_since", "without_next_action_since"),
)
_EMPTY: Final = dict.fromkeys((*Lead.__table__.columns.keys(), *encrypted_fields_of(Lead)))
_COMPUTED: Final = frozenset({"next_follow_up_at", "has_email", "has_phone", "has_opened", "hours_to_first_contact"})
_COLUMNS: Final = [(name, RENAMED.get(name, name)) for name in FACT_NAMES - _COMPUTED - {"best_hours"}]


def sample_lead(*, stage: str, zone: str, at: datetime) -> SimpleNamespace:
    """Return a new lead with an e-mail address and a phone number, and no other facts."""
    known = {
        **DEFAULTS,
        "id": SAMPLE,
        "patient_first_name": "Mia",
        "patient_last_name": "Keller",
        "first_name": "Mia",
        "last_name": "Keller",
        "email": "mia@lead.example",
        "phone": "+12125550143",
        "timezone": zone,
        "source": "Website",
        "source_category": SourceCategory.WEB_ORGANIC,
        "source_id": SAMPLE,
        "custom": {},
        "opted_out_channels": [],
        "best_hours": [],
        "version": 1,
        **_initial_values(stage, at),
    }
    return SimpleNamespace(**{**_EMPTY, **known})


def reset_history(lead: SimpleNamespace, *, stage: str, at: datetime) -> None:
    """Reset the history of the lead and keep its personal data."""
    vars(lead).update(dict.fromkeys(_HISTORY), **_initial_values(stage, at))


def _initial_values(stage: str, at: datetime) -> JsonDict:
    times = ("created_at", "updated_at", "last_activity_at", "stage_entered_at")
    return {
        "status": LeadStatus.NEW,
        "pipeline_stage": stage,
        "failed_attempts": 0,
        "past_stages": [],
        "past_stage_seconds": [],
        **dict.fromkeys(times, at),
    }


def lead_facts_for_rules(
    lead: SimpleNamespace, next_follow_up_at: datetime | None, lost_suggestion_at: datetime | None
) -> JsonDict:
    """Return the facts of the lead that rules may use and that no event carries, by name.

    `next_follow_up_at`: of its open tasks. `lost_suggestion_at`: of its planned steps.
    """
    facts = plain_facts({name: getattr(lead, column) for name, column in _COLUMNS})
    facts["next_follow_up_at"] = next_follow_up_at
    facts["lost_suggested_at"] = lead.lost_suggested_at or lost_suggestion_at
    facts["best_hours"] = lead.best_hours
    # A script may set them otherwise.
    facts |= {name: vars(lead).get(name, value) for name, value in computed_facts(vars(lead)).items()}
    return facts | {f"{CUSTOM_PREFIX}{key}": known for key, known in lead.custom.items()}


def set_facts(lead: SimpleNamespace, facts: JsonObject) -> None:
    """Set these facts of the lead, by their names in rules. Custom fields that are not given stay."""
    columns = columns_of_facts(facts)
    vars(lead).update(columns, custom={**lead.custom, **columns.get("custom", {})})


def columns_of_facts(facts: JsonObject) -> JsonDict:
    """Return the lead's columns for these facts."""
    own = {name.removeprefix(CUSTOM_PREFIX): value for name, value in facts.items() if name.startswith(CUSTOM_PREFIX)}
    columns = {RENAMED.get(name, name): value for name, value in facts.items() if not name.startswith(CUSTOM_PREFIX)}
    ids = {name: UUID(value) for name, value in columns.items() if name in _IDS and value}
    return columns | ids | ({"custom": own} if own else {})
