"""Row-by-row reader for uploaded tables: CSV in the encodings that spreadsheets write, and XLSX.

A CSV is read one row at a time, so memory does not grow with its length. For XLSX see `workbook`.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final

from app.errors import Invalid
from app.leads.capture.imports.workbook import BROKEN, rows_of_workbook

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 10_000  # characters
DELIMITERS: Final = ",;\t|"
_SAMPLE: Final = 16_384

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileKind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


Row = tuple[int, Sequence[str]]  # row number in the sheet (from 1), and its cells


@dataclass(frozen=True, slots=True)
class Table:
    """Open file, read up to its header row."""

    kind: FileKind
    encoding: str | None  # of a CSV
    columns: tuple[str, ...]  # from the first row
    rows: Iterator[Row]  # non-empty rows, one pass; raises Invalid (malformed or too long)


def open_table(content: bytes, kind: FileKind) -> Table:
    """Detect the encoding and read the header row. Raises Invalid."""
    encoding = _encoding_of(content) if kind is FileKind.CSV else None
    rows = _filled(_rows_of_csv(content, encoding) if encoding else _rows_of_xlsx(content))
    for _, cells in rows:
        return Table(kind, encoding, _names(cells), _not_too_many(rows))
    raise _unreadable("The file is empty.")


def _not_too_many(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count > MOST_ROWS:
            raise _unreadable(f"At most {MOST_ROWS:,} rows; split the file.")
        yield row


def _filled(rows: Iterator[Row]) -> Iterator[Row]:
    for number, cells in rows:
        if any(cells):
            if len(cells) > MOST_COLUMNS:
                raise _unreadable(f"Row {number} has more than {MOST_COLUMNS} columns.")
            if any("\0" in cell for cell in cells):
                raise _unreadable(f"Row {number} contains bytes that are not text.")
            yield number, cells


def _rows_of_csv(content: bytes, encoding: str) -> Iterator[Row]:
    text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    csv.field_size_limit(LONGEST_CELL)
    delimiter = _delimiter_of(content, encoding)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if number > 1 or not _names_delimiter(delimiter.join(cells)):
                yield number, [cell.strip() for cell in cells]
    except (csv.Error, UnicodeError) as mistake:
        raise _unreadable(f"Row {number + 1} cannot be read: {mistake}.") from None


def _rows_of_xlsx(content: bytes) -> Iterator[Row]:
    number = 0
    try:
        for number, cells in rows_of_workbook(content):
            yield number, _trimmed([_as_text(cell) for cell in cells])
    except BROKEN as mistake:
        message = f"Row {number + 1} cannot be read." if number else "This is not an XLSX file."
        raise _unreadable(message) from mistake


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _encoding_of(content: bytes) -> str:
    """Return the encoding by byte order mark, else UTF-8 if valid, else Windows-1252 (Latin-1 if invalid)."""
    for bom, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(bom):
            return encoding
    if b"\0" in content[:_SAMPLE]:
        raise _unreadable("The file is not text, or it is UTF-16 without a byte order mark.")
    return next((encoding for encoding in ("utf-8", "cp1252") if _can_be(content, encoding)), "latin-1")


def _can_be(content: bytes, encoding: str) -> bool:
    try:
        for _ in codecs.iterdecode((content[i : i + _SAMPLE] for i in range(0, len(content), _SAMPLE)), encoding):
            pass
    except UnicodeError:
        return False
    return True


def _delimiter_of(content: bytes, encoding: str) -> str:
    """Return the delimiter that the first line names, else the most frequent one in it, outside of quotes."""
    sample = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors="replace").read(_SAMPLE)
    line = next((line for line in sample.splitlines() if line.strip()), "")
    if named := _names_delimiter(line):
        return named
    outside = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _names_delimiter(line: str) -> str | None:
    """Return the delimiter of a line such as `sep=;`, which programs write above the header row for Excel."""
    found = re.fullmatch(f"sep=([{DELIMITERS}]) *", line, re.IGNORECASE)
    return found[1] if found else None


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    """Return unique column names; missing and repeated names get a number."""
    names: list[str] = []
    for place, cell in enumerate(cells, start=1):
        name = cell[:100] or f"Column {place}"
        while name in names:  # the name with the number may be that of an earlier column
            name = f"{name} ({place})"
        names.append(name)
    return tuple(names)


def _as_text(cell: object) -> str:
    """Return the cell as text: ISO dates, whole numbers without a decimal point."""
    if cell is None:
        return ""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)[: LONGEST_CELL + 1].strip()


def _unreadable(message: str) -> Invalid:
    return Invalid.at("", message)
