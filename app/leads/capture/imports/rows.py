"""The rows of a file as they are kept: sealed, for they hold people who may never become leads."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.security.encryption import place_of, seal_json, unseal_json


def row_of(import_id: UUID, position: int, number: int, cells: Sequence[str]) -> dict[str, Any]:
    """A row of `import_rows`."""
    sealed = seal_json(list(cells), place=_place(import_id, position))
    return {"import_id": import_id, "position": position, "number": number, "cells_sealed": sealed}


def cells_of(import_id: UUID, row: Any) -> list[str]:
    """What stood in the cells of a row with `position` and `cells_sealed`; nothing once it is forgotten."""
    if row.cells_sealed is None:
        return []
    cells: list[str] = unseal_json(row.cells_sealed, place=_place(import_id, row.position))
    return cells


def _place(import_id: UUID, position: int) -> str:
    return place_of("import_rows", "cells_sealed", import_id, position)
