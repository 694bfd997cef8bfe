"""Read a definition: as text, as data, in sentences and as a picture, with the place of each mistake."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy.orm import Session

from app.automation.language.docs import pictures
from app.automation.language.docs.pictures import Picture
from app.automation.language.docs.tables import block
from app.automation.language.validation import mistakes_in
from app.automation.reading import outline
from app.automation.reading.kinds import MODELS, DefinitionKind
from app.automation.reading.outline import OutlineLine
from app.automation.reading.places import in_order, places_of
from app.automation.reading.yaml_text import Position, ReadText, UnreadableText, read_text
from app.automation.rules.definitions import known_names_of
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Invalid
from app.identity.actor import Actor

_OUTLINES: Final[Mapping[DefinitionKind, Callable[[JsonObject], Iterator[OutlineLine]]]] = {
    DefinitionKind.RULE: outline.of_rule,
    DefinitionKind.SEQUENCE: outline.of_sequence,
    DefinitionKind.NURTURE: outline.of_nurture,
}
_PICTURES: Final[Mapping[DefinitionKind, Callable[[JsonObject], Picture]]] = {
    DefinitionKind.RULE: pictures.of_rule,
    DefinitionKind.SEQUENCE: pictures.of_sequence,
    DefinitionKind.NURTURE: pictures.of_nurture,
}


def read_definition(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Return a definition as ReadOut. `data`: the fields of ReadIn. Nothing is written. Raises Invalid."""
    kind: DefinitionKind = data["kind"]
    require_one_source(session, actor, data)
    text = data["text"] if "text" in data else block(in_order(data["definition"], places_of(MODELS[kind])))
    try:
        read = read_text(text)
    except UnreadableText as unreadable:
        mistake = {"pointer": "", "message": str(unreadable), **asdict(unreadable.position)}
        return {"text": text, "definition": None, "mistakes": [mistake], "outline": [], "picture": None}
    found = mistakes_in(MODELS[kind], read.document, known_names_of(session, actor.clinic))
    mistakes = [{"pointer": one.pointer, "message": one.problem, **asdict(read.position(one.pointer))} for one in found]
    definition = read.document if isinstance(read.document, dict) and not _is_broken(kind, read) else None
    return {"text": text, "definition": definition, "mistakes": mistakes, **_shown(kind, definition, read)}


def require_one_source(_session: Session, _actor: Actor, data: JsonObject, /, **_path: object) -> None:
    """Check that there is a text or a definition. Raises Invalid."""
    if ("text" in data) == ("definition" in data):
        raise Invalid.at("/text", "Give either `text` or `definition`.")


def _is_broken(kind: DefinitionKind, read: ReadText) -> bool:
    """Return whether the definition is wrong in any clinic. With unknown names it can still be described."""
    return bool(mistakes_in(MODELS[kind], read.document))


def _shown(kind: DefinitionKind, definition: JsonObject | None, read: ReadText) -> JsonDict:
    if definition is None:
        return {"outline": [], "picture": None}
    return {
        "outline": [_at(line, read) for line in _OUTLINES[kind](definition)],
        "picture": _drawn(_PICTURES[kind](definition), read),
    }


def _drawn(picture: Picture, read: ReadText) -> JsonDict:
    return {
        "direction": picture.direction,
        "nodes": [_at(node, read) for node in picture.nodes],
        "edges": [asdict(edge) for edge in picture.edges],
    }


def _at(shown: Any, read: ReadText) -> JsonDict:
    """Return a line or a node with the line of its part; None where it shows a default."""
    position: Position | None = read.position(shown.pointer) if shown.pointer else None
    return {**asdict(shown), "line": position and position.line}
