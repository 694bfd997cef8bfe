"""XLSX files."""

from collections.abc import Iterable, Sequence
from typing import IO, Any, Final, NamedTuple

import xlsxwriter

from app.core.files.csv_files import cell_text

LONGEST_CELL: Final = 32_767  # characters; Excel's limit
_OPTIONS: Final = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


class Sheet(NamedTuple):
    """A sheet of a workbook: its name, and its rows. Numbers stay numbers; all other values are text."""

    name: str
    rows: Iterable[Sequence[Any]]


def write_xlsx(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as a workbook with one sheet. Every cell is text: formulas and links stay plain text."""
    book = xlsxwriter.Workbook(to, _OPTIONS)
    sheet = book.add_worksheet()
    for place, row in enumerate(rows):
        for column, text in enumerate(map(cell_text, row)):
            if text:
                sheet.write_string(place, column, text[:LONGEST_CELL])
    book.close()


def write_workbook(sheets: Iterable[Sheet], to: IO[bytes]) -> None:
    """Write a workbook with numbers. Text is never a formula or a link."""
    book = xlsxwriter.Workbook(to, _OPTIONS)
    for one in sheets:
        sheet = book.add_worksheet(one.name)
        for place, row in enumerate(one.rows):
            for column, value in enumerate(row):
                _write_cell(sheet, (place, column), value)
    book.close()


def _write_cell(sheet: Any, place: tuple[int, int], value: object) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        sheet.write_number(*place, value)
    elif text := cell_text(value):
        sheet.write_string(*place, text[:LONGEST_CELL])
