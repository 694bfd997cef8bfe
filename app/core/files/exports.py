"""Files of rows for download: CSV or XLSX, complete before the response starts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from tempfile import TemporaryFile
from typing import IO, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import AnySelect
from app.core.files.csv_files import write_csv
from app.core.files.xlsx import write_xlsx
from app.errors import Conflict

MOST_ROWS: Final = 100_000
BATCH_SIZE: Final = 1000  # rows in memory


class FileFormat(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


CONTENT_TYPES: Final[Mapping[FileFormat, str]] = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_WRITERS: Final[Mapping[FileFormat, Callable[[Iterable[Sequence[object]], IO[bytes]], None]]] = {
    FileFormat.CSV: write_csv,
    FileFormat.XLSX: write_xlsx,
}


class TooMuchToExport(Conflict):
    """A file has at most 100,000 rows: narrow the filters."""


def write_file(file_format: FileFormat, rows: Iterable[Sequence[object]]) -> IO[bytes]:
    """Return a temporary file with the rows, positioned at its start. The caller closes it.

    The file is complete before the response starts. So no transaction waits for a slow download.
    """
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115  (the caller closes it)
    try:
        _WRITERS[file_format](rows, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def require_row_limit(session: Session, rows: AnySelect) -> None:
    """Check the number of rows of a statement before writing them. Raises TooMuchToExport."""
    some = rows.order_by(None).limit(MOST_ROWS + 1).subquery()
    if session.scalars(select(func.count()).select_from(some)).one() > MOST_ROWS:
        raise TooMuchToExport
