"""Facts of leads that rules may test and that events do not carry. One query for many leads."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.orm import Session

from app.core.type_aliases import ColumnValues, JsonDict
from app.leads.attribution.models import LeadSource
from app.leads.models import Lead
from app.leads.search.open_task import IS_OPEN_TASK, OpenTask

_CUSTOM_PREFIX: Final = "custom."  # prefix of custom field keys

_COLUMNS: Final[ColumnValues] = {
    "source": LeadSource.name,
    "source_category": LeadSource.category,
    "value": Lead.lead_value,
    "next_follow_up_at": select(func.min(OpenTask.due_at))
    .where(OpenTask.lead_id == Lead.id, IS_OPEN_TASK)
    .scalar_subquery(),
    **{
        name: getattr(Lead, name)
        for name in (
            *("capture_channel", "social_platform", "tags", "treatment_interest", "score", "city", "state"),
            *("postal_code", "lost_reason", "created_at", "last_activity_at", "stage_entered_at", "assigned_at"),
        )
    },
}
FACT_NAMES: Final = frozenset(_COLUMNS)  # without custom fields
_READ: Final[Mapping[type, Callable[[Any], Any]]] = {Decimal: float}


def load_facts(session: Session, lead_ids: Collection[UUID], names: Collection[str]) -> dict[UUID, JsonDict]:
    """Return facts such as `tags` and `custom.passport_expiry` by lead id. Missing leads are left out."""
    columns = [_COLUMNS[name].label(name) for name in names if name in _COLUMNS]
    custom = [name for name in names if name.startswith(_CUSTOM_PREFIX)]
    wanted = select(Lead.id, *columns, *([Lead.custom.label("_custom")] if custom else []))
    found = session.execute(wanted.join(LeadSource, LeadSource.id == Lead.source_id).where(Lead.id.in_(lead_ids)))
    return {row.id: _facts(row._mapping, custom) for row in found}  # noqa: SLF001  (public accessor of SQLAlchemy's Row)


def _facts(row: RowMapping, custom: Collection[str]) -> JsonDict:
    facts = {name: _READ.get(type(value), _unchanged)(value) for name, value in row.items() if name in _COLUMNS}
    return facts | {name: row["_custom"].get(name.removeprefix(_CUSTOM_PREFIX)) for name in custom}


def _unchanged(value: Any) -> Any:
    return value
