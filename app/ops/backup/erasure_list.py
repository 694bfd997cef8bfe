"""The file that `relance erasures list` writes: the ids of erased leads."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from app.errors import RelanceError


class UnreadableList(RelanceError):
    """The file is no list of erasures."""


def read_erasures(file: Path) -> list[UUID]:
    """Return the ids of the leads in the file. Raises UnreadableList."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise UnreadableList(f"{file}: not a list that `relance erasures list` wrote") from None
    return list(_lead_ids(file, lines))


def _lead_ids(file: Path, lines: list[str]) -> Iterator[UUID]:
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                yield UUID(json.loads(line)["lead_id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UnreadableList(f"{file}, line {number}: not a line of `relance erasures list`") from None
