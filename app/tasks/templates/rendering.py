"""Render task templates with the values of a lead."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import ActiveUser
from app.leads.facts.template_values import DisplayNames, LeadForTemplates, lead_template_values
from app.messaging.rendering.render import CustomFieldKeys, Wording, check_template, render
from app.messaging.rendering.required_fields import fields_in
from app.messaging.rendering.values import Placeholder
from app.messaging.rendering.variables import CUSTOM_GROUP, VARIABLES, Values, message_values

GROUPS: Final = ("lead", "patient", "clinic", "coordinator")  # values available when a task is planned
MERGE_FIELDS: Final = [
    *sorted(f"{group}.{name}" for group in GROUPS for name in VARIABLES[group]),
    f"{CUSTOM_GROUP}.<key>",
]
DASH: Final = "—"


class TaskText(NamedTuple):
    """Title and description of a task."""

    title: str
    description: str | None


def fill(words: TaskText, values: Values, *, placeholder: Placeholder = lambda _: DASH) -> TaskText:
    """Render the text. A missing value becomes a dash, because a task with a dash is better than none."""
    wording = render(Wording(words.title, words.description or words.title), values, placeholder=placeholder)
    return TaskText(wording.subject, wording.body if words.description else None)


def values_for(
    clinic: ClinicContext, lead: LeadForTemplates, names: DisplayNames, coordinator: ActiveUser | None
) -> Values:
    """Return the merge field values for a task of the lead."""
    return message_values(
        clinic,
        lead=lead_template_values(lead, names),
        coordinator_name=coordinator.name if coordinator else None,
        coordinator_email=coordinator.email if coordinator else None,
    )


def template_errors(words: TaskText, *, custom_keys: CustomFieldKeys = None) -> Mapping[str, str]:
    """Return the errors of a template by field. If `custom_keys` is None, custom fields may have any key."""
    found = check_template(words.title, words.description or DASH, custom_keys=custom_keys)
    if found:
        return {"title" if mistake.place == "subject" else "description": mistake.problem for mistake in found}
    return {name: _UNKNOWN for name in TaskText._fields if _has_unknown(getattr(words, name))}


_UNKNOWN: Final = f"Only these fields are available here: {', '.join(MERGE_FIELDS)}."


def _has_unknown(text: str | None) -> bool:
    """Whether the text uses fields that are available in messages only."""
    return any(field.partition(".")[0] not in (*GROUPS, CUSTOM_GROUP) for field in fields_in(text or ""))
