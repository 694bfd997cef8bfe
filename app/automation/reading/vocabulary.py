"""The vocabulary of one kind of definition, with the names of a clinic: what an editor can offer."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from typing import Final

from sqlalchemy.orm import Session

from app.automation.language.known_names import KnownNames
from app.automation.language.vocabulary import When, fields_at
from app.automation.reading.kinds import MODELS, DefinitionKind
from app.automation.reading.places import Part, places_of
from app.automation.rules.definitions import known_names_of
from app.core.type_aliases import JsonDict
from app.identity.actor import Actor

# Fields that conditions of a kind can use, at any of its moments.
_MOMENTS: Final[Mapping[DefinitionKind, tuple[When, ...]]] = {
    DefinitionKind.RULE: (When.PLANNING, When.DUE),
    DefinitionKind.SEQUENCE: (When.PLANNING, When.DUE, When.ENROLLED),
    DefinitionKind.NURTURE: (),
}


def vocabulary_of(session: Session, actor: Actor, kind: DefinitionKind) -> JsonDict:
    """Return the parts of each place of a kind of definition, and the fields of its conditions."""
    known = known_names_of(session, actor.clinic)
    places = places_of(MODELS[kind])
    return {
        "places": [
            {"key": key, "parts": [_with_names(part, known) for part in parts]} for key, parts in places.items()
        ],
        "fields": list(_fields(kind, known)),
    }


def _with_names(part: Part, known: KnownNames) -> JsonDict:
    names: Mapping[str, Collection[str] | None] = {
        "template": known.templates,
        "stage": known.stages,
        "sequence": known.sequences,
        "task_template": known.task_templates,
    }
    return {**asdict(part), "values": sorted(names.get(part.name) or ()) or list(part.values)}


def _fields(kind: DefinitionKind, known: KnownNames) -> Iterator[JsonDict]:
    found = {path: field for moment in _MOMENTS[kind] for path, field in fields_at(moment, known.fields).items()}
    for path, field in found.items():
        values = (known.stages or frozenset()) if field.is_stage else field.values
        yield {"path": path, "type": field.type, "description": field.about, "values": sorted(values)}
