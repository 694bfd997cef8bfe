"""Playbooks: named sets of rules, sequences, nurtures and templates in YAML. Installing copies them to a clinic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Final
from uuid import UUID

import yaml
from sqlalchemy.orm import Session

from app.automation.language.known_names import KnownNames
from app.automation.language.playbooks import mistakes_in_playbook
from app.automation.playbooks.text_limits import require_moderate_size
from app.core.db import Base, Rows, insert_many, new_id
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict, JsonObject
from app.core.validation.validation_errors import InvalidPlaybook, Mistake
from app.engine.rules.models import RuleRow, RuleVersion
from app.engine.sequences.models import SequenceRow, SequenceVersion

LONGEST_TEXT: Final = 200_000  # characters; ten times the largest shipped playbook
_SIGNED_64_BIT: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Playbook:
    """A valid playbook: definitions of its parts, and message templates by slug.

    `stages` and `fields` are those that its parts refer to, in addition to the defaults of every clinic.
    """

    name: str
    rules: tuple[JsonObject, ...]
    templates: Mapping[str, Mapping[str, str]]
    title: str = ""
    description: str = ""
    stages: tuple[JsonObject, ...] = ()
    fields: tuple[JsonObject, ...] = ()
    sequences: tuple[JsonObject, ...] = ()
    nurtures: tuple[JsonObject, ...] = ()
    task_templates: tuple[JsonObject, ...] = ()


_LONGEST_NUMBER: Final = 40  # characters


class DefinitionLoader(yaml.CSafeLoader):
    """YAML loader: `on` is text, only true and false are booleans, `<<` merges nothing, and keys must be unique."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge nothing: nested merges can expand a page of text to billions of keys before validation."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """Refuse duplicate keys: YAML would silently drop the first. Raises ConstructorError."""
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key occurs twice in one mapping", node.start_mark)
        return mapping

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Refuse integers that the database and responses cannot hold. Raises ConstructorError."""
        _refuse_long_number(node)
        number = self.construct_yaml_int(node)
        if number not in _SIGNED_64_BIT:
            raise yaml.constructor.ConstructorError(None, None, "a number is too large", node.start_mark)
        return number

    def construct_decimal(self, node: yaml.ScalarNode) -> float:
        """Refuse long numbers, as `construct_integer` does. Raises ConstructorError."""
        _refuse_long_number(node)
        return self.construct_yaml_float(node)


def _refuse_long_number(node: yaml.ScalarNode) -> None:
    """YAML reads `1:30` to the base 60, in a time that grows with the square of its length."""
    if len(node.value) > _LONGEST_NUMBER:
        raise yaml.constructor.ConstructorError(None, None, "a number is too large", node.start_mark)


DefinitionLoader.add_constructor("tag:yaml.org,2002:int", DefinitionLoader.construct_integer)
DefinitionLoader.add_constructor("tag:yaml.org,2002:float", DefinitionLoader.construct_decimal)
DefinitionLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@lru_cache(maxsize=8)
def load(name: str) -> Playbook:
    """Return a shipped playbook, from a cache. Raises InvalidPlaybook (when there is none with this name)."""
    shipped = files(__package__) / f"{name}.yaml"
    if not name.replace("_", "").isalnum() or not shipped.is_file():
        raise InvalidPlaybook([Mistake("name", f"{name!r} is not shipped; there are: {', '.join(names())}")])
    return read(shipped.read_text(encoding="utf-8"))


def names() -> list[str]:
    """Return the names of the shipped playbooks."""
    return sorted(f.name.removesuffix(".yaml") for f in files(__package__).iterdir() if f.name.endswith(".yaml"))


def read(text: str, known: KnownNames | None = None) -> Playbook:
    """Read a playbook in YAML. `known`: the names of the clinic that installs it; None: no clinic.

    Raises:
        InvalidPlaybook: with every mistake and its path.
    """
    try:
        refuse_large(text)
        document = yaml.load(text, DefinitionLoader)  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45 is no date
        raise InvalidPlaybook([Mistake("playbook", " ".join(str(error).split()))]) from error
    if mistakes := mistakes_in_playbook(document, known):
        raise InvalidPlaybook(mistakes)
    return Playbook(
        document["name"],
        tuple(document["rules"]),
        document.get("templates") or {},
        title=document.get("title", document["name"]),
        description=document.get("description", ""),
        stages=tuple(document.get("stages", ())),
        fields=tuple(document.get("fields", ())),
        sequences=tuple(document.get("sequences", ())),
        nurtures=tuple(document.get("nurtures", ())),
        task_templates=tuple(document.get("task_templates", ())),
    )


def refuse_large(text: str) -> None:
    """Refuse a text with too many values or levels before any is built. Raises InvalidPlaybook, YAMLError."""
    require_moderate_size(yaml.parse(text, DefinitionLoader))


def install(
    session: Session, clinic_id: UUID, playbook: Playbook, *, at: datetime, is_active: bool = True
) -> list[str]:
    """Copy the playbook's rules to the clinic, as version 1 of each. Returns the names of the added rules.

    Existing rules stay unchanged.
    """
    new = {"clinic_id": clinic_id, "playbook": playbook.name, "created_at": at, "active": is_active}
    return _add(session, (RuleRow, RuleVersion, "rule_id"), _rows(playbook.rules, new))


def install_sequences(
    session: Session, clinic_id: UUID, playbook: Playbook, *, at: datetime, is_active: bool = True
) -> list[str]:
    """Copy the playbook's sequences to the clinic, like `install`."""
    new = {"clinic_id": clinic_id, "playbook": playbook.name, "created_at": at, "active": is_active}
    return _add(session, (SequenceRow, SequenceVersion, "sequence_id"), _rows(playbook.sequences, new))


_ONLY_NEW = "ON CONFLICT (clinic_id, slug) WHERE deleted_at IS NULL DO NOTHING RETURNING slug"


_Tables = tuple[type[Base], type[Base], str]  # of definitions, of their versions, and the foreign key of the latter


def _add(session: Session, tables: _Tables, rows: Rows) -> list[str]:
    model, versions, owner = tables
    added = {row.slug for row in insert_many(session, model, rows, tail=_ONLY_NEW)}
    insert_many(session, versions, [_first_version(row, owner) for row in rows if row["slug"] in added])
    return [row["slug"] for row in rows if row["slug"] in added]


def _first_version(row: ColumnValues, owner: str) -> JsonDict:
    return {
        "id": new_id(),
        "clinic_id": row["clinic_id"],
        owner: row["id"],
        "number": row["published"],
        "definition": row["definition"],
        "created_at": row["created_at"],
    }


def _rows(definitions: Iterable[JsonObject], values: ColumnValues) -> list[ColumnDict]:
    """Return a row for each definition. `values`: the columns that are the same for all."""
    return [
        {
            "id": new_id(),
            "slug": definition["name"],
            "definition": definition,
            "published": 1,
            "version": 1,
            **values,
        }
        for definition in definitions
    ]
