"""CSV files."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import IO, Any

from app.core.files.csv_cells import escape_formula


def write_csv(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as CSV (RFC 4180) in UTF-8 with a byte order mark, so that spreadsheets detect the encoding."""
    text = TextIOWrapper(to, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    text.flush()
    text.detach()


def _cell(value: object) -> str:
    """Return the text of a cell. Negative numbers are no formulas."""
    return str(value) if isinstance(value, int | float) else escape_formula(cell_text(value))


def cell_text(value: object) -> str:
    """Return the text of a cell. None is empty; datetimes are in UTC (RFC 3339); lists are joined with commas."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)
