"""Showing things along with those that they name: `expand=lead,assigned_to`."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session


def with_parts(
    session: Session, rows: Iterable[Mapping[str, Any]], parts: Mapping[str, tuple[str, Any]]
) -> list[dict[str, Any]]:
    """The rows, each by its names, with what they name.

    `parts` are for each part the column that names it, and the Select that it is read by. One query for each part,
    however many rows; each select has an `id`, and is narrowed to those that are named. What
    is not found, or not named, is None.
    """
    shown = [dict(row) for row in rows]
    for part, (column, read) in parts.items():
        found = _named(session, read, {one[column] for one in shown if one[column]})
        for one in shown:
            one[part] = found.get(one[column])
    return shown


def _named(session: Session, read: Any, ids: set[UUID]) -> dict[UUID, dict[str, Any]]:
    if not ids:
        return {}
    id_column = read.selected_columns["id"]
    return {row["id"]: dict(row) for row in session.execute(read.where(id_column.in_(ids))).mappings()}
