"""Keyset pagination: a page begins after the last row of the page before, which an index finds at any depth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import QueryableAttribute

from app.core.cursors import read_cursor, write_cursor
from app.core.ports import Port

LARGEST_LIMIT: Final = 200

Key = tuple[QueryableAttribute[Any], Literal["asc", "desc"]]

# Ports: (model, rows) -> rows with their encrypted fields decrypted; (session, model, rows) -> a read in the audit log.
decrypt_rows: Port[[Any, Iterable[Any]], Sequence[Any]] = Port("pagination.decrypt_rows")
note_read: Port[[Session, Any, Sequence[Any]], None] = Port("pagination.note_read")


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list, in its order, and the cursor of the next page: None after the last."""

    items: Sequence[Any]
    next_cursor: str | None
    total_count: int | None = None  # of the whole list; counted on request only


def page(session: Session, statement: Select[Any], keys: Sequence[Key], query: Mapping[str, Any]) -> Page:
    """Return one page of `statement` (of one entity, or of columns), ordered by `keys`.

    `keys` are columns of the result that are never null, the last one unique. An index serves them only if all have
    the same direction. `query` has limit, cursor and wants_total, as `PageQuery` reads them. It is one query without an
    offset; rows are counted only if wants_total is true. Raises Invalid for a cursor of another list.
    """
    return page_of_parts(session, [statement], keys, query)


def page_of_parts(
    session: Session,
    parts: Sequence[Select[Any]],
    keys: Sequence[Key],
    query: Mapping[str, Any],
    *,
    of_each: Sequence[Sequence[Key]] | None = None,
) -> Page:
    """Return one page of several disjoint statements (of columns), in one order and in one query.

    Use it for lists of which each part has an index, but not the whole. `of_each` has the keys of each part where these
    are columns of different tables. Raises Invalid for a cursor of another list.
    """
    limit = min(query["limit"], LARGEST_LIMIT)
    ordered = list(zip(parts, of_each or [keys] * len(parts), strict=True))
    wanted = ordered
    if cursor := query.get("cursor"):
        types = [column.type.python_type for column, _ in keys]
        last = read_cursor(_order(keys), types, cursor)
        wanted = [(part.where(_after(own, last)), own) for part, own in ordered]
    total = sum(_count(session, part) for part in parts) if query.get("wants_total") else None
    items = _fetch(session, _in_order(wanted, most=limit + 1), _model(keys))
    return _page(session, items, keys, limit, total=total)


def first_pages(session: Session, parts: Sequence[tuple[Select[Any], Sequence[Key]]], limit: int) -> list[Page]:
    """Return the first page of each of several statements (of the same columns), in one query."""
    first = [
        part.add_columns(literal(place).label("part")).order_by(*ordered_by(keys)).limit(limit + 1)
        for place, (part, keys) in enumerate(parts)
    ]
    pages: list[list[Any]] = [[] for _ in parts]
    for row in session.execute(select(union_all(*first).subquery())):
        pages[row.part].append(row)
    for rows, (_, keys) in zip(pages, parts, strict=True):  # what is put together has no order of its own
        rows.sort(key=lambda row: [getattr(row, column.key) for column, _ in keys], reverse=keys[0][1] == "desc")
    return [_page(session, rows, keys, limit) for rows, (_, keys) in zip(pages, parts, strict=True)]


def _page(session: Session, items: Sequence[Any], keys: Sequence[Key], limit: int, *, total: int | None = None) -> Page:
    """Cut the page from one row more than fits on it, and note in the audit log that it was read."""
    more, items = len(items) > limit, items[:limit]
    note_read(session, _model(keys), items)
    return Page(items, cursor_after(keys, items[-1]) if more else None, total)


def _model(keys: Sequence[Key]) -> Any:
    return keys[-1][0].class_


def _in_order(parts: Sequence[tuple[Select[Any], Sequence[Key]]], *, most: int) -> Select[Any]:
    first = [part.order_by(*ordered_by(own)).limit(most) for part, own in parts]
    if len(first) == 1:
        return first[0]
    together = union_all(*first).subquery()
    keys: Any = [(together.c[column.key], way) for column, way in parts[0][1]]
    return select(together).order_by(*ordered_by(keys)).limit(most)


def ordered_by(keys: Sequence[Key]) -> list[ColumnElement[Any]]:
    """Return the ORDER BY expressions of the keys."""
    return [column.asc() if way == "asc" else column.desc() for column, way in keys]


def cursor_after(keys: Sequence[Key], item: Any) -> str:
    """Return the cursor of a list ordered by `keys` that begins after this item."""
    return write_cursor(_order(keys), [getattr(item, column.key) for column, _ in keys])


def _order(keys: Sequence[Key]) -> str:
    return ",".join(f"{column.key} {way}" for column, way in keys)


def _count(session: Session, statement: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def _fetch(session: Session, statement: Select[Any], model: Any) -> Sequence[Any]:
    found = session.execute(statement)
    if len(statement.column_descriptions) == 1:
        return found.scalars().all()
    return decrypt_rows(model, found) if "sealed" in found.keys() else found.all()  # noqa: SIM118  (no dict)


def _after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    ways = {way for _, way in keys}
    if len(ways) > 1:
        return _after_mixed(keys, values)
    columns = [column for column, _ in keys]
    row, bound = tuple_(*columns), tuple_(*values, types=[column.type for column in columns])
    return row > bound if ways == {"asc"} else row < bound


def _after_mixed(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """`a > x or (a = x and b < y) or ...`: right in any order, but an index serves the first key only."""
    return or_(
        *(
            and_(
                *(same == at for (same, _), at in zip(keys[:i], values[:i], strict=True)),
                column > value if way == "asc" else column < value,
            )
            for i, ((column, way), value) in enumerate(zip(keys, values, strict=True))
        )
    )
