"""List fields for up to 100,000 items, read without an object for each item."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from marshmallow import ValidationError, fields

from app.api.leads.schemas import LeadIn
from app.engine.jobs.models import MAX_ITEMS
from app.http.schemas.fields import Id, ListOf

MOST_MISTAKES: Final = 100  # reported per list

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class LeadIds(ListOf):
    """List of ids, validated as text, because the database parses them anyway."""

    def __init__(self, *, most: int = MAX_ITEMS, **options: object) -> None:
        super().__init__(Id(), least=1, most=most, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> list[Any]:
        ids = _list(value, self._most)
        _refuse((i for i, given in enumerate(ids) if not _is_id(given)), "Not a valid UUID.")
        return [given.lower() for given in ids]


class NewLeads(ListOf):
    """List of new leads. Workers validate each, so that an invalid lead does not stop the others."""

    def __init__(self, **options: object) -> None:
        super().__init__(fields.Nested(LeadIn), least=1, most=MAX_ITEMS, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> list[Any]:
        leads = _list(value, self._most)
        _refuse((i for i, given in enumerate(leads) if not isinstance(given, dict)), "Not an object.")
        return leads


def _list(value: object, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise ValidationError("Not a valid list.")
    if len(value) > most:
        raise ValidationError(f"At most {most:,} items.")
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _refuse(places: Iterable[int], why: str) -> None:
    if mistakes := {place: [why] for place in islice(places, MOST_MISTAKES)}:
        raise ValidationError(mistakes)
