"""Query and response schemas for paginated lists."""

from functools import lru_cache
from typing import Any, ClassVar, Final, cast

from flask import request
from marshmallow import fields

from app.core.cursors import LONGEST_CURSOR
from app.core.pagination import LARGEST_LIMIT
from app.core.validation.validation_errors import listed
from app.errors import Invalid
from app.http.schemas.fields import Integer, Text
from app.http.schemas.schema import QuerySchema, Schema

DEFAULT_LIMIT: Final = 50
LONGEST_CHOICE: Final = 2000
COUNT_PREFERRED: Final = "return=total-count"  # a preference (RFC 7240) of this API


class PageQuery(QuerySchema):
    """Query parameters of every list; subclasses add the filters of their list."""

    def read(self, data: object) -> Any:
        """Read the parameters and the `Prefer` header; `wants_total` is true for `return=total-count`."""
        return {**super().read(data), "wants_total": _prefers_a_count(request.headers.get("Prefer", ""))}

    limit = Integer(
        least=1,
        load_default=DEFAULT_LIMIT,
        metadata={"description": f"Items per page. Larger values are reduced to {LARGEST_LIMIT}."},
    )
    cursor = Text(
        LONGEST_CURSOR,
        least=1,
        metadata={"description": "`next_cursor` of the previous page. Leave it out for the first page."},
    )
    chosen = Text(
        LONGEST_CHOICE,
        least=1,
        data_key="fields",
        metadata={"description": "Field names separated by commas: only these fields are returned."},
    )


class PageOut(Schema):
    """Response schema of a page; `page_of` makes a subclass for each kind of item."""

    shown: ClassVar[frozenset[str]] = frozenset()  # the fields of an item

    @classmethod
    def choice(cls) -> tuple[str, ...] | None:
        """Return the names in the `fields` parameter; None without it. Raises Invalid for an unknown name."""
        if "fields" not in request.args:
            return None
        names = tuple(request.args["fields"].split(","))
        if unknown := sorted({*names} - cls.shown):
            raise Invalid.at("/fields", f"Unknown: {', '.join(unknown)}. Allowed: {listed(sorted(cls.shown))}.")
        return names

    def _serialize(self, obj: object, *, many: bool = False) -> Any:
        written = super()._serialize(obj, many=many)
        if written.get("total_count") is None:
            written.pop("total_count", None)
        return written


@lru_cache(maxsize=256)
def page_of(item: type[Schema]) -> type[Schema]:
    """Return the response schema of a page with these items."""
    members: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(
            required=True,
            allow_none=True,
            metadata={"description": "Pass it as `cursor` to get the next page; null on the last page."},
        ),
        "total_count": Integer(metadata={"description": f"Size of the whole list, with `Prefer: {COUNT_PREFERRED}`."}),
    }
    made: Any = PageOut.from_dict(members, name=f"{item.__name__}Page")
    made.shown = frozenset(field.data_key or name for name, field in item().dump_fields.items())
    return cast("type[Schema]", made)


def _prefers_a_count(preferences: str) -> bool:
    """Whether a `Prefer` header (RFC 7240: a list with parameters and quotes) has COUNT_PREFERRED."""
    named = (preference.partition(";")[0].replace('"', "").strip() for preference in preferences.split(","))
    return COUNT_PREFERRED in named
