"""Checks of a body against the database, beside those of its schema, so that one response has every error."""

from collections.abc import Callable
from functools import partial
from typing import NoReturn, TypeAlias, TypeVar

from flask import request

from app.core.type_aliases import JsonObject
from app.core.validation.check_all import InvalidFields, with_errors_of
from app.errors import Invalid
from app.http.access import actor, reading

Result = TypeVar("Result")


# A check of a body against the database, which the service makes too: `(session, actor, data, **path parameters)`. If
# some fields are invalid, `data` is a `ValidFields`. Raises Invalid; other domain errors are ignored.
Lookups: TypeAlias = Callable[..., object]


def read_with_lookups(read: Callable[[], Result], lookups: Lookups | None) -> Result:
    """Read a body. Raises Invalid with the errors of its fields, and those that the lookups find in other fields."""
    if lookups is None:
        return read()
    try:
        return read()
    except InvalidFields as found:
        _raise_all(found, lookups, found.valid)


def call_with_lookups(view: Callable[[], Result], lookups: Lookups | None, data: Callable[[], JsonObject]) -> Result:
    """Call a view. If it raises Invalid, which is often its first error only, add what the lookups find in its data."""
    if lookups is None:
        return view()
    try:
        return view()
    except Invalid as found:
        if type(found) is not Invalid or not (given := data()):  # a class of its own has a code of its own
            raise
        _raise_all(found, lookups, given)


def _raise_all(found: Invalid, lookups: Lookups, data: JsonObject) -> NoReturn:
    with reading() as session:
        check = partial(lookups, session, actor(), data, **(request.view_args or {}))
        raise with_errors_of(check, found) from None
