"""A person's wishes, in and out."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.activities.schemas import is_past
from app.http.schemas.fields import Boolean, Choice, Email, Id, Instant, Text
from app.http.schemas.schema import Schema
from app.messaging.models import Way


class PersonOut(Schema):
    """Everything that is known of a person, by table, as it is kept."""

    tables = fields.Dict(keys=fields.String(), values=fields.List(fields.Dict()), required=True)


class Erasure(Schema):
    """Why a person is to be forgotten."""

    reason = Text(500, least=1, required=True, metadata={"description": "For the record; name nobody in it."})


class ErasedOut(Schema):
    """What is left of a lead."""

    id = Id(required=True)
    erased_at = Instant(required=True)


class Restriction(Schema):
    """Whether nothing may be done with what is known of a person."""

    is_restricted = Boolean(required=True)
    reason = Text(500, least=1, required=True)


class ConsentIn(Schema):
    """What somebody said about being written to, or called."""

    way = Choice(Way, required=True)
    is_given = Boolean(required=True)
    wording = Text(2000, least=1, lines=True, required=True, metadata={"description": "What they were asked, or said."})
    source = Text(200, least=1, required=True, metadata={"examples": ["Web form", "Phone call", "Paper"]})
    given_at = Instant(validate=is_past, metadata={"description": "Now, unless it is given."})


class ConsentOut(Schema):
    """Something somebody said about being written to."""

    id = Id(required=True)
    lead_id = Id(required=True)
    way = Choice(Way, required=True)
    is_given = Boolean(required=True)
    wording = fields.String(required=True)
    source = fields.String(required=True)
    given_at = Instant(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class AddressIn(Schema):
    """An address: either of both. It is sent in a body, for URLs end up in logs."""

    email = Email()
    phone = Text(50, least=1)

    @validates_schema
    def _is_one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data.keys() & {"email", "phone"}) != 1:
            raise ValidationError({"email": ["Give exactly one of email, phone."]})


class SuppressionIn(AddressIn):
    """An address that nobody may write to."""

    reason = Text(200, least=1, required=True)


class SuppressionOut(Schema):
    """Whether an address may be written to."""

    is_suppressed = Boolean(required=True)
    reason = fields.String(required=True, allow_none=True)
    since = Instant(required=True, allow_none=True)
