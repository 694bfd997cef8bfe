"""Expansion of related objects: `expand=lead,assigned_to`."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.db import is_among
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict


def expand_rows(
    session: Session, rows: Iterable[ColumnValues], parts: Mapping[str, tuple[str, Any]]
) -> list[ColumnDict]:
    """Return the rows as dicts, with their related objects added.

    `parts` maps each part to the id column in the rows and a Select with a column `id`. There is one query per part,
    limited to the ids in the rows. A part that is missing or not found is None.
    """
    shown = [dict(row) for row in rows]
    for part, (column, read) in parts.items():
        found = _named(session, read, {one[column] for one in shown if one[column]})
        for one in shown:
            one[part] = found.get(one[column])
    return shown


def _named(session: Session, read: Any, ids: set[UUID]) -> dict[UUID, JsonDict]:
    if not ids:
        return {}
    wanted = read.where(is_among(read.selected_columns["id"], list(ids)))
    return {row["id"]: dict(row) for row in session.execute(wanted).mappings()}
