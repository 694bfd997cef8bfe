"""Parameters of saved reports: the query of a report as JSON, and back. Pure."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from app.analytics.metrics.measures import Basis
from app.analytics.periods import By, Compare
from app.analytics.reporting.relative_periods import RelativePeriod
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.users.lookup import ME
from app.leads.enums import CaptureChannel

_NAMES: Final[Mapping[str, str]] = {"from_": "from"}  # fields whose parameter has another name
_FIELDS: Final[Mapping[str, str]] = {name: field for field, name in _NAMES.items()}


def _user(value: str) -> UUID | str:
    return ME if value == ME else UUID(value)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "from": date.fromisoformat,
    "to": date.fromisoformat,
    "period": RelativePeriod,
    "by": By,
    "compare": Compare,
    "basis": Basis,
    "source_id": UUID,
    "assigned_to_id": _user,
    "channel": CaptureChannel,
    "value_from": Decimal,
    "value_to": Decimal,
}


def to_json(query: JsonObject) -> JsonDict:
    """Return the loaded fields of NamedReportQuery as JSON, by the names of the parameters."""
    return {_NAMES.get(name, name): value if isinstance(value, int) else str(value) for name, value in query.items()}


def from_json(stored: JsonObject) -> JsonDict:
    """Return the fields of NamedReportQuery that `to_json` stored. Raises ValueError for a value that is none."""
    return {
        _FIELDS.get(name, name): _READERS[name](value) if name in _READERS else value for name, value in stored.items()
    }
