"""Request and response schemas for versions of rules and sequences."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.automation.warning_schemas import warnings_field
from app.api.messaging.template_schemas import DifferenceOut
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Id, Instant, Integer
from app.http.schemas.schema import QuerySchema, Schema


class VersionedIn(Schema):
    """A new rule or sequence: the settings beside its definition."""

    is_active = Boolean(load_default=True)
    is_draft = Boolean(load_default=False, metadata={"description": "Publish it later."})


class VersionedChange(Schema):
    """A change of a rule or sequence: the settings beside its definition."""

    is_active = Boolean()
    is_draft = Boolean(metadata={"description": "Change the draft only, not the published version."})

    @validates_schema
    def _changes_something(self, data: JsonDict, **_: Any) -> None:
        if not data:
            raise ValidationError("Give at least one field to change.")


class VersionedOut(Schema):
    """A rule or sequence: the data beside its definition."""

    id = Id(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    playbook = fields.String(required=True, allow_none=True, metadata={"description": "Playbook that installed it."})
    is_active = Boolean(required=True)
    paused_because = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the circuit breaker paused it."}
    )
    published_version = Integer(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)
    warnings = warnings_field()


class VersionOut(Schema):
    """A version of a definition."""

    number = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft."})
    state = fields.String(required=True, metadata={"enum": ["draft", "published", "retired"]})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    note = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it was published without a user: the automatic winner of an A/B test.",
            "examples": ["Step hello: B wins automatically: replied 14.8% of 810 messages, against A 9.6% of 797; …"],
        },
    )


class CompareQuery(QuerySchema):
    """The versions to compare."""

    before = Integer(
        least=1,
        metadata={"description": "Default: the published version; if that is `after`, the version before it."},
    )
    after = Integer(least=1, metadata={"description": "Default: the draft; without a draft, the published version."})


class ComparisonOut(Schema):
    """Differences between two versions."""

    before = Integer(
        required=True, allow_none=True, metadata={"description": "Null: there is no version before `after`."}
    )
    after = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft."})
    differences = fields.List(fields.Nested(DifferenceOut), required=True)


class RollBackIn(Schema):
    """The version to restore."""

    number = Integer(least=1, required=True)
