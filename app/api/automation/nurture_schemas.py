"""Request and response schemas for nurtures and their runs. The rule language defines the fields of nurtures."""

from marshmallow import fields

from app.api.automation.warning_schemas import warnings_field
from app.automation.language.nurtures import Nurture
from app.automation.nurtures.models import RunReason, RunState
from app.automation.nurtures.tracking import FollowUpState
from app.automation.sequences.models import EnrollmentState
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer
from app.http.schemas.model_fields import fields_of
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.timeline.responses import REPLY_DAYS


class NurtureIn(Schema):
    """A new nurture."""

    class Meta(Schema.Meta):
        include = fields_of(Nurture, null_is_absent=False)


class NurtureChange(Schema):
    """Fields to replace; missing fields stay as they are."""

    class Meta(Schema.Meta):
        include = fields_of(Nurture, leave_out={"name"}, is_change=True, null_is_absent=False)


class NurtureOut(Schema):
    """A nurture: the leads to enroll, and the schedule."""

    id = Id(required=True)
    name = fields.String(required=True)
    playbook = fields.String(required=True, allow_none=True, metadata={"description": "Playbook that installed it."})
    is_active = Boolean(required=True)
    run_hours = fields.List(fields.String(), required=True)
    days = fields.List(fields.String(), required=True, allow_none=True)
    score_from = Integer(required=True)
    score_to = Integer(required=True)
    silent_for = fields.String(required=True)
    sequence = fields.String(required=True)
    batch = Integer(required=True)
    most = Integer(required=True, allow_none=True)
    next_run_at = Instant(required=True, allow_none=True, metadata={"description": "Null: inactive."})
    enrolled = Integer(required=True, metadata={"description": "Leads that its runs have enrolled."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


class NurtureRunOut(Schema):
    """A run of a nurture."""

    id = Id(required=True)
    scheduled_for = Instant(required=True)
    asked_by = Id(required=True, allow_none=True, metadata={"description": "User who started it. Null: by schedule."})
    state = Choice(RunState, required=True)
    reason = Choice(RunReason, required=True, allow_none=True)
    started_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)
    taken = Integer(required=True, metadata={"description": "Leads that it enrolled."})
    refused = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Leads that were not enrolled, by reason.", "examples": [{"in_another": 3}]},
    )


class NurturePreviewOut(Schema):
    """Preview of a run at this moment."""

    leads = Integer(required=True, metadata={"description": "Among the leads that you may see."})
    is_complete = Boolean(
        required=True, metadata={"description": "False: there are more leads, which are not counted."}
    )
    is_able = Boolean(
        required=True, metadata={"description": "False: the sequence is missing, inactive or without a gateway."}
    )
    warnings = warnings_field()


class FollowedLeadQuery(PageQuery):
    """Filter of the nurture's leads."""

    state = Choice(FollowUpState, metadata={"description": "State of the lead's latest message."})


class FollowUpOut(Schema):
    """One message of a sequence to a lead."""

    step = fields.String(required=True)
    variant = fields.String(required=True, allow_none=True)
    notification_id = Id(required=True)
    template = fields.String(required=True)
    channel = fields.String(required=True)
    message_type = fields.String(
        required=True, allow_none=True, metadata={"description": "Through a gateway: text, image or video."}
    )
    state = Choice(FollowUpState, required=True)
    written_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(required=True, allow_none=True)
    converted_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Time of conversion, if the message was sent before it."},
    )


class FollowedLeadOut(Schema):
    """A lead that is or was in a sequence."""

    id = Id(required=True, metadata={"description": "Id of the enrollment."})
    lead_id = Id(required=True)
    state = Choice(
        FollowUpState,
        required=True,
        allow_none=True,
        metadata={"description": "State of its latest message. Null: the enrollment ended before the first message."},
    )
    enrollment_state = Choice(EnrollmentState, required=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the enrollment ended or is paused."}
    )
    enrolled_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    follow_up_count = Integer(required=True, metadata={"description": "Number of messages sent."})
    last_follow_up_at = Instant(required=True, allow_none=True)
    next_follow_up_at = Instant(required=True, allow_none=True)
    converted_at = Instant(required=True, allow_none=True)
    messages = fields.List(fields.Nested(FollowUpOut), required=True)


class FollowUpFiguresOut(Schema):
    """Numbers of messages and of their leads."""

    sent = Integer(required=True)
    delivered = Integer(required=True)
    failed = Integer(required=True)
    leads = Integer(required=True, metadata={"description": "Leads with a message."})
    response_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": f"Share of these leads that replied within {REPLY_DAYS} days: 0 to 1. Null: no leads."
        },
    )
    conversion_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Share of these leads that converted after it: 0 to 1. Null: no leads."},
    )


class ProgressOut(FollowUpFiguresOut):
    """Figures of a step of a sequence."""

    step = fields.String(required=True)
    standing = Integer(required=True, metadata={"description": "Leads that have it as their next step now."})


class SequenceFiguresOut(FollowUpFiguresOut):
    """Figures of a sequence that nurtures use."""

    sequence = fields.String(required=True)
    steps = fields.List(fields.Nested(ProgressOut), required=True)


class TemplateFiguresOut(FollowUpFiguresOut):
    """Figures of a template version."""

    template = fields.String(required=True)
    version_id = Id(required=True, allow_none=True)
    version_number = Integer(required=True, allow_none=True)


class HourFiguresOut(FollowUpFiguresOut):
    """Figures of an hour of the day, in the clinic's local time."""

    hour = Integer(required=True, most=23)


class TimeToConversionOut(Schema):
    """Time from the first follow-up of a lead to its conversion, in seconds."""

    leads = Integer(required=True)
    median_seconds = Integer(required=True, allow_none=True)
    mean_seconds = Integer(required=True, allow_none=True)


class NurtureDashboardOut(FollowUpFiguresOut):
    """Figures of all nurtures."""

    since = Instant(required=True)
    until = Instant(required=True)
    sent_today = Integer(required=True, metadata={"description": "Since midnight in the clinic's local time."})
    time_to_conversion = fields.Nested(TimeToConversionOut, required=True)
    sequences = fields.List(fields.Nested(SequenceFiguresOut), required=True)
    messages = fields.List(
        fields.Nested(TemplateFiguresOut),
        required=True,
        metadata={"description": "The ten with the highest response rate, highest first."},
    )
    hours = fields.List(
        fields.Nested(HourFiguresOut), required=True, metadata={"description": "Highest response rate first."}
    )
