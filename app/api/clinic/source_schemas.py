"""Request and response schemas for lead sources."""

from marshmallow import fields

from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Money, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.attribution.models import SourceCategory


class _Alias(Text):
    """An alias, converted to lower case for look-ups."""

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        return super()._deserialize(value).lower()


class SourceIn(Schema):
    """A new or replaced lead source."""

    name = Text(100, least=1, required=True, metadata={"examples": ["Dr. Weber"]})
    category = Choice(SourceCategory, required=True)
    description = Text(1000, lines=True, allow_none=True, load_default=None)
    aliases = ListOf(
        _Alias(100, least=1),
        most=20,
        load_default=list,
        metadata={"description": "Other names of the source, such as values of `utm_source`; case does not matter."},
    )
    is_active = Boolean(load_default=True)
    monthly_cost = Money(allow_none=True, load_default=None)


class SourceOut(Schema):
    """A lead source."""

    id = Id(required=True)
    name = fields.String(required=True)
    category = Choice(SourceCategory, required=True)
    description = fields.String(required=True, allow_none=True)
    aliases = fields.List(fields.String(), required=True)
    is_active = Boolean(required=True)
    monthly_cost = Money(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class SourceQuery(PageQuery):
    """Filters for lead sources."""

    is_active = Boolean(metadata={"description": "Only active or only inactive sources."})
    category = Choice(SourceCategory)
