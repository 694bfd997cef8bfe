"""Conversion of the cells of a row to lead fields, as `LeadIn` expects them. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.core.files.csv_cells import unescape_formula
from app.core.type_aliases import ColumnDict, JsonDict
from app.leads.capture.imports.typed_cells import DateOrder, InvalidCell, past_day, read_custom
from app.leads.capture.imports.value_lists import split_values
from app.leads.fields import CUSTOM_PREFIX, IMPORTED, LONGEST_EXTERNAL_ID, Form, Kind

UNKNOWN_STAGE: Final = "unknown_stage"  # the cell of a stage that the clinic does not have
OF_NEW_LEADS: Final = ("stage", UNKNOWN_STAGE, "record_id")  # fields that an import sets for a new lead only


@dataclass(frozen=True, slots=True)
class CellContext:
    """Lookups and options for reading cells. Names are in lower case."""

    date_order: DateOrder
    sources: Mapping[str, UUID]
    people: Mapping[str, UUID]
    former_people: Collection[str]  # users who no longer work on leads
    default_source: UUID | None
    today: date
    custom: Mapping[str, str]  # types of custom fields, by key
    stages: Mapping[str, str]  # slugs of the open stages, by name and by slug
    other_stages: Collection[str]  # names and slugs of closed and archived stages


def parse_row(cells: Mapping[str, str], context: CellContext) -> tuple[ColumnDict, dict[str, str]]:
    """Return the lead fields of `cells` (text by field), and errors by field. Empty cells are skipped."""
    lead: JsonDict = {}
    mistakes: dict[str, str] = {}
    for field, cell in cells.items():
        if not (text := unescape_formula(cell).strip()):
            continue
        try:
            if field.startswith(CUSTOM_PREFIX):
                key = field.removeprefix(CUSTOM_PREFIX)
                value = read_custom(text, context.custom.get(key), context.date_order)
                lead.setdefault("custom", {})[key] = value
            elif field in _CONVERTED:
                lead |= _read(field, text, context)
            else:
                lead[field] = text
        except InvalidCell as mistake:
            mistakes[field] = str(mistake)
    if "source_id" not in lead and "source" not in mistakes and context.default_source:
        lead["source_id"] = str(context.default_source)
    return lead, mistakes


def _read(field: str, text: str, context: CellContext) -> JsonDict:
    if field == "assigned_to" and text.lower() in context.former_people:
        return {}  # the rules for new leads choose
    if field in _NAMES:
        return {_NAMES[field][0]: str(_known(text, getattr(context, _NAMES[field][1])))}
    if field == "stage":
        return _stage(text, context)
    if field == "full_name":
        first, _, last = text.rpartition(" ")
        return {"first_name": first or last, "last_name": last}
    if field in _DAYS:
        return {field: past_day(text, context.date_order, context.today).isoformat()}
    return {field: _READ[field](text)}


_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "source": ("source_id", "sources"),
    "assigned_to": ("assigned_to_id", "people"),
}


def _known(text: str, names: Mapping[str, UUID]) -> UUID:
    if text.lower() not in names:
        raise InvalidCell("Not known in your clinic.")
    return names[text.lower()]


def _stage(text: str, context: CellContext) -> JsonDict:
    """Return the stage, or the name of one that the clinic does not have: other products have other stages."""
    if stage := context.stages.get(text.lower()):
        return {"stage": stage}
    if text.lower() in context.other_stages:
        raise InvalidCell("Not an open stage of your clinic.")
    return {UNKNOWN_STAGE: text}


def _record_id(text: str) -> str:
    if len(text) > LONGEST_EXTERNAL_ID:
        raise InvalidCell(f"Longer than {LONGEST_EXTERNAL_ID} characters.")
    return text


def _one_of(choices: Iterable[StrEnum]) -> Callable[[str], str]:
    known = {_plain(choice.value): choice.value for choice in choices}

    def read(text: str) -> str:
        if _plain(text) not in known:
            raise InvalidCell(f"Not one of {', '.join(known.values())}.")
        return known[_plain(text)]

    return read


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _list_of(read: Callable[[str], str]) -> Callable[[str], Sequence[str]]:
    return lambda text: [read(value) for value in split_values(text)]


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text.strip()):
        raise InvalidCell("Not a whole number such as 85.")
    return int(text)


def _money(text: str) -> str:
    if _NO_PLAIN_AMOUNT.search(text):
        raise InvalidCell("Not an amount such as 1250.00.")
    digits = re.sub(r"[^\d.,\-]", "", text)
    if re.fullmatch(r"\d{1,3}(\.\d{3})*,\d{1,2}|\d+,\d{1,2}", digits):  # 1.250,50
        digits = digits.replace(".", "").replace(",", ".")
    digits = digits.replace(",", "")
    if not re.fullmatch(r"\d+(\.\d{1,2})?", digits):
        raise InvalidCell("Not an amount such as 1250.00.")
    return digits


# A multiple (`5k`, `2 million`), a letter between digits (`5E3`, `2 to 3`), or a negative amount in parentheses.
_NO_PLAIN_AMOUNT: Final = re.compile(
    r"\d\s*(?:k|m|b|t|mn|mm|bn|tsd|mio|mrd|thousand|mill?ion|milliard)\b|\d[^\d]*[^\W\d_][^\d]*\d|^\W*\(", re.IGNORECASE
)
_READERS: Final[Mapping[Form, Callable[[Kind], Callable[[str], Any]]]] = {
    Form.CHOICE: lambda kind: _one_of(kind.options or ()),
    Form.CHOICES: lambda kind: _list_of(_one_of(kind.options or ())),
    Form.TAGS: lambda _: _list_of(str),
    Form.MONEY: lambda _: _money,
    Form.WHOLE: lambda _: _whole,
}
_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    **{name: _READERS[one.kind.form](one.kind) for name, one in IMPORTED.items() if one.kind.form in _READERS},
    "record_id": _record_id,
}
_DAYS: Final = frozenset(name for name, one in IMPORTED.items() if one.kind.form is Form.PAST_DAY)
_CONVERTED: Final = frozenset({*_NAMES, *_READ, *_DAYS, "stage", "full_name"})  # other fields are text as it is
