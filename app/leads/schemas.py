"""What comes in and goes out about leads. The fields are those of lead-management.md's model."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validates_schema

from app.clock import now
from app.http.access import actor
from app.http.fields import Boolean, Choice, Choices, Day, Email, Id, Instant, Integer, ListOf, Money, Text
from app.http.paging import PageQuery
from app.http.schema import QuerySchema, Schema
from app.identity.permissions import Permission
from app.leads.fields import LONGEST_TAG, CustomValues, Tags
from app.leads.models import (
    LeadStatus,
    LostReason,
    PatientRelationship,
    PreferredContact,
    SocialPlatform,
    TreatmentInterest,
)
from app.leads.next_follow_up import MadeBy
from app.leads.people import ME
from app.leads.rotting_schemas import RottingOut
from app.touches.models import CaptureChannel
from app.touches.schemas import TouchDetails

LONGEST_NOTE: Final = 5000
LONGEST_EXTERNAL_ID: Final = 200

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
        if name not in _zones():
            raise ValidationError("Not the IANA name of a time zone.")
        return name


class Somebody(fields.Field[UUID | str]):
    """A user's id, or `me`."""

    def __init__(self) -> None:
        super().__init__(metadata={"type": "string", "description": f"A user's id, or `{ME}`."})

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> UUID | str:
        return ME if value == ME else Id().deserialize(value)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_past(day: date) -> None:
    if day > now().date():
        raise ValidationError("Lies in the future.")


PRIVATE: Final = ("patient_dob", "insurance_carrier", "insurance_member_id", "notes")  # lead-management.md, "PHI"
_WITHHELD: Final = {"description": "Null for a caller without `lead:private`."}


class _PrivateText(fields.String):
    """Shown to those who hold `lead:private`."""

    def _serialize(self, value: str | None, *_: Any, **__: Any) -> str | None:
        return value if actor().allows(Permission.LEAD_PRIVATE) else None


class _PrivateDay(Day):
    """Shown to those who hold `lead:private`."""

    def _serialize(self, value: date | None, *args: Any, **more: Any) -> Any:
        return super()._serialize(value, *args, **more) if actor().allows(Permission.LEAD_PRIVATE) else None


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


class PersonRef(Schema):
    """A user, by name."""

    id = Id(required=True)
    name = fields.String(required=True)


class SourceRef(Schema):
    """A source, by name."""

    id = Id(required=True)
    name = fields.String(required=True)
    category = fields.String(required=True)


class FollowUpSourceOut(Schema):
    """The next follow-up, and where it comes from."""

    task_id = Id(required=True)
    made_by = Choice(MadeBy, required=True)
    rule = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The slug of the rule that made it, for as long as its steps are kept."},
    )
    user_id = Id(required=True, allow_none=True, metadata={"description": "Who made it, if a person did."})


class LeadOut(RottingOut):
    """A lead."""

    next_follow_up_at = Instant(
        required=True, allow_none=True, metadata={"description": "When its next open task is due."}
    )
    next_follow_up_source = fields.Nested(FollowUpSourceOut, required=True, allow_none=True)

    assigned_to = fields.Nested(PersonRef, allow_none=True, metadata={"description": "With `expand=assigned_to`."})
    source = fields.Nested(SourceRef, allow_none=True, metadata={"description": "With `expand=source`."})

    id = Id(required=True)
    status = Choice(LeadStatus, required=True)
    pipeline_stage = fields.String(required=True, metadata={"description": "A stage's slug."})
    stage_entered_at = Instant(required=True)
    stage_overdue_since = Instant(required=True, allow_none=True)

    patient_first_name = fields.String(required=True)
    patient_last_name = fields.String(required=True)
    patient_dob = _PrivateDay(required=True, allow_none=True, metadata=_WITHHELD)
    patient_relationship = Choice(PatientRelationship, required=True)

    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)
    phone_alt = fields.String(required=True, allow_none=True)
    preferred_contact = Choice(PreferredContact, required=True)
    preferred_time = fields.String(required=True, allow_none=True)
    timezone = fields.String(required=True, allow_none=True)

    address_line1 = fields.String(required=True, allow_none=True)
    address_line2 = fields.String(required=True, allow_none=True)
    city = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, allow_none=True)
    postal_code = fields.String(required=True, allow_none=True)

    source_id = Id(required=True)
    source_campaign = fields.String(required=True, allow_none=True)
    source_detail = fields.String(required=True, allow_none=True)
    referring_provider_id = Id(required=True, allow_none=True)
    referring_patient_id = Id(required=True, allow_none=True)

    capture_channel = Choice(CaptureChannel, required=True)
    social_platform = Choice(SocialPlatform, required=True, allow_none=True)
    social_handle = fields.String(required=True, allow_none=True)
    external_source = fields.String(required=True, allow_none=True)
    external_id = fields.String(required=True, allow_none=True)
    first_touch_id = Id(required=True, allow_none=True)
    first_touch_at = Instant(required=True, allow_none=True)
    first_touch_source_id = Id(required=True, allow_none=True)
    last_touch_id = Id(required=True, allow_none=True)
    last_touch_at = Instant(required=True, allow_none=True)
    last_touch_source_id = Id(required=True, allow_none=True)

    tags = fields.List(fields.String(), required=True)
    lead_value = Money(required=True, allow_none=True)
    custom = fields.Dict(required=True)

    treatment_interest = fields.List(Choice(TreatmentInterest), required=True)
    insurance_carrier = _PrivateText(required=True, allow_none=True, metadata=_WITHHELD)
    insurance_member_id = _PrivateText(required=True, allow_none=True, metadata=_WITHHELD)
    notes = _PrivateText(required=True, allow_none=True, metadata=_WITHHELD)

    assigned_to_id = Id(required=True, allow_none=True)
    assigned_at = Instant(required=True, allow_none=True)
    consultation_id = Id(required=True, allow_none=True)
    converted_to_patient_id = Id(required=True, allow_none=True)
    converted_at = Instant(required=True, allow_none=True)
    lost_at = Instant(required=True, allow_none=True)
    lost_reason = Choice(LostReason, required=True, allow_none=True)
    lost_notes = fields.String(required=True, allow_none=True)
    lost_suggested_at = Instant(required=True, allow_none=True)
    lost_suggested_reason = Choice(LostReason, required=True, allow_none=True)

    failed_attempts = Integer(required=True, metadata={"description": "In a row, since the last contact."})
    contacted_at = Instant(required=True, allow_none=True)
    replied_at = Instant(required=True, allow_none=True)
    opted_out_at = Instant(required=True, allow_none=True)
    restricted_at = Instant(
        required=True, allow_none=True, metadata={"description": "Since when nothing may be done with it."}
    )
    last_activity_at = Instant(required=True)
    stale_since = Instant(required=True, allow_none=True)

    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


class IdleLeadOut(LeadOut):
    """An open lead that has no next action."""

    without_next_action_since = Instant(
        required=True, metadata={"description": "Since when it is known to have neither an open task nor a step."}
    )


class LeadPart(StrEnum):
    """What a lead names, and can be shown along with it."""

    ASSIGNED_TO = "assigned_to"
    SOURCE = "source"


class LeadSort(StrEnum):
    """The orders of leads that an index has."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    MOST_VALUE = "-lead_value"  # those that have one
    ROTTING = "rots_at"  # those that are open
    FRESH = "-rots_at"
    NEXT_FOLLOW_UP = "next_follow_up_at"  # those that have an open task
    LAST_FOLLOW_UP = "-next_follow_up_at"


EXPAND_LEAD: Final = {"description": "Show these along with each lead."}


class OneLeadQuery(QuerySchema):
    """How to show a lead."""

    expand = Choices(LeadPart, metadata=EXPAND_LEAD)


class IdleLeadQuery(PageQuery):
    """Whose leads without a next action to list: everybody's, unless somebody is named."""

    expand = Choices(LeadPart, metadata=EXPAND_LEAD)
    assigned_to_id = Somebody()


class LeadQuery(PageQuery):
    """Which leads to list, in which order."""

    sort = Choice(
        LeadSort,
        load_default=LeadSort.NEWEST,
        metadata={
            "description": "By value, `rots_at` or next follow-up there are only leads that have one: a value, an open"
            " state, an open task."
        },
    )
    expand = Choices(LeadPart, metadata=EXPAND_LEAD)

    status = Choice(LeadStatus)
    stage = Text(100, least=1, metadata={"description": "A stage's slug."})
    source_id = Id()
    assigned_to_id = Somebody()
    created_from = Instant()
    created_to = Instant(metadata={"description": "Exclusive."})
    tag = Text(LONGEST_TAG, least=1)
    channel = Choice(CaptureChannel)
    external_id = Text(LONGEST_EXTERNAL_ID, least=1)
    value_from = Money()
    value_to = Money()
    rotting = Boolean(metadata={"description": "Open leads that are rotten by now (true), or not yet (false)."})
    next_follow_up_from = Instant(metadata={"description": "Leads whose next open task is due then, or later."})
    next_follow_up_to = Instant(metadata={"description": "Exclusive."})
