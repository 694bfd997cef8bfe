"""The names that a definition may refer to, given to the models as pydantic's validation context."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationInfo

from app.automation.language.vocabulary import Field, Refers


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Names of a clinic or a playbook. None: the names are not known, so every name is allowed.

    `fields`: the custom fields by key. `users`: the ids of the users who can get leads.
    `ids`: the ids of all users and sources, which conditions may compare with. `task_templates`: by their names.
    """

    templates: frozenset[str] | None = None
    fields: Mapping[str, Field] | None = None
    stages: frozenset[str] | None = None
    sequences: frozenset[str] | None = None
    users: frozenset[str] | None = None
    ids: Mapping[Refers, frozenset[str]] | None = None
    task_templates: frozenset[str] | None = None


ANY_NAME: Final = KnownNames()


def known_names(info: ValidationInfo) -> KnownNames:
    """Return the names of a validation; without a context every name is allowed."""
    return info.context if isinstance(info.context, KnownNames) else ANY_NAME
