"""Encryption of import rows, which hold personal data of people who may never become leads."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.core.type_aliases import ColumnDict
from app.security.encryption import decrypt_json, encrypt_json, encryption_context


def encrypted_row(import_id: UUID, position: int, number: int, cells: Sequence[str]) -> ColumnDict:
    """Return a row of `import_rows` with encrypted cells."""
    sealed = encrypt_json(list(cells), context=_place(import_id, position))
    return {"import_id": import_id, "position": position, "number": number, "cells_sealed": sealed}


def decrypted_cells(import_id: UUID, row: Any) -> list[str]:
    """Decrypt the cells of a row with `position` and `cells_sealed`. An erased row has no cells."""
    if row.cells_sealed is None:
        return []
    cells: list[str] = decrypt_json(row.cells_sealed, context=_place(import_id, row.position))
    return cells


def _place(import_id: UUID, position: int) -> str:
    return encryption_context("import_rows", "cells_sealed", import_id, position)
