"""XLSX files."""

from collections.abc import Iterable, Sequence
from typing import IO, Any, Final

import xlsxwriter

from app.core.files.csv_files import cell_text

LONGEST_CELL: Final = 32_767  # characters; Excel's limit


def write_xlsx(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as a workbook with one sheet. Every cell is text: formulas and links stay plain text."""
    book = xlsxwriter.Workbook(to, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for place, row in enumerate(rows):
        for column, text in enumerate(map(cell_text, row)):
            if text:
                sheet.write_string(place, column, text[:LONGEST_CELL])
    book.close()
