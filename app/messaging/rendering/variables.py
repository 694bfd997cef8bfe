"""Variables that a template may use. No other data of leads, tasks and clinics can get into a message."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

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


def _unchanged(value: object) -> object:
    return value


_WRITTEN: Final[Mapping[Form, Callable[[Any], object]]] = {
    Form.MONEY: _amount_text,
    Form.CHOICE: _plain_words,
    Form.CHOICES: lambda values: _plain_words(_listed(values)),
    Form.TAGS: _listed,
}  # others are unchanged


class _Value(NamedTuple):
    """A declared value of a template: its name within its group, its column, and its text."""

    name: str
    column: str
    write: Callable[[Any], object]


def _declared(group: str) -> tuple[_Value, ...]:
    """Return the values of a group that are declared fields of a lead."""
    fields = {path.partition("."): field for path, field in IN_TEMPLATES.items()}
    return tuple(
        _Value(name, field.name, _WRITTEN.get(field.kind.form, _unchanged))
        for (its, _, name), field in fields.items()
        if its == group
    )


_OF_LEAD: Final = {group: _declared(group) for group in ("lead", "patient")}
VARIABLES: Mapping[str, frozenset[str]] = {
    # Names are those of the responsible party; stage and source have their display names.
    "lead": frozenset({"last_initial", "stage", "source", *(value.name for value in _OF_LEAD["lead"])}),
    "patient": frozenset(value.name for value in _OF_LEAD["patient"]),
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
    values = {
        group: {value.name: value.write(lead.get(value.column)) for value in declared}
        for group, declared in _OF_LEAD.items()
    }
    values["lead"] |= {
        "last_initial": f"{last_name[0]}." if last_name else None,
        "stage": lead.get("stage"),
        "source": lead.get("source"),
    }
    return {**values, CUSTOM_GROUP: lead.get("custom") or {}}


def _task_values(task: JsonObject, calendar: Calendar) -> dict[str, dict[str, object]]:
    return {"task": {"title": task.get("title"), "due_at": _time_text(calendar, task.get("due_at"))}}


def _time_text(calendar: Calendar, instant: datetime | None) -> str | None:
    return None if instant is None else local_time(calendar, instant)
