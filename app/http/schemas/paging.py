"""Pages by key: the next one begins after the last row seen, found by an index whatever the depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, Literal, cast

from flask import request
from marshmallow import fields, missing
from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import QueryableAttribute

from app.audit import audit_log
from app.core.cursors import LONGEST_CURSOR, read_cursor, write_cursor
from app.errors import Invalid
from app.http.schemas.fields import Integer, Text
from app.http.schemas.schema import QuerySchema, Schema
from app.security.encrypted_fields import open_rows

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 200
LONGEST_CHOICE: Final = 2000
COUNT_PREFERRED: Final = "return=total-count"  # a preference (RFC 7240) of this API

Key = tuple[QueryableAttribute[Any], Literal["asc", "desc"]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list, in its order, and where the next ones begin: None after the last."""

    items: Sequence[Any]
    next_cursor: str | None
    total_count: Any = missing  # of the whole list; only counted for who prefers to know


class PageQuery(QuerySchema):
    """What every list takes; a list's own filters are added in a subclass."""

    def read(self, data: Any) -> Any:
        """Adds `wants_total`, for `Prefer: return=total-count`."""
        return {**super().read(data), "wants_total": _prefers_a_count(request.headers.get("Prefer", ""))}

    limit = Integer(
        least=1,
        load_default=DEFAULT_LIMIT,
        metadata={"description": f"How many items to answer with; {LARGEST_LIMIT} when more are asked for."},
    )
    cursor = Text(
        LONGEST_CURSOR,
        least=1,
        metadata={"description": "`next_cursor` of the page before. Leave it out for the first page."},
    )
    chosen = Text(
        LONGEST_CHOICE,
        least=1,
        data_key="fields",
        metadata={"description": "Names of fields, with commas: of each item only these are shown."},
    )


class PageOut(Schema):
    """A page of some kind of item; `page_of` makes its subclasses."""

    shown: ClassVar[frozenset[str]] = frozenset()  # the fields of an item

    @classmethod
    def choice(cls) -> tuple[str, ...] | None:
        """The fields of each item that the call asks for; None for all of them. Raises Invalid."""
        if "fields" not in request.args:
            return None
        names = tuple(request.args["fields"].split(","))
        if unknown := sorted({*names} - cls.shown):
            raise Invalid.at(
                "/fields", f"No such field: {', '.join(unknown)}. There are {', '.join(sorted(cls.shown))}."
            )
        return names


def page(session: Session, statement: Select[Any], keys: Sequence[Key], query: Mapping[str, Any]) -> Page:
    """One page of `statement` (of one entity, or of columns), ordered by `keys`.

    `keys` are columns of the result that are never null, the last one unique; for an index to serve them they
    go one way. `query` is what PageQuery read. One query: no offset, and no count but for who prefers to know.
    Raises Invalid for a cursor of another list.
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
    """One page of several statements (of columns) that have no row in common, in one order and in one query.

    For lists that no index serves whole, but one serves each part of. `of_each` has the keys of each part, where those
    are columns of different tables. Raises Invalid for a cursor of another list.
    """
    limit = min(query["limit"], LARGEST_LIMIT)
    ordered = list(zip(parts, of_each or [keys] * len(parts), strict=True))
    wanted = ordered
    if cursor := query.get("cursor"):
        types = [column.type.python_type for column, _ in keys]
        last = read_cursor(_order(keys), types, cursor)
        wanted = [(part.where(_after(own, last)), own) for part, own in ordered]
    total = sum(_count(session, part) for part in parts) if query.get("wants_total") else missing
    items = _fetch(session, _in_order(wanted, most=limit + 1), keys[-1][0].class_)
    return _page(session, items, keys, limit, total=total)


def first_pages(session: Session, parts: Sequence[tuple[Select[Any], Sequence[Key]]], limit: int) -> list[Page]:
    """The first page of each of several statements (of the same columns), each in its own order, in one query."""
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


def _page(session: Session, items: Sequence[Any], keys: Sequence[Key], limit: int, *, total: Any = missing) -> Page:
    """Of items of which one more than fit on a page was looked for."""
    more, items = len(items) > limit, items[:limit]
    if subject := _subject(keys):
        audit_log.saw(session, subject, [item.id for item in items])
    return Page(items, cursor_after(keys, items[-1]) if more else None, total)


def _subject(keys: Sequence[Key]) -> str | None:
    """What the items are to the record of who saw what; None for what is about nobody."""
    subject = audit_log.SUBJECTS.get(keys[-1][0].class_.__tablename__)
    return subject if subject in audit_log.ABOUT_PEOPLE else None


def _in_order(parts: Sequence[tuple[Select[Any], Sequence[Key]]], *, most: int) -> Select[Any]:
    first = [part.order_by(*ordered_by(own)).limit(most) for part, own in parts]
    if len(first) == 1:
        return first[0]
    together = union_all(*first).subquery()
    keys: Any = [(together.c[column.key], way) for column, way in parts[0][1]]
    return select(together).order_by(*ordered_by(keys)).limit(most)


def ordered_by(keys: Sequence[Key]) -> list[ColumnElement[Any]]:
    """The keys as ORDER BY has them."""
    return [column.asc() if way == "asc" else column.desc() for column, way in keys]


def cursor_after(keys: Sequence[Key], item: Any) -> str:
    """The cursor of a list ordered by `keys` for what comes after this item."""
    return write_cursor(_order(keys), [getattr(item, column.key) for column, _ in keys])


def _order(keys: Sequence[Key]) -> str:
    return ",".join(f"{column.key} {way}" for column, way in keys)


@lru_cache(maxsize=256)
def page_of(item: type[Schema]) -> type[Schema]:
    """The schema of a page of such items."""
    members: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(
            required=True,
            allow_none=True,
            metadata={"description": "Pass it as `cursor` for the next page; null after the last."},
        ),
        "total_count": Integer(metadata={"description": f"Of the whole list, with `Prefer: {COUNT_PREFERRED}`."}),
    }
    made: Any = PageOut.from_dict(members, name=f"{item.__name__}Page")
    made.shown = frozenset(field.data_key or name for name, field in item().dump_fields.items())
    return cast("type[Schema]", made)


def _prefers_a_count(preferences: str) -> bool:
    """RFC 7240: with commas, each perhaps with parameters, the value perhaps in quotes."""
    named = (preference.partition(";")[0].replace('"', "").strip() for preference in preferences.split(","))
    return COUNT_PREFERRED in named


def _count(session: Session, statement: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0


def _fetch(session: Session, statement: Select[Any], model: Any) -> Sequence[Any]:
    found = session.execute(statement)
    if len(statement.column_descriptions) == 1:
        return found.scalars().all()
    return open_rows(model, found) if "sealed" in found.keys() else found.all()  # noqa: SIM118  (no dict)


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
