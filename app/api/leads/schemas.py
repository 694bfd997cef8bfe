"""What callers say of a lead."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from marshmallow import ValidationError, fields, validates_schema

from app.api.leads.fields import CustomValues, Tags
from app.api.leads.touch_schemas import TouchDetails
from app.clock import now, zones
from app.http.schemas.fields import Choice, Day, Email, Id, Integer, Language, ListOf, Money, Text
from app.http.schemas.schema import Schema
from app.leads.assignment.people import ME
from app.leads.attribution.touch_models import CaptureChannel
from app.leads.models import (
    HIGHEST_SCORE,
    LONGEST_NOTE,
    PatientRelationship,
    PreferredContact,
    SocialPlatform,
    TreatmentInterest,
)

# Who sent them: an id of ours or, where there is none, a name.
_SENT_BY: Final[Mapping[CaptureChannel, str]] = {
    CaptureChannel.REFERRAL_PROVIDER: "referring_provider_id",
    CaptureChannel.REFERRAL_PATIENT: "referring_patient_id",
}


class Zone(Text):
    """A time zone by its IANA name, such as `Europe/Madrid`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(64, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        name = super()._deserialize(value, attr, data, **more)
        if name not in zones():
            raise ValidationError("Not the IANA name of a time zone.")
        return name


class Somebody(fields.Field[UUID | str]):
    """A user's id, or `me`."""

    def __init__(self) -> None:
        super().__init__(metadata={"type": "string", "description": f"A user's id, or `{ME}`."})

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> UUID | str:
        return ME if value == ME else Id().deserialize(value)


def _is_past(day: date) -> None:
    if day > now().date():
        raise ValidationError("Lies in the future.")


class LeadChanges(Schema):
    """The fields of a lead that can be edited. Those given are replaced; those not given stay as they are."""

    patient_first_name = Text(100, least=1)
    patient_last_name = Text(100, least=1)
    patient_dob = Day(allow_none=True, validate=_is_past)
    patient_relationship = Choice(PatientRelationship)

    first_name = Text(100, least=1, metadata={"description": "Of the responsible party."})
    last_name = Text(100, least=1)
    email = Email(allow_none=True)
    phone = Text(
        50,
        allow_none=True,
        metadata={"description": "Kept as E.164; without a country code it is one of the clinic's country."},
    )
    phone_alt = Text(50, allow_none=True)
    preferred_contact = Choice(PreferredContact)
    preferred_time = Text(100, allow_none=True)
    timezone = Zone(allow_none=True)
    language = Language(allow_none=True, metadata={"description": "BCP 47: in which they are written to."})

    address_line1 = Text(200, allow_none=True)
    address_line2 = Text(200, allow_none=True)
    city = Text(100, allow_none=True)
    state = Text(100, allow_none=True)
    postal_code = Text(20, allow_none=True)

    source_id = Id()
    source_campaign = Text(200, allow_none=True)
    source_detail = Text(500, allow_none=True)
    referring_provider_id = Id(allow_none=True)
    referring_patient_id = Id(allow_none=True)

    social_platform = Choice(SocialPlatform, allow_none=True)
    social_handle = Text(100, allow_none=True, metadata={"examples": ["@ana.ruiz"]})

    tags = Tags()
    lead_value = Money(allow_none=True)
    score = Integer(most=HIGHEST_SCORE, allow_none=True, metadata={"description": "How promising it is, 0 to 100."})
    custom = CustomValues()

    treatment_interest = ListOf(Choice(TreatmentInterest), most=len(TreatmentInterest))
    insurance_carrier = Text(100, allow_none=True)
    insurance_member_id = Text(100, allow_none=True)
    consultation_id = Id(allow_none=True)
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True)


class LeadIn(LeadChanges):
    """A lead to be taken in.

    `phone` or `email` is needed (from a social network, `social_handle` will do); the patient's name, too, if that is
    somebody else; and of a referral who sent them, by id or else by name, in `source_detail`.
    """

    first_name = Text(100, least=1, required=True, metadata={"description": "Of the responsible party."})
    last_name = Text(100, least=1, required=True)
    source_id = Id(required=True)
    assigned_to_id = Id(
        metadata={"description": "A user of the clinic (needs lead:assign); else a coordinator, in turn."}
    )
    capture_channel = Choice(CaptureChannel, metadata={"description": "API for programs, else MANUAL."})
    touch = fields.Nested(TouchDetails, metadata={"description": "How they came; it is the lead's first touch."})

    @validates_schema
    def _can_be_reached(self, data: dict[str, Any], **_: Any) -> None:
        if not (data.get("phone") or data.get("email") or data.get("social_handle")):
            missing = ["Give a phone number or an e-mail address."]
            raise ValidationError({"phone": missing, "email": missing})

    @validates_schema
    def _names_the_patient(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("patient_relationship", PatientRelationship.SELF) == PatientRelationship.SELF:
            return
        names = ("patient_first_name", "patient_last_name")
        if missing := [name for name in names if name not in data]:
            raise ValidationError({name: ["Needed, as the patient is somebody else."] for name in missing})

    @validates_schema
    def _says_who_sent_them(self, data: dict[str, Any], **_: Any) -> None:
        by = _SENT_BY.get(data.get("capture_channel", CaptureChannel.MANUAL))
        if by and not (data.get(by) or data.get("source_detail")):
            raise ValidationError({by: ["Say who sent them, here or by name in source_detail."]})

    @validates_schema
    def _names_the_network(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("social_handle") and not data.get("social_platform"):
            raise ValidationError({"social_platform": ["Say on which network."]})
        if data.get("capture_channel") == CaptureChannel.SOCIAL and not data.get("social_platform"):
            raise ValidationError({"social_platform": ["Say on which network."]})
