"""A table that somebody sends, row by row: CSV in the encodings that spreadsheets write, and XLSX.

Nothing here holds more than a row: a file of 100,000 rows takes no more memory than one of ten.
"""

import codecs
import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from itertools import islice
from typing import Any, Final

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from app.errors import Invalid

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 10_000  # characters
MOST_UNPACKED: Final = 300_000_000  # bytes of an XLSX, which is a ZIP: a small one may unpack to fill a disk
DELIMITERS: Final = ",;\t|"
_SAMPLE: Final = 16_384

# What openpyxl raises for a workbook that is none, wherever in it that shows.
BROKEN: Final = (
    *(InvalidFileException, zipfile.BadZipFile, zlib.error, SyntaxError, ArithmeticError, AttributeError, EOFError),
    *(LookupError, OSError, TypeError, ValueError, NotImplementedError),
)

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileKind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file has to be read."""

    kind: FileKind
    columns: tuple[str, ...]  # as the first row names them
    encoding: str | None = None  # of a CSV
    delimiter: str | None = None


Row = tuple[int, Sequence[str]]  # its number in the sheet (the first row is 1), and its cells


def shape_of(content: bytes, kind: FileKind) -> Shape:
    """Find out how to read a file, and what its columns are called. Raises Invalid."""
    encoding = _encoding_of(content) if kind is FileKind.CSV else None
    delimiter = _delimiter_of(content, encoding) if encoding else None
    for _, cells in _rows(content, Shape(kind, (), encoding, delimiter)):
        return Shape(kind, _names(cells), encoding, delimiter)
    raise _unreadable("There is nothing in the file.")


def rows_of(content: bytes, shape: Shape) -> Iterator[Row]:
    """The rows below the names, without empty ones. Raises Invalid where the file breaks off or is too long."""
    rows = islice(_rows(content, shape), 1, None)
    for count, (number, cells) in enumerate(rows, start=1):
        if count > MOST_ROWS:
            raise _unreadable(f"At most {MOST_ROWS:,} rows; split the file.")
        yield number, cells


def _rows(content: bytes, shape: Shape) -> Iterator[Row]:
    rows = _rows_of_csv(content, shape) if shape.kind is FileKind.CSV else _rows_of_xlsx(content)
    for number, cells in rows:
        if any(cells):
            if len(cells) > MOST_COLUMNS:
                raise _unreadable(f"Row {number} has more than {MOST_COLUMNS} columns.")
            if any("\0" in cell for cell in cells):
                raise _unreadable(f"Row {number} holds what is no text.")
            yield number, cells


def _rows_of_csv(content: bytes, shape: Shape) -> Iterator[Row]:
    text = io.TextIOWrapper(io.BytesIO(content), encoding=shape.encoding, newline="")
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(text, delimiter=shape.delimiter or ",", strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, [cell.strip() for cell in cells]
    except (csv.Error, UnicodeError) as mistake:
        raise _unreadable(f"Row {number + 1} cannot be read: {mistake}.") from None


def _rows_of_xlsx(content: bytes) -> Iterator[Row]:
    _refuse_bombs(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except BROKEN as mistake:
        raise _unreadable("This is no XLSX file.") from mistake
    number = 0
    try:
        for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            yield number, _trimmed([_as_text(cell) for cell in cells])
    except BROKEN as mistake:
        raise _unreadable(f"Row {number + 1} cannot be read.") from mistake
    finally:
        book.close()


def _refuse_bombs(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
    except zipfile.BadZipFile:
        raise _unreadable("This is no XLSX file.") from None
    if unpacked > MOST_UNPACKED:
        raise _unreadable("The file unpacks to more than 300 MB; split it.")


def _encoding_of(content: bytes) -> str:
    """By its mark; else UTF-8 where it can be that; else what Windows writes in the West."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    if b"\0" in content[:_SAMPLE]:
        raise _unreadable("The file is no text, or UTF-16 without its mark.")
    return next((encoding for encoding in ("utf-8", "cp1252") if _can_be(content, encoding)), "latin-1")


def _can_be(content: bytes, encoding: str) -> bool:
    try:
        for _ in codecs.iterdecode((content[i : i + _SAMPLE] for i in range(0, len(content), _SAMPLE)), encoding):
            pass
    except UnicodeError:
        return False
    return True


def _delimiter_of(content: bytes, encoding: str) -> str:
    """What the first line has most of, outside of quotes."""
    sample = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors="replace").read(_SAMPLE)
    line = next((line for line in sample.splitlines() if line.strip()), "")
    outside = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    """Each column's own name: those that are missing or there twice get a number."""
    names: list[str] = []
    for place, cell in enumerate(cells, start=1):
        name = cell[:100] or f"Column {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return tuple(names)


def _as_text(cell: Any) -> str:
    """What a person sees in the cell, more or less: dates in ISO, whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)[: LONGEST_CELL + 1].strip()


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _unreadable(message: str) -> Invalid:
    return Invalid.at("", message)
