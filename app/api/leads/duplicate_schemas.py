"""Request and response schemas of duplicates: check before saving, and merge."""

from marshmallow import fields, validate

from app.core.validation.plain_values import LONGEST_EMAIL
from app.http.schemas.fields import Choice, Id, Integer, Text
from app.http.schemas.schema import Schema
from app.leads.enums import LeadStatus


class MergeIn(Schema):
    """Duplicate to merge."""

    lead_id = Id(required=True, metadata={"description": "Lead to merge into the one in the path."})


class DuplicateOut(Schema):
    """A lead that may be the same person."""

    lead_id = Id(required=True)
    match_on = fields.List(
        fields.String(validate=validate.OneOf(["phone", "email", "name"])),
        required=True,
        metadata={"description": "Equal phone number or e-mail address; similar name."},
    )
    score = Integer(
        required=True,
        metadata={"description": "100 for an equal phone number or e-mail address, else the similarity of the names."},
    )


class DuplicatesOut(Schema):
    """Possible duplicates."""

    duplicates = fields.List(fields.Nested(DuplicateOut), required=True)
    hidden_duplicates = Integer(
        required=True,
        metadata={
            "description": "Number of further leads with the same phone number or e-mail address that you may not see."
        },
    )


class CheckIn(Schema):
    """Known values of a person, which may be incomplete."""

    first_name = Text(100, allow_none=True)
    last_name = Text(100, allow_none=True)
    email = Text(LONGEST_EMAIL, allow_none=True)
    phone = Text(50, allow_none=True)
    phone_alt = Text(50, allow_none=True)


class CheckedLeadOut(DuplicateOut):
    """A lead that may be the same person, as shown before another one is saved."""

    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    status = Choice(LeadStatus, required=True)
    pipeline_stage = fields.String(required=True, metadata={"description": "The stage's slug."})
    assigned_to_id = Id(required=True, allow_none=True)


class CheckedOut(DuplicatesOut):
    """Leads of the person, and the number of further ones that you may not see."""

    duplicates = fields.List(fields.Nested(CheckedLeadOut), required=True)
