"""Request schemas of leads."""

from collections.abc import Mapping
from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.fields import request_fields
from app.api.leads.touch_schemas import TouchDetails
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Id
from app.http.schemas.schema import Schema
from app.leads.enums import CaptureChannel, PatientRelationship

# Field with the id of the referrer. Without an id, `source_detail` has the name.
_SENT_BY: Final[Mapping[CaptureChannel, str]] = {
    CaptureChannel.REFERRAL_PROVIDER: "referring_provider_id",
    CaptureChannel.REFERRAL_PATIENT: "referring_patient_id",
}


class LeadChanges(Schema):
    """Editable fields of a lead. Given fields are replaced; others stay unchanged."""

    class Meta(Schema.Meta):
        include = request_fields(of_new_lead=False)


class LeadIn(LeadChanges):
    """A new lead.

    `phone` or `email` is required; `social_handle` is enough for leads from social networks. The patient's name is
    required if the patient is another person. A referral needs the referrer, by id or by name in `source_detail`.
    """

    class Meta(Schema.Meta):
        include = request_fields(of_new_lead=True)

    assigned_to_id = Id(
        metadata={
            "description": "User of the clinic (needs lead:assign). Default: by the assignment rules, else round robin."
        }
    )
    capture_channel = Choice(CaptureChannel, metadata={"description": "Default: API for API keys, else MANUAL."})
    touch = fields.Nested(
        TouchDetails, metadata={"description": "Attribution details, stored as the lead's first touch."}
    )

    @validates_schema
    def _can_be_reached(self, data: JsonDict, **_: object) -> None:
        if not (data.get("phone") or data.get("email") or data.get("social_handle")):
            missing = ["Give a phone number or an e-mail address."]
            raise ValidationError({"phone": missing, "email": missing})

    @validates_schema
    def _has_patient_name(self, data: JsonDict, **_: object) -> None:
        if data.get("patient_relationship", PatientRelationship.SELF) == PatientRelationship.SELF:
            return
        names = ("patient_first_name", "patient_last_name")
        if missing := [name for name in names if name not in data]:
            raise ValidationError({name: ["Required, because the patient is another person."] for name in missing})

    @validates_schema
    def _has_referrer(self, data: JsonDict, **_: object) -> None:
        by = _SENT_BY.get(data.get("capture_channel", CaptureChannel.MANUAL))
        if by and not (data.get(by) or data.get("source_detail")):
            raise ValidationError({by: ["Give the referrer, here or by name in source_detail."]})

    @validates_schema
    def _has_network(self, data: JsonDict, **_: object) -> None:
        if data.get("social_handle") and not data.get("social_platform"):
            raise ValidationError({"social_platform": ["Give the social network."]})
        if data.get("capture_channel") == CaptureChannel.SOCIAL and not data.get("social_platform"):
            raise ValidationError({"social_platform": ["Give the social network."]})
