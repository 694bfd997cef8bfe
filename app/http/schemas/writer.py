"""Serialization of objects, prepared once for each response schema.

A page of 50 leads has 3,500 values, and most of them need no conversion. So one call reads all required values of an
object, and only fields that convert their values cost a call each.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import orjson
from marshmallow import fields, missing

from app.core.type_aliases import JsonDict
from app.http.schemas.fields import PASSED_THROUGH, Instant

AnyField: TypeAlias = fields.Field[Any]
Convert: TypeAlias = Callable[[Any, str | None, Any], object]  # value, name of the attribute, object
Read: TypeAlias = Callable[[Any], tuple[Any, ...]]
_UTC_ZONES: Final = frozenset({UTC, ZoneInfo("UTC")})

encode_json: Final = partial(orjson.dumps, option=orjson.OPT_UTC_Z)  # of what a schema dumps


class Writer:
    """Writes objects and mappings as dicts for `encode_json`. Attributes that an object lacks are left out."""

    def __init__(self, dump_fields: Mapping[str, AnyField]) -> None:
        written = {field.data_key or name: field for name, field in dump_fields.items()}
        read = {key: field for key, field in written.items() if field._CHECK_ATTRIBUTE}  # noqa: SLF001
        names = {field.data_key or name: field.attribute or name for name, field in dump_fields.items()}
        self._required = {key: names[key] for key, field in read.items() if field.required}
        self._optional = {key: names[key] for key in read if key not in self._required}
        self._items = _all_at_once(itemgetter, [*self._required.values()])
        self._attributes = _all_at_once(attrgetter, [*self._required.values()])
        self._instants = [key for key, field in read.items() if type(field) is Instant]
        self._converted = [(key, names[key], to) for key, field in read.items() if (to := _conversion(field))]
        self._computed = {key: field._serialize for key, field in written.items() if key not in read}  # noqa: SLF001

    def write(self, obj: Any) -> JsonDict:
        """Return the object as a dict."""
        if type(obj) is dict or isinstance(obj, Mapping):
            found = self._read(obj, self._items, obj.get)
        else:
            found = self._read(obj, self._attributes, partial(getattr, obj))
        for key in self._instants:
            if (value := found.get(key)) is not None and value.tzinfo not in _UTC_ZONES:
                found[key] = value.astimezone(UTC)
        for key, name, convert in self._converted:
            if (value := found.get(key)) is not None:
                found[key] = convert(value, name, obj)
        for key, compute in self._computed.items():
            found[key] = compute(None, None, obj)
        return found

    def _read(self, obj: Any, read_required: Read, find: Callable[[str, object], object]) -> JsonDict:
        try:
            found = dict(zip(self._required, read_required(obj), strict=True))
        except (KeyError, AttributeError):
            found = _present(self._required, find)
        return found | _present(self._optional, find)


def _present(names: Mapping[str, str], find: Callable[[str, object], object]) -> JsonDict:
    return {key: value for key, name in names.items() if (value := find(name, missing)) is not missing}


def _all_at_once(getter: Callable[..., Any], names: list[str]) -> Read:
    """Return a function that reads all these names of an object, as a tuple."""
    if len(names) > 1:
        read: Read = getter(*names)
        return read
    return lambda obj: tuple(getter(name)(obj) for name in names)


def _conversion(field: AnyField) -> Convert | None:
    """Return the function that converts the values of a field; None if the JSON encoder writes them unchanged."""
    if type(field) in PASSED_THROUGH or type(field) is Instant:
        return None
    if type(field) is fields.List:
        return _list_conversion(field)
    return field._serialize  # noqa: SLF001


def _list_conversion(field: fields.List[Any]) -> Convert:
    inner = field.inner
    if type(inner) in PASSED_THROUGH:
        return lambda values, *_: values if type(values) is list else list(values)
    if type(inner) is fields.Nested and not inner.many:
        return lambda values, *_: inner.schema.dump(values, many=True)
    return field._serialize  # noqa: SLF001
