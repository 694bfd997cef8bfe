"""The first sheet of an XLSX, row by row, without trust in what it unpacks to.

An XLSX is a ZIP of XML: a small one may unpack to what fills the memory, or holds a worker for minutes. So it is looked
at before openpyxl is: what is larger than the largest file of leads can honestly be is refused. In memory are a row,
and all texts that cells share, for those they name by number.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from app.errors import Invalid

MOST_UNPACKED: Final = 300_000_000  # bytes of all parts
# Of a part that is no trifle: XML shrinks to a twentieth, a bomb to a thousandth. Apache POI draws the line there, too.
MOST_SHRUNK, TRIFLE = 100, 1_000_000
# What takes the time is tags, some microseconds each: a shared text has four, a cell three to five.
MOST_TAGS: Final = 12_000_000
MOST_TAGS_SHARED: Final = 4_000_000
LAST_ROW: Final = 1_048_576  # as in Excel; openpyxl makes up all rows before one that says it is the billionth
SHARED: Final = "sharedstrings.xml"
# What is raised for a workbook that is none, wherever in it that shows; RuntimeError where it is locked.
BROKEN: Final = (
    *(InvalidFileException, zipfile.BadZipFile, zlib.error, SyntaxError, ArithmeticError, AttributeError, EOFError),
    *(LookupError, OSError, TypeError, ValueError, RuntimeError),
)
_PIECE: Final = 65_536


def rows_of_workbook(content: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows of the first sheet: their numbers, from 1, and the values of their cells, None for empty ones.

    Raises Invalid where a workbook is too large, and one of BROKEN where it is none.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        _refuse_bombs(packed)
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        yield from enumerate(book.worksheets[0].iter_rows(values_only=True, max_row=LAST_ROW), start=1)
    finally:
        book.close()


def _refuse_bombs(packed: zipfile.ZipFile) -> None:
    parts = packed.infolist()
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise _too_large()
    for part in parts:
        if part.file_size > TRIFLE:
            most = MOST_TAGS_SHARED if part.filename.lower().endswith(SHARED) else MOST_TAGS
            if part.file_size > MOST_SHRUNK * part.compress_size or _tags_of(packed, part) > most:
                raise _too_large()


def _tags_of(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> int:
    """Counted without parsing, in a fiftieth of the time; in any encoding each has a `<`."""
    with packed.open(part) as file:
        return sum(piece.count(b"<") for piece in iter(lambda: file.read(_PIECE), b""))


def _too_large() -> Invalid:
    return Invalid.at("", "The file unpacks to more than 100,000 leads need; split it, or send it as CSV.")
