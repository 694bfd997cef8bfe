"""The parts that each place of a definition can have, read from the JSON Schema of its model. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from app.automation.language.base import Strict
from app.automation.language.docs.tables import flow
from app.automation.language.schema import json_schema
from app.core.type_aliases import JsonObject

ROOT: Final = ""  # the place of the definition itself


@dataclass(frozen=True, slots=True)
class Part:
    """A key that a place can have. `example`: a value as YAML; `values`: the known values."""

    name: str
    description: str
    is_required: bool
    example: str
    values: tuple[str, ...] = field(default=())


Places = Mapping[str, tuple[Part, ...]]  # by the key that contains the parts, such as `after` or `create_task`


@lru_cache(maxsize=8)
def places_of(model: type[Strict]) -> Places:
    """Return the parts of each place of a model. A list has the parts of its items."""
    schema, definitions = json_schema(model)
    found: dict[str, dict[str, Part]] = {}
    waiting: list[tuple[str, JsonObject]] = [(ROOT, schema)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        key, written = waiting.pop()
        for one in _choices(written, definitions):
            properties = one.get("properties", {})
            if not properties or (key, mark := ",".join(properties)) in seen:
                continue
            seen.add((key, mark))
            parts = found.setdefault(key, {})
            for name, part in properties.items():
                parts.setdefault(name, _part(name, part, one, definitions))
                waiting.append((name, part))
    return {key: tuple(parts.values()) for key, parts in found.items()}


def in_order(value: Any, places: Places, key: str = ROOT) -> Any:
    """Return a definition with its keys in the order of the model. The database does not keep one."""
    if isinstance(value, list):
        return [in_order(item, places, key) for item in value]
    if not isinstance(value, Mapping):
        return value
    order = {part.name: i for i, part in enumerate(places.get(key, ()))}
    names = sorted(value, key=lambda name: order.get(name, len(order)))
    return {name: in_order(value[name], places, name) for name in names}


def _part(name: str, written: JsonObject, owner: JsonObject, definitions: JsonObject) -> Part:
    choices = list(_choices(written, definitions))
    examples = next((one["examples"] for one in (written, *choices) if one.get("examples")), ())
    return Part(
        name,
        next((one["description"] for one in (written, *choices) if one.get("description")), ""),
        is_required=name in owner.get("required", ()),
        example=flow(examples[0]) if examples else "",
        values=tuple(dict.fromkeys(str(value) for one in choices for value in _values(one))),
    )


def _values(written: JsonObject) -> list[object]:
    if written.get("type") == "boolean":
        return ["true", "false"]
    return [value for value in (*written.get("enum", ()), written.get("const")) if value is not None]


def _choices(written: JsonObject, definitions: JsonObject, depth: int = 0) -> Iterator[JsonObject]:
    """Yield the schemas that a value may have: references, alternatives and items are followed."""
    if depth > 8:  # noqa: PLR2004  (a condition contains conditions)
        return
    if "$ref" in written:
        yield from _choices(definitions[written["$ref"].rpartition("/")[2]], definitions, depth + 1)
        return
    yield written
    alternatives = [*written.get("anyOf", ()), *written.get("oneOf", ()), *written.get("allOf", ())]
    if isinstance(written.get("items"), dict):
        alternatives.append(written["items"])
    for one in alternatives:
        yield from _choices(one, definitions, depth + 1)
