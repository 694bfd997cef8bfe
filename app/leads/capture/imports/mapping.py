"""Guess of the lead field for each column of a file, for the user to correct."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from rapidfuzz import fuzz, process

from app.leads.fields import IMPORTED

PHONES: Final = ("phone", "phone_alt")
SURE_ENOUGH: Final = 88  # of 100; a column below this stays unmapped


def guess_mapping(columns: Sequence[str], custom: Collection[str] = ()) -> dict[str, str]:
    """Return the most likely field by column. Unlikely columns are left out; each field appears once.

    `custom`: names of the clinic's custom fields, such as `custom.braces`. They are found by this name only.
    """
    found = [(score, column, field) for column in columns if (match := _best(column)) for field, score in [match]]
    mapping = {column: column for column in columns if column in custom} | _phones(found)
    for _, column, field in sorted(found, key=lambda one: -one[0]):
        if field not in mapping.values() and column not in mapping:
            mapping[column] = field
    return {column: mapping[column] for column in columns if column in mapping}


def _phones(found: Sequence[tuple[float, str, str]]) -> dict[str, str]:
    """Return the fields of up to two columns of phone numbers: the only one is the first phone, whatever its name."""
    by_score = sorted(found, key=lambda one: -one[0])
    first, second = ([column for _, column, field in by_score if field == name] for name in PHONES)
    chosen = [*first[:1], *second, *first[1:]]
    return dict(zip(chosen, PHONES, strict=False))


def _best(column: str) -> tuple[str, float] | None:
    plain = _plain(column)
    if plain in _FIELDS:
        return _FIELDS[plain], 100.0
    if plain.startswith(_OTHER):
        return None
    match = process.extractOne(plain, _FIELDS.keys(), scorer=fuzz.ratio, score_cutoff=SURE_ENOUGH)
    return (_FIELDS[match[0]], match[1]) if match else None


def _plain(words: str) -> str:
    return re.sub(r"[\W_]+", " ", words.lower()).strip()


# A column of these words means something else, though its name is alike: of a company, or of other words than numbers.
_OTHER: Final = ("organization", "organisation", "organización", "rating")
_FIELDS: Final = {_plain(heading): name for name, field in IMPORTED.items() for heading in (name, *field.headings)}
