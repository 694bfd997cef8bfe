"""Tables as CSV files."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import IO, Any

from app.core.files.csv_cells import disarmed


def write_csv(rows: Iterable[Sequence[Any]], to: IO[bytes]) -> None:
    """Write rows as CSV (RFC 4180) in UTF-8, with the mark by which spreadsheets know it."""
    text = TextIOWrapper(to, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([disarmed(cell_text(value)) for value in row])
    text.flush()
    text.detach()


def cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)
