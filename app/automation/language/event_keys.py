"""Keys in definitions: the value of a custom event that says what an enrollment is about."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from app.automation.language.types.errors import Line, Loc, problem
from app.automation.language.vocabulary import KEY
from app.core.type_aliases import JsonDict
from app.engine.events.events import CUSTOM_NAME
from app.engine.events.keys import PREFIX

_PATH: Final = re.compile(f"event\\.data\\.{KEY}")
_SHORT: Final = re.compile(f"(?:event\\.)?({KEY})")


class EventKey:
    """Validator: a value of custom events, such as `event.data.invoice`."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, path: object) -> object:
        if isinstance(path, str) and _PATH.fullmatch(path):
            return path
        short = _SHORT.fullmatch(path) if isinstance(path, str) else None
        example = f"{PREFIX}{short[1] if short else 'invoice'}"
        raise problem(f"must be a value that a custom event sends, such as {example}")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"type": "string", "pattern": f"^event\\.data\\.{KEY}$"}


def events_without_values(on: object, place: Loc) -> Iterator[Line]:
    """Yield a mistake for each event in `on` (at `place`) that sends no values, beside a key."""
    sentence = "sends no values, so it cannot have a key: only custom events can, such as custom.invoice_paid"
    for i, name in enumerate(on if isinstance(on, list) else [on]):
        if isinstance(name, str) and not CUSTOM_NAME.fullmatch(name):
            yield Line((*place, i), sentence)


def keyed_actions(actions: object, place: Loc = ("do",)) -> Iterator[Loc]:
    """Yield the places of the actions that name a key, also those in branches."""
    for i, action in enumerate(actions if isinstance(actions, list) else ()):
        for kind, settings in action.items() if isinstance(action, Mapping) else ():
            if isinstance(settings, Mapping):
                if "key" in settings:
                    yield (*place, i, kind, "key")
                yield from _in_ways(settings, (*place, i, kind))


def _in_ways(settings: Mapping[str, object], place: Loc) -> Iterable[Loc]:
    for way in ("then", "else"):
        if isinstance(settings.get(way), list):
            yield from keyed_actions(settings[way], (*place, way))
