"""Variables that a template may use. No other data of leads, tasks and clinics can get into a message."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonObject
from app.identity.clinic_context import ClinicContext
from app.leads.fields import IN_TEMPLATES, Form

Values: TypeAlias = Mapping[str, Mapping[str, object]]


def _amount_text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:,.2f}"


def _plain_words(value: str | None) -> str | None:
    return value and value.replace("_", " ").lower()


def _listed(values: Sequence[str] | None) -> str | None:
    return ", ".join(values) if values else None


_WRITTEN: Final[Mapping[Form, Callable[[Any], str | None]]] = {
    Form.MONEY: _amount_text,
    Form.CHOICE: _plain_words,
    Form.CHOICES: lambda values: _plain_words(_listed(values)),
    Form.TAGS: _listed,
}  # others are unchanged
_COLUMNS: Final[dict[str, dict[str, str]]] = {"lead": {}, "patient": {}}  # of declared values, by group and name
_TEXTS: Final[list[tuple[str, str, Callable[[Any], str | None]]]] = []  # group, name and text of values that change
for _path, _field in IN_TEMPLATES.items():
    _group, _, _name = _path.partition(".")
    _COLUMNS[_group][_name] = _field.name
    if _field.kind.form in _WRITTEN:
        _TEXTS.append((_group, _name, _WRITTEN[_field.kind.form]))

VARIABLES: Mapping[str, frozenset[str]] = {
    # Names are those of the responsible party; stage and source have their display names.
    "lead": frozenset({"last_initial", "stage", "source", *_COLUMNS["lead"]}),
    "patient": frozenset(_COLUMNS["patient"]),
    "clinic": frozenset({"name"}),
    "coordinator": frozenset({"name", "email"}),  # the lead's
    "user": frozenset({"name"}),  # the recipient, if it is a user
    "task": frozenset({"title", "due_at"}),
    "consultation": frozenset({"scheduled_for"}),
}
CUSTOM_GROUP: Final = "custom"  # the group of the clinic's custom fields, by key


def message_values(
    clinic: ClinicContext,
    *,
    lead: JsonObject | None = None,
    task: JsonObject | None = None,
    coordinator_name: str | None = None,
    coordinator_email: str | None = None,
    user_name: str | None = None,
    scheduled_for: datetime | None = None,
) -> dict[str, dict[str, object]]:
    """Return the values of one message by group and name. None means no value; a template can test for it.

    `lead` has the keys of `app.leads.facts.template_values`; `task` has title and due_at (aware). Times are written in
    the clinic's time zone, in English whatever the language of the text.
    """
    return {
        "clinic": {"name": clinic.name},
        "coordinator": {"name": coordinator_name, "email": coordinator_email},
        "user": {"name": user_name},
        "consultation": {"scheduled_for": _time_text(clinic.calendar, scheduled_for)},
        **(_lead_values(lead) if lead else {}),
        **(_task_values(task, clinic.calendar) if task else {}),
    }


def local_time(calendar: Calendar, instant: datetime) -> str:
    """Return the instant in the clinic's time zone, such as `Tuesday, March 10, 2026 at 9:05 AM`."""
    local = calendar.local(instant)
    return f"{local:%A, %B} {local.day}, {local.year} at {local.hour % 12 or 12}:{local:%M %p}"


def _lead_values(lead: JsonObject) -> dict[str, dict[str, object]]:
    last_name = lead.get("last_name")
    values: dict[str, dict[str, Any]] = {
        group: {name: lead.get(column) for name, column in columns.items()} for group, columns in _COLUMNS.items()
    }
    for group, name, write in _TEXTS:
        values[group][name] = write(values[group][name])
    of_lead = values["lead"]
    of_lead["last_initial"] = f"{last_name[0]}." if last_name else None
    of_lead["stage"], of_lead["source"] = lead.get("stage"), lead.get("source")
    values[CUSTOM_GROUP] = lead.get("custom") or {}
    return values


def _task_values(task: JsonObject, calendar: Calendar) -> dict[str, dict[str, object]]:
    return {"task": {"title": task.get("title"), "due_at": _time_text(calendar, task.get("due_at"))}}


def _time_text(calendar: Calendar, instant: datetime | None) -> str | None:
    return None if instant is None else local_time(calendar, instant)
