"""Render task templates with the values of a lead."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from app.identity.clinic_context import ClinicContext
from app.leads.assignment.coordinators import Colleague
from app.leads.facts.merge_fields import Names, said_of
from app.messaging.rendering.needs import fields_in
from app.messaging.rendering.render import OwnFields, Wording, check_template, render
from app.messaging.rendering.values import Gap
from app.messaging.rendering.variables import OWN, VARIABLES, Values, message_values

GROUPS: Final = ("lead", "patient", "clinic", "coordinator")  # values available when a task is planned
MERGE_FIELDS: Final = [*sorted(f"{group}.{name}" for group in GROUPS for name in VARIABLES[group]), f"{OWN}.<key>"]
DASH: Final = "—"


class Words(NamedTuple):
    """Title and description of a task."""

    title: str
    description: str | None


def fill(words: Words, values: Values, *, gap: Gap = lambda _: DASH) -> Words:
    """Render the text. A missing value becomes a dash, because a task with a gap is better than none."""
    wording = render(Wording(words.title, words.description or words.title), values, gap=gap)
    return Words(wording.subject, wording.body if words.description else None)


def values_for(clinic: ClinicContext, lead: Any, names: Names, coordinator: Colleague | None) -> Values:
    """Return the merge field values for a task of the lead."""
    return message_values(
        clinic,
        lead=said_of(lead, names),
        coordinator_name=coordinator.name if coordinator else None,
        coordinator_email=coordinator.email if coordinator else None,
    )


def template_errors(words: Words, *, own: OwnFields = None) -> Mapping[str, str]:
    """Return the errors of a template by field. If `own` is None, custom fields may have any key."""
    found = check_template(words.title, words.description or DASH, own=own)
    if found:
        return {"title" if mistake.place == "subject" else "description": mistake.problem for mistake in found}
    return {name: _UNKNOWN for name in Words._fields if _has_unknown(getattr(words, name))}


_UNKNOWN: Final = f"Only these fields are available here: {', '.join(MERGE_FIELDS)}."


def _has_unknown(text: str | None) -> bool:
    """Whether the text uses fields that are available in messages only."""
    return any(field.partition(".")[0] not in (*GROUPS, OWN) for field in fields_in(text or ""))
