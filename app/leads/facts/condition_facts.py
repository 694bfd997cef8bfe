"""Facts of leads that rules may test and that events do not carry. One query for many leads.

The best hours need three more, only where a rule uses them.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, RowMapping, bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from app.core.type_aliases import ColumnValues, JsonDict, JsonObject
from app.engine.rules.conditions import CARRIED
from app.leads.attribution.models import LeadSource
from app.leads.facts.best_time.load import best_hours_of
from app.leads.fields import CUSTOM_PREFIX, TESTED
from app.leads.models import Lead
from app.leads.search.open_task import IS_OPEN_TASK, OpenTask
from app.leads.timeline.responses import seconds_from_creation
from app.security.encrypted_fields import decrypt_fields

_HAS_OPENED: Final = (
    "EXISTS (SELECT FROM notifications n JOIN tracked_messages t ON t.id = n.id"
    " WHERE n.lead_id = leads.id AND t.person_opens > 0)"
)
_LOST_SUGGESTED_AT: Final = (
    "coalesce(leads.lost_suggested_at, (SELECT min(s.due_at) FROM steps s WHERE s.lead_id = leads.id"
    " AND s.kind = 'suggest_lost' AND s.state IN ('planned', 'published', 'running')))"
)
_COLUMNS: Final[ColumnValues] = {
    "source": LeadSource.name,
    "source_category": LeadSource.category,
    "next_follow_up_at": select(func.min(OpenTask.due_at))
    .where(OpenTask.lead_id == Lead.id, IS_OPEN_TASK)
    .scalar_subquery(),
    "has_email": Lead.email_blind.is_not(None),
    "has_phone": Lead.phone_blind.is_not(None),
    "lost_suggested_at": literal_column(_LOST_SUGGESTED_AT, Lead.lost_suggested_at.type),
    "has_opened": literal_column(_HAS_OPENED, Boolean),
    "hours_to_first_contact": seconds_from_creation(Lead.first_contact_at) / 3600,
    **{
        fact: getattr(Lead, field.name)
        for fact, field in TESTED.items()
        if fact not in CARRIED and not field.is_encrypted
    },
    **{
        name: getattr(Lead, name)
        for name in (
            *("capture_channel", "lost_reason", "created_at", "last_activity_at", "stage_entered_at", "assigned_at"),
            *("first_contact_at", "past_stages"),
        )
    },
}
_ENCRYPTED: Final = {fact: field.name for fact, field in TESTED.items() if field.is_encrypted and fact not in CARRIED}
_BEST_HOURS: Final = "best_hours"
FACT_NAMES: Final = frozenset({*_COLUMNS, *_ENCRYPTED, _BEST_HOURS})  # without custom fields
RENAMED: Final = {fact: field.name for fact, field in TESTED.items() if fact != field.name}  # columns with other names
# Facts that events carry, for scores, which no event starts. Contact data is not read here: it is encrypted.
_LOADED: Final[ColumnValues] = {
    **{name: getattr(Lead, name) for name in CARRIED if name not in TESTED or not TESTED[name].is_encrypted},
    **_COLUMNS,
}
_IDS: Final = ARRAY(Lead.id.type)
_READ: Final[Mapping[type, Callable[[Any], Any]]] = {Decimal: float, UUID: str, date: date.isoformat}


def load_facts(session: Session, lead_ids: Collection[UUID], names: Collection[str]) -> dict[UUID, JsonDict]:
    """Return facts such as `tags` and `custom.passport_expiry` by lead id. Missing leads are left out."""
    columns = [_LOADED[name].label(name) for name in names if name in _LOADED]
    custom = [name for name in names if name.startswith(CUSTOM_PREFIX)]
    encrypted = [name for name in names if name in _ENCRYPTED]
    more = [*([Lead.custom.label("_custom")] if custom else []), *([Lead.sealed.label("_sealed")] if encrypted else [])]
    wanted = select(Lead.id, *columns, *more)
    found = session.execute(
        wanted.join(LeadSource, LeadSource.id == Lead.source_id).where(
            Lead.id == func.any(bindparam(None, [*lead_ids], type_=_IDS))
        )
    )
    facts = {row.id: _facts(row._mapping, custom, encrypted) for row in found}  # noqa: SLF001  (public accessor of SQLAlchemy's Row)
    if _BEST_HOURS in names:
        for lead_id, hours in best_hours_of(session, lead_ids).items():
            facts[lead_id][_BEST_HOURS] = hours
    return facts


def _facts(row: RowMapping, custom: Collection[str], encrypted: Collection[str]) -> JsonDict:
    facts = plain_facts({name: value for name, value in row.items() if name in _LOADED})
    if encrypted:
        plain = decrypt_fields(Lead, row["id"], row["_sealed"])
        facts |= plain_facts({name: plain[_ENCRYPTED[name]] for name in encrypted})
    return facts | {name: row["_custom"].get(name.removeprefix(CUSTOM_PREFIX)) for name in custom}


def plain_facts(columns: JsonObject) -> JsonDict:
    """Return these columns as conditions read them: ids and dates as text, amounts as numbers."""
    return {name: _READ.get(type(value), _unchanged)(value) for name, value in columns.items()}


def computed_facts(lead: JsonObject) -> JsonDict:
    """Return the facts that no column holds, of a lead that is not stored yet or is simulated: nothing was opened."""
    contact_at: Any = lead.get("first_contact_at")
    hours = contact_at and max((contact_at - lead["created_at"]).total_seconds(), 0.0) / 3600
    known = {"has_email": bool(lead.get("email")), "has_phone": bool(lead.get("phone"))}
    return {**known, "has_opened": False, "hours_to_first_contact": hours}


def _unchanged(value: Any) -> Any:
    return value
