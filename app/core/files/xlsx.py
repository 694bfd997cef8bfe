"""Tables as files that people open in a spreadsheet: CSV, and XLSX."""

from collections.abc import Iterable, Sequence
from typing import IO, Any, Final

import xlsxwriter

from app.core.files.csv_files import cell_text

LONGEST_CELL: Final = 32_767  # characters, of a spreadsheet's cell


def write_xlsx(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as a workbook of one sheet. Every cell is text: nothing in it is calculated or guessed at."""
    book = xlsxwriter.Workbook(to, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for place, row in enumerate(rows):
        for column, text in enumerate(map(cell_text, row)):
            if text:
                sheet.write_string(place, column, text[:LONGEST_CELL])
    book.close()
