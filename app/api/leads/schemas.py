"""Request schemas of leads."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.fields import CustomValues, Tags
from app.api.leads.touch_schemas import TouchDetails
from app.clock import now, zones
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Day, Email, Id, Integer, Language, ListOf, Money, Text
from app.http.schemas.schema import Schema
from app.leads.enums import CaptureChannel, PatientRelationship, PreferredContact, SocialPlatform, TreatmentInterest
from app.leads.models import HIGHEST_SCORE, LONGEST_CAMPAIGN, LONGEST_NOTE

# Field with the id of the referrer. Without an id, `source_detail` has the name.
_SENT_BY: Final[Mapping[CaptureChannel, str]] = {
    CaptureChannel.REFERRAL_PROVIDER: "referring_provider_id",
    CaptureChannel.REFERRAL_PATIENT: "referring_patient_id",
}


class Zone(Text):
    """A time zone by its IANA name, such as `Europe/Madrid`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(64, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        name = super()._deserialize(value, *args, **more)
        if name not in zones():
            raise ValidationError("Not an IANA time zone name.")
        return name


def _require_past_day(day: date) -> None:
    if day > now().date():
        raise ValidationError("Must not be in the future.")


class LeadChanges(Schema):
    """Editable fields of a lead. Given fields are replaced; others stay unchanged."""

    patient_first_name = Text(100, least=1)
    patient_last_name = Text(100, least=1)
    patient_dob = Day(allow_none=True, validate=_require_past_day)
    patient_relationship = Choice(PatientRelationship)

    first_name = Text(100, least=1, metadata={"description": "First name of the responsible party."})
    last_name = Text(100, least=1)
    email = Email(allow_none=True)
    phone = Text(
        50,
        allow_none=True,
        metadata={"description": "Stored as E.164. A number without a country code belongs to the clinic's country."},
    )
    phone_alt = Text(50, allow_none=True)
    preferred_contact = Choice(PreferredContact)
    preferred_time = Text(100, allow_none=True)
    timezone = Zone(allow_none=True)
    language = Language(allow_none=True, metadata={"description": "BCP 47: language of messages."})

    address_line1 = Text(200, allow_none=True)
    address_line2 = Text(200, allow_none=True)
    city = Text(100, allow_none=True)
    state = Text(100, allow_none=True)
    postal_code = Text(20, allow_none=True)

    source_id = Id()
    source_campaign = Text(LONGEST_CAMPAIGN, allow_none=True)
    source_detail = Text(500, allow_none=True)
    referring_provider_id = Id(allow_none=True)
    referring_patient_id = Id(allow_none=True)

    social_platform = Choice(SocialPlatform, allow_none=True)
    social_handle = Text(100, allow_none=True, metadata={"examples": ["@ana.ruiz"]})

    tags = Tags()
    lead_value = Money(allow_none=True)
    score = Integer(
        most=HIGHEST_SCORE, allow_none=True, metadata={"description": "0 to 100; higher is more promising."}
    )
    custom = CustomValues()

    treatment_interest = ListOf(Choice(TreatmentInterest), most=len(TreatmentInterest))
    insurance_carrier = Text(100, allow_none=True)
    insurance_member_id = Text(100, allow_none=True)
    consultation_id = Id(allow_none=True)
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True)


class LeadIn(LeadChanges):
    """A new lead.

    `phone` or `email` is required; `social_handle` is enough for leads from social networks. The patient's name is
    required if the patient is another person. A referral needs the referrer, by id or by name in `source_detail`.
    """

    first_name = Text(100, least=1, required=True, metadata={"description": "First name of the responsible party."})
    last_name = Text(100, least=1, required=True)
    source_id = Id(required=True)
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
