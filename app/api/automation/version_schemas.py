"""Request and response schemas for versions of rules and sequences."""

from marshmallow import fields

from app.api.messaging.template_schemas import DifferenceOut
from app.http.schemas.fields import Id, Instant, Integer
from app.http.schemas.schema import QuerySchema, Schema


class VersionOut(Schema):
    """A version of a definition."""

    number = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft."})
    state = fields.String(required=True, metadata={"enum": ["draft", "published", "retired"]})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class CompareQuery(QuerySchema):
    """The versions to compare."""

    before = Integer(least=1, metadata={"description": "Default: the published version."})
    after = Integer(least=1, metadata={"description": "Default: the draft; without a draft, the published version."})


class ComparisonOut(Schema):
    """Differences between two versions."""

    before = Integer(required=True, allow_none=True)
    after = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft."})
    differences = fields.List(fields.Nested(DifferenceOut), required=True)


class RollBackIn(Schema):
    """The version to restore."""

    number = Integer(least=1, required=True)
