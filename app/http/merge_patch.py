"""PATCH of a resource whose PUT replaces it: given fields are replaced, all others stay unchanged."""

import json
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache, partial
from typing import Any, Final, TypeVar

from marshmallow import fields, missing
from sqlalchemy.orm import Session

from app.core.optimistic_locking import ChangedMeanwhile, SeenVersions
from app.core.type_aliases import JsonDict
from app.http.lookups import Lookups, read_with_lookups
from app.http.schemas.schema import Schema
from app.http.schemas.writer import encode_json

MOST_TRIES: Final = 50  # of a PATCH for any version: each failed one means that another request has succeeded
Result = TypeVar("Result")

_SUFFIXES: Final = ("In", "Changes", "Change")


class MergePatch:
    """The body of a PATCH, and the schemas of its resource: the one of a PUT, and the one of responses."""

    def __init__(self, body: Any, shown: Schema, read: Callable[[Any], JsonDict]) -> None:
        self._body = body
        self._shown = shown
        self._read = read
        self.values: JsonDict = {}  # those of a PUT, once known
        self.fits_any_version = False  # whether the client sent `If-Match: *`, once known

    def onto(self, session: Session, current: Any, seen: SeenVersions) -> tuple[JsonDict, SeenVersions]:
        """Return the values of a PUT that has the effect of this PATCH, and the version that they replace.

        `current` is a row, or a mapping with its columns. Raises Invalid, ChangedMeanwhile.
        """
        version: int = current["version"] if isinstance(current, Mapping) else current.version
        self.fits_any_version = seen is None
        if seen is not None and version not in seen:
            raise ChangedMeanwhile
        if not isinstance(self._body, dict):
            self._read(self._body)  # raises
        values = json.loads(encode_json(self._shown.dump(current)))
        session.expire_all()  # the service locks the row and reads it again
        self.values = self._read({**values, **self._body})
        return self.values, frozenset({version})


def apply_patch(read: Callable[[], MergePatch], view: Callable[[MergePatch], Result]) -> Result:
    """Call the view with the PATCH. For any version, call it again if another request has changed the resource.

    Raises ChangedMeanwhile.
    """
    for _ in range(MOST_TRIES):
        patch = read()
        try:
            return view(patch)
        except ChangedMeanwhile:
            if not patch.fits_any_version:
                raise
    raise ChangedMeanwhile


def merge_patch_reader(
    replacement: type[Schema], shown: type[Schema], lookups: Lookups | None
) -> Callable[[Any], MergePatch]:
    """Return the function that reads a PATCH body, for a resource with these schemas of PUT and response."""
    shared = replacement().fields.keys() & shown().fields.keys()
    whole, current = replacement(), shown(only=shared)
    return lambda body: MergePatch(
        body, current, lambda values: read_with_lookups(partial(whole.read, values), lookups)
    )


@cache
def patch_schema(replacement: type[Schema]) -> type[Schema]:
    """Return the schema that documents a PATCH: the fields of a PUT, none of them required."""
    doc: dict[str, Any] = {"__doc__": "Fields to replace. Fields that are not given stay unchanged."}
    optional = {name: _optional(field) for name, field in replacement().fields.items()}
    return type(_patch_name(replacement.__name__), (Schema,), {**doc, **optional})


def _patch_name(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return f"{name}Patch"


def _optional(field: fields.Field[Any]) -> fields.Field[Any]:
    optional = copy(field)
    optional.required = False
    optional.load_default = missing
    return optional
