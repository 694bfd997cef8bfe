"""Pages by key: the next one begins after the last row seen, found by an index whatever the depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, cast

from marshmallow import fields
from sqlalchemy import ColumnElement, Select, and_, or_, tuple_
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import QueryableAttribute

from app.http.cursors import LONGEST_CURSOR, read_cursor, write_cursor
from app.http.fields import Integer, Text
from app.http.schema import QuerySchema, Schema

DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 200

Key = tuple[QueryableAttribute[Any], Literal["asc", "desc"]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list, in its order, and where the next ones begin: None after the last."""

    items: Sequence[Any]
    next_cursor: str | None


class PageQuery(QuerySchema):
    """What every list takes; a list's own filters are added in a subclass."""

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


def page(session: Session, statement: Select[Any], keys: Sequence[Key], query: Mapping[str, Any]) -> Page:
    """One page of `statement` (of one entity, or of columns), ordered by `keys`.

    `keys` are columns of the result that are never null, the last one unique; for an index to serve them they
    go one way. `query` is what PageQuery read. One query: no count, no offset. Raises Invalid for a cursor of
    another list.
    """
    limit = min(query["limit"], LARGEST_LIMIT)
    order = ",".join(f"{column.key} {way}" for column, way in keys)
    if cursor := query.get("cursor"):
        types = [column.type.python_type for column, _ in keys]
        statement = statement.where(_after(keys, read_cursor(order, types, cursor)))
    by = [column.asc() if way == "asc" else column.desc() for column, way in keys]
    items = _fetch(session, statement.order_by(*by).limit(limit + 1))
    more = len(items) > limit
    items = items[:limit]
    last = [getattr(items[-1], column.key) for column, _ in keys] if more else None
    return Page(items, write_cursor(order, last) if last else None)


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
    }
    made = Schema.from_dict(members, name=f"{item.__name__}Page")
    return cast("type[Schema]", made)


def _fetch(session: Session, statement: Select[Any]) -> Sequence[Any]:
    found = session.execute(statement)
    return found.scalars().all() if len(statement.column_descriptions) == 1 else found.all()


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
