"""Keyset pagination: each page starts after the last row of the previous page, so an index serves any depth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import QueryableAttribute

from app.core.cursors import read_cursor, write_cursor
from app.core.db import AnySelect
from app.core.ports import Port
from app.core.type_aliases import JsonObject

LARGEST_LIMIT: Final = 200

Key = tuple[QueryableAttribute[Any], Literal["asc", "desc"]]

# Ports: (model, rows) -> rows with decrypted fields; (session, model, rows) -> note the read in the audit log.
decrypt_rows: Port[[Any, Iterable[Any]], Sequence[Any]] = Port("pagination.decrypt_rows")
note_read: Port[[Session, Any, Sequence[Any]], None] = Port("pagination.note_read")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `next_cursor` is None on the last page."""

    items: Sequence[Any]
    next_cursor: str | None
    total_count: int | None = None  # of the whole list; counted only on request


def page(session: Session, statement: AnySelect, keys: Sequence[Key], query: JsonObject) -> Page:
    """Return one page of `statement` (of one entity, or of columns), ordered by `keys`.

    `keys` are columns of the result that are never null; the last one is unique. An index serves them only if all have
    the same direction. `query` has `limit`, `cursor` and `wants_total`, as `PageQuery` reads them. The page takes one
    query without OFFSET. Rows are counted only if `wants_total` is true. Raises Invalid for a cursor of another list.
    """
    return page_of_parts(session, [statement], keys, query)


def page_of_parts(
    session: Session,
    parts: Sequence[AnySelect],
    keys: Sequence[Key],
    query: JsonObject,
    *,
    of_each: Sequence[Sequence[Key]] | None = None,
) -> Page:
    """Return one page of several disjoint statements (of columns), in one order and in one query.

    Use it for lists where an index serves each part, but not the union. `of_each` has the keys of each part if these
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


def first_pages(session: Session, parts: Sequence[tuple[AnySelect, Sequence[Key]]], limit: int) -> list[Page]:
    """Return the first page of each statement (all with the same columns), in one query."""
    first = [
        part.add_columns(literal(place).label("part")).order_by(*ordered_by(keys)).limit(limit + 1)
        for place, (part, keys) in enumerate(parts)
    ]
    pages: list[list[Any]] = [[] for _ in parts]
    for row in session.execute(select(union_all(*first).subquery())):
        pages[row.part].append(row)
    for rows, (_, keys) in zip(pages, parts, strict=True):  # UNION ALL does not keep the order
        rows.sort(key=lambda row: [getattr(row, column.key) for column, _ in keys], reverse=keys[0][1] == "desc")
    return [_page(session, rows, keys, limit) for rows, (_, keys) in zip(pages, parts, strict=True)]


def _page(
    session: Session, items: Sequence[object], keys: Sequence[Key], limit: int, *, total: int | None = None
) -> Page:
    """Build the page from `limit` + 1 rows, and note the read in the audit log."""
    more, items = len(items) > limit, items[:limit]
    note_read(session, _model(keys), items)
    return Page(items, cursor_after(keys, items[-1]) if more else None, total)


def _model(keys: Sequence[Key]) -> Any:
    return keys[-1][0].class_


def _in_order(parts: Sequence[tuple[AnySelect, Sequence[Key]]], *, most: int) -> AnySelect:
    first = [part.order_by(*ordered_by(own)).limit(most) for part, own in parts]
    if len(first) == 1:
        return first[0]
    together = union_all(*first).subquery()
    keys: Any = [(together.c[column.key], way) for column, way in parts[0][1]]
    return select(together).order_by(*ordered_by(keys)).limit(most)


def ordered_by(keys: Sequence[Key]) -> list[ColumnElement[Any]]:
    """Return the ORDER BY expressions of the keys."""
    return [column.asc() if way == "asc" else column.desc() for column, way in keys]


def cursor_after(keys: Sequence[Key], item: object) -> str:
    """Return the cursor of the page that starts after this item, in the order of `keys`."""
    return write_cursor(_order(keys), [getattr(item, column.key) for column, _ in keys])


def _order(keys: Sequence[Key]) -> str:
    return ",".join(f"{column.key} {way}" for column, way in keys)


def _count(session: Session, statement: AnySelect) -> int:
    return session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def _fetch(session: Session, statement: AnySelect, model: Any) -> Sequence[Any]:
    if _selects_entity(statement):
        found = session.execute(statement)
    else:  # without the ORM, which examines each of 80 columns
        session.flush()
        found = session.connection().execute(statement)
    names = found.keys()
    if len(names) == 1:
        return found.scalars().all()
    return decrypt_rows(model, found) if "sealed" in names else found.all()


def _selects_entity(statement: AnySelect) -> bool:
    """Whether the statement selects a model. `column_descriptions` would describe each of its columns."""
    selected: Iterable[Any] = statement._raw_columns  # noqa: SLF001
    return any(one.is_selectable and "parententity" in one._annotations for one in selected)  # noqa: SLF001


def _after(keys: Sequence[Key], values: Sequence[object]) -> ColumnElement[bool]:
    ways = {way for _, way in keys}
    if len(ways) > 1:
        return _after_mixed(keys, values)
    columns = [column for column, _ in keys]
    row, bound = tuple_(*columns), tuple_(*values, types=[column.type for column in columns])
    return row > bound if ways == {"asc"} else row < bound


def _after_mixed(keys: Sequence[Key], values: Sequence[object]) -> ColumnElement[bool]:
    """Return `a > x or (a = x and b < y) or ...`. It fits mixed directions, but an index serves only the first key."""
    return or_(
        *(
            and_(
                *(same == at for (same, _), at in zip(keys[:i], values[:i], strict=True)),
                column > value if way == "asc" else column < value,
            )
            for i, ((column, way), value) in enumerate(zip(keys, values, strict=True))
        )
    )
