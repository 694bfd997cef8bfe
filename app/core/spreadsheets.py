"""Tables as files that people open in a spreadsheet: CSV, and XLSX."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import IO, Any, Final

import xlsxwriter

LONGEST_CELL: Final = 32_767  # characters, of a spreadsheet's cell
_ACTIVE = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet would calculate, and what is written to look like that
_SUSPICIOUS: Final = frozenset("'=+-@\t\r")  # first characters
_DISARMED = re.compile(r"'+[=+\-@\t\r]")


def disarmed(text: str) -> str:
    """The text of a cell, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in _SUSPICIOUS and _ACTIVE.match(text) else text


def armed(cell: str) -> str:
    """What `disarmed` made the cell of: `+12125550143` of `'+12125550143`."""
    return cell[1:] if _DISARMED.match(cell) else cell


def write_csv(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as CSV (RFC 4180) in UTF-8, with the mark by which spreadsheets know it."""
    text = TextIOWrapper(to, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([disarmed(_text(value)) for value in row])
    text.flush()
    text.detach()


def write_xlsx(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as a workbook of one sheet. Every cell is text: nothing in it is calculated or guessed at."""
    book = xlsxwriter.Workbook(to, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for place, row in enumerate(rows):
        for column, text in enumerate(map(_text, row)):
            if text:
                sheet.write_string(place, column, text[:LONGEST_CELL])
    book.close()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)
