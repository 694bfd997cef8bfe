"""Nurtures and their runs, in and out."""

from typing import Any, Final

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from app.api.clinic.settings_schemas import Length
from app.api.messaging.gateway_schemas import SLUG
from app.automation.language.shapes import LONGEST_SLUG, MOST_HOURS
from app.automation.nurtures.models import DEFAULT_BATCH, RunReason, RunState
from app.automation.nurtures.tracking import FollowUpState
from app.automation.sequences.models import EnrollmentState
from app.core.calendar.hours import WEEKDAYS
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.leads.models import HIGHEST_SCORE
from app.leads.timeline.responses import REPLY_DAYS

SMALLEST_BATCH, LARGEST_BATCH = 50, 100
RUN_HOURS: Final = ("09:00", "14:00", "18:00")  # leads-follow-up-feature.md, "Cron Job Configuration"
SILENT_FOR: Final = "24 hours"  # ... "Lead Identification Criteria"
_HOUR: Final = (r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "Must be an hour of the day, such as 09:00.")
_SCORE: Final = f"0 to {HIGHEST_SCORE}, as leads have it; both ends are included."


def _run_hours(**options: Any) -> ListOf:
    says = {"description": "On the clinic's wall."}
    return ListOf(Text(5, form=_HOUR), least=1, most=MOST_HOURS, metadata=says, **options)


def _days(**options: Any) -> ListOf:
    says = {"description": "Days of the week; null: all of them."}
    day = fields.String(validate=validate.OneOf(WEEKDAYS))
    return ListOf(day, least=1, most=len(WEEKDAYS), allow_none=True, metadata=says, **options)


class NurtureChange(Schema):
    """What can be changed of a nurture; what is left out stays."""

    is_active = Boolean(metadata={"description": "Off: there are no runs, and one that is under way stops."})
    run_hours = _run_hours()
    days = _days()
    score_from = Integer(most=HIGHEST_SCORE, metadata={"description": _SCORE})
    score_to = Integer(most=HIGHEST_SCORE, metadata={"description": _SCORE})
    silent_for = Length(
        metadata={"description": "Nothing was heard of the lead for so long.", "examples": [SILENT_FOR]}
    )
    sequence = Text(LONGEST_SLUG, least=1, metadata={"description": "The name of the one that leads are taken into."})
    batch = Integer(
        least=SMALLEST_BATCH, most=LARGEST_BATCH, metadata={"description": "Leads that are taken at a time."}
    )
    most = Integer(least=1, allow_none=True, metadata={"description": "Leads of one run; null: all that there are."})

    @validates_schema(skip_on_field_errors=True)
    def _scores_in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("score_from", 0) > data.get("score_to", HIGHEST_SCORE):
            raise ValidationError({"score_to": ["Must not be less than score_from."]})

    @post_load
    def _in_order(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Each hour and each day once."""
        if "run_hours" in data:
            data["run_hours"] = sorted(set(data["run_hours"]))
        if data.get("days"):
            data["days"] = sorted(set(data["days"]), key=WEEKDAYS.index)
        return data


class NurtureIn(NurtureChange):
    """A new nurture; whoever scores leads has to say which of them it takes."""

    name = Text(LONGEST_SLUG, least=1, form=SLUG, required=True, metadata={"description": "It stays."})
    is_active = Boolean(load_default=True)
    run_hours = _run_hours(load_default=lambda: list(RUN_HOURS))
    days = _days(load_default=None)
    score_from = Integer(most=HIGHEST_SCORE, required=True, metadata={"description": _SCORE})
    score_to = Integer(most=HIGHEST_SCORE, required=True, metadata={"description": _SCORE})
    silent_for = Length(load_default=SILENT_FOR)
    sequence = Text(LONGEST_SLUG, least=1, required=True)
    batch = Integer(least=SMALLEST_BATCH, most=LARGEST_BATCH, load_default=DEFAULT_BATCH)
    most = Integer(least=1, allow_none=True, load_default=None)


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
