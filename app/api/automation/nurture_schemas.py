"""Request and response schemas for nurtures and their runs. A model of the rule language defines the former."""

from marshmallow import fields

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
    """The parts to replace; the others stay."""

    class Meta(Schema.Meta):
        include = fields_of(Nurture, leave_out={"name"}, is_change=True, null_is_absent=False)


class NurtureOut(Schema):
    """Whom a run takes, and when there is one."""

    id = Id(required=True)
    name = fields.String(required=True)
    playbook = fields.String(required=True, allow_none=True, metadata={"description": "Where it came from."})
    is_active = Boolean(required=True)
    run_hours = fields.List(fields.String(), required=True)
    days = fields.List(fields.String(), required=True, allow_none=True)
    score_from = Integer(required=True)
    score_to = Integer(required=True)
    silent_for = fields.String(required=True)
    sequence = fields.String(required=True)
    batch = Integer(required=True)
    most = Integer(required=True, allow_none=True)
    next_run_at = Instant(required=True, allow_none=True, metadata={"description": "Null: it is switched off."})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


class NurtureRunOut(Schema):
    """One run."""

    id = Id(required=True)
    scheduled_for = Instant(required=True)
    asked_by = Id(required=True, allow_none=True, metadata={"description": "Null: it was its hour."})
    state = Choice(RunState, required=True)
    reason = Choice(RunReason, required=True, allow_none=True)
    started_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)
    taken = Integer(required=True, metadata={"description": "Leads that are in the sequence because of it."})
    refused = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Leads that the sequence did not take, by why.", "examples": [{"in_another": 3}]},
    )


class NurturePreviewOut(Schema):
    """What a run would do now."""

    leads = Integer(required=True, metadata={"description": "Of those that you may see."})
    is_complete = Boolean(required=True, metadata={"description": "False: there are more, they were not counted."})
    is_able = Boolean(required=True, metadata={"description": "False: the sequence is not there, or switched off."})


class FollowedLeadQuery(PageQuery):
    """Which leads of the nurture's sequence."""

    state = Choice(FollowUpState, metadata={"description": "That of the lead's latest message."})


class FollowUpOut(Schema):
    """One message of a sequence to a lead."""

    step = fields.String(required=True)
    variant = fields.String(required=True, allow_none=True)
    notification_id = Id(required=True)
    template = fields.String(required=True)
    channel = fields.String(required=True)
    message_type = fields.String(
        required=True, allow_none=True, metadata={"description": "By a gateway: text, image or video."}
    )
    state = Choice(FollowUpState, required=True)
    written_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(required=True, allow_none=True)
    converted_at = Instant(required=True, allow_none=True, metadata={"description": "When it came before that."})


class FollowedLeadOut(Schema):
    """A lead on its way through a sequence."""

    id = Id(required=True, metadata={"description": "Of the enrollment."})
    lead_id = Id(required=True)
    state = Choice(
        FollowUpState,
        required=True,
        allow_none=True,
        metadata={"description": "That of its latest message; null: it left before there was one."},
    )
    enrollment_state = Choice(EnrollmentState, required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it left, or is paused."})
    enrolled_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    follow_up_count = Integer(required=True, metadata={"description": "Messages that were sent."})
    last_follow_up_at = Instant(required=True, allow_none=True)
    next_follow_up_at = Instant(required=True, allow_none=True)
    converted_at = Instant(required=True, allow_none=True)
    messages = fields.List(fields.Nested(FollowUpOut), required=True)


class FollowUpFiguresOut(Schema):
    """Messages, and the leads that they were sent to."""

    sent = Integer(required=True)
    delivered = Integer(required=True)
    failed = Integer(required=True)
    leads = Integer(required=True, metadata={"description": "That were written to."})
    response_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": f"Of these leads, the part that answered within {REPLY_DAYS} days; null: no leads."},
    )
    conversion_rate = fields.Float(
        required=True, allow_none=True, metadata={"description": "... that was converted after it."}
    )


class ProgressOut(FollowUpFiguresOut):
    """A step of a sequence."""

    step = fields.String(required=True)
    standing = Integer(required=True, metadata={"description": "Leads that have it before them now."})


class SequenceFiguresOut(FollowUpFiguresOut):
    """A sequence that nurtures take leads into."""

    sequence = fields.String(required=True)
    steps = fields.List(fields.Nested(ProgressOut), required=True)


class TemplateFiguresOut(FollowUpFiguresOut):
    """A version of a message."""

    template = fields.String(required=True)
    version_id = Id(required=True, allow_none=True)
    version_number = Integer(required=True, allow_none=True)


class HourFiguresOut(FollowUpFiguresOut):
    """An hour of the day, on the clinic's wall."""

    hour = Integer(required=True, most=23)


class TimeToConversionOut(Schema):
    """From the first follow-up of a lead to its conversion."""

    leads = Integer(required=True)
    median_seconds = Integer(required=True, allow_none=True)
    mean_seconds = Integer(required=True, allow_none=True)


class NurtureDashboardOut(FollowUpFiguresOut):
    """What follow-ups come to."""

    since = Instant(required=True)
    until = Instant(required=True)
    sent_today = Integer(required=True, metadata={"description": "Since midnight on the clinic's wall."})
    time_to_conversion = fields.Nested(TimeToConversionOut, required=True)
    sequences = fields.List(fields.Nested(SequenceFiguresOut), required=True)
    messages = fields.List(
        fields.Nested(TemplateFiguresOut), required=True, metadata={"description": "The best answered first; ten."}
    )
    hours = fields.List(
        fields.Nested(HourFiguresOut), required=True, metadata={"description": "The best answered first."}
    )
