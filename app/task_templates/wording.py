"""The words of a template, with a lead's own put in."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from app.automation.clinic import ClinicContext
from app.notifications.templates import MissingVariable, Wording, check_template, render
from app.notifications.variables import VARIABLES, message_values

GROUPS: Final = ("lead", "patient", "clinic", "coordinator")  # what is known whenever a task is planned
MERGE_FIELDS: Final = sorted(f"{group}.{name}" for group in GROUPS for name in VARIABLES[group])

_SAMPLE: Final = {group: dict.fromkeys(VARIABLES[group], "x") for group in GROUPS}


class Words(NamedTuple):
    """The title and the description of a task."""

    title: str
    description: str | None


def fill(words: Words, clinic: ClinicContext, lead: Any, *, coordinator_name: str | None) -> Words:
    """The words with the lead's own put in; who has no coordinator has nothing there."""
    names = {name: getattr(lead, name) for name in ("first_name", "last_name", "patient_first_name")}
    return _render(words, message_values(clinic, lead=names, coordinator_name=coordinator_name or "—"))


def mistakes_of(words: Words) -> Mapping[str, str]:
    """What is wrong with the words of a template, by field."""
    found = check_template(words.title, words.description or "-")
    if found:
        return {"title" if mistake.place == "subject" else "description": mistake.problem for mistake in found}
    return {name: problem for name in Words._fields if (problem := _unknown(getattr(words, name)))}


def _unknown(text: str | None) -> str | None:
    """Some variables have a value in messages, and none in a task."""
    try:
        _render(Words(text or "x", None), _SAMPLE)
    except MissingVariable:
        return f"Only these have a value here: {', '.join(MERGE_FIELDS)}."
    return None


def _render(words: Words, values: Mapping[str, Mapping[str, object]]) -> Words:
    wording = render(Wording(words.title, words.description or words.title), values)
    return Words(wording.subject, wording.body if words.description else None)
