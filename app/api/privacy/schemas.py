"""Request and response schemas of data subject requests, consents and suppressions."""

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.out_schemas import LegalHoldOut
from app.core.type_aliases import JsonDict
from app.http.schemas.common_fields import require_past
from app.http.schemas.fields import Boolean, Choice, Email, Id, Instant, Integer, Text
from app.http.schemas.schema import Schema
from app.messaging.models import AddressKind


class PersonOut(Schema):
    """All data about a person, by table."""

    tables = fields.Dict(keys=fields.String(), values=fields.List(fields.Dict()), required=True)


class Erasure(Schema):
    """Reason of an erasure."""

    reason = Text(
        500, least=1, required=True, metadata={"description": "Reason for the audit log; without personal data."}
    )


class ErasedOut(Schema):
    """An erased lead."""

    id = Id(required=True)
    erased_at = Instant(required=True)
    remaining_duplicates = fields.List(
        Id(),
        required=True,
        metadata={"description": "Leads with the same phone number or e-mail address. They were not erased."},
    )
    hidden_duplicates = Integer(required=True, metadata={"description": "Number of such leads that you may not see."})


class Restriction(Schema):
    """Restriction of use, or its lifting (GDPR, article 18)."""

    is_restricted = Boolean(required=True)
    reason = Text(500, least=1, required=True)


class LegalHoldIn(Schema):
    """Reason of a legal hold."""

    reason = Text(
        1000,
        least=1,
        lines=True,
        required=True,
        metadata={"examples": ["Claim 2026/114: keep everything"]},
    )


class HeldOut(Schema):
    """The legal hold of a lead, or null."""

    legal_hold = fields.Nested(LegalHoldOut, required=True, allow_none=True)


class ConsentIn(Schema):
    """A consent to be contacted, or its withdrawal."""

    way = Choice(AddressKind, required=True)
    is_given = Boolean(required=True)
    wording = Text(2000, least=1, lines=True, required=True, metadata={"description": "Wording of the consent."})
    source = Text(200, least=1, required=True, metadata={"examples": ["Web form", "Phone call", "Paper"]})
    given_at = Instant(validate=require_past, metadata={"description": "Default: now."})


class ConsentOut(Schema):
    """A recorded consent, or its withdrawal."""

    id = Id(required=True)
    lead_id = Id(required=True)
    way = Choice(AddressKind, required=True)
    is_given = Boolean(required=True)
    wording = fields.String(required=True)
    source = fields.String(required=True)
    given_at = Instant(required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class AddressIn(Schema):
    """An e-mail address or a phone number. Sent in the body, because URLs are logged."""

    email = Email()
    phone = Text(50, least=1)

    @validates_schema
    def _is_one(self, data: JsonDict, **_: object) -> None:
        if len(data.keys() & {"email", "phone"}) != 1:
            raise ValidationError({"email": ["Give exactly one of email, phone."]})


class SuppressionIn(AddressIn):
    """An address to suppress."""

    reason = Text(200, least=1, required=True)


class SuppressionOut(Schema):
    """Suppression state of an address."""

    is_suppressed = Boolean(required=True)
    reason = fields.String(required=True, allow_none=True)
    since = Instant(required=True, allow_none=True)
