"""Fast reading of the usual input of schema fields.

marshmallow calls about ten functions for each value. The functions here read the usual values of frequent fields with
the same result. They return `missing` for every other value, valid or not: then the field itself decides.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

from marshmallow import fields, missing

from app.core.validation.plain_values import LONGEST_EMAIL
from app.http.schemas.fields import PLAIN_EMAIL, UUID_LENGTH, Choice, Email, Id, Text

ReadPlain: TypeAlias = Callable[[object], Any]


def plain_reader(field: fields.Field[Any]) -> ReadPlain | None:
    """Return the function that reads usual values of a field, None if its class or its options have none."""
    build = _READERS.get(type(field))
    if build is None or field.pre_load or field.post_load:
        return None
    return build(field)


def _text_reader(field: fields.Field[Any]) -> ReadPlain | None:
    """Read stripped text without control characters. All of them, and more, are not printable."""
    if not isinstance(field, Text) or len(field.validators) != 1:
        return None
    least, most = field.least, field.most

    def read(value: object) -> Any:
        is_plain = type(value) is str and least <= len(value) <= most and value.isprintable()
        return value if is_plain and value.strip() == value else missing  # type: ignore[attr-defined]

    return read


def _email_reader(field: fields.Field[Any]) -> ReadPlain | None:
    if len(field.validators) != 1:
        return None
    matches = PLAIN_EMAIL.fullmatch

    def read(value: object) -> Any:
        return value if type(value) is str and len(value) <= LONGEST_EMAIL and matches(value) else missing

    return read


def _choice_reader(field: fields.Field[Any]) -> ReadPlain | None:
    if not isinstance(field, Choice) or len(field.validators) != 1:
        return None
    members = field.members

    def read(value: object) -> Any:
        return members.get(value, missing) if type(value) is str else missing

    return read


def _id_reader(field: fields.Field[Any]) -> ReadPlain | None:
    return None if field.validators else _read_id


def _read_id(value: object) -> Any:
    if type(value) is not str or len(value) != UUID_LENGTH:
        return missing
    try:
        return UUID(value)
    except ValueError:
        return missing


_READERS: Final[Mapping[type, Callable[[fields.Field[Any]], ReadPlain | None]]] = {
    Text: _text_reader,
    Email: _email_reader,
    Choice: _choice_reader,
    Id: _id_reader,
}
