"""Request and response schemas for sequences and enrollments. The rule language defines the fields of sequences."""

from typing import Final

from marshmallow import fields

from app.api.automation.version_schemas import VersionedChange, VersionedIn, VersionedOut, VersionOut
from app.api.operations.kind_field import StepKindName
from app.automation.language.sequences import Sequence
from app.automation.sequences.enrollments.advance import StepOutcome
from app.automation.sequences.enrollments.enroll import EnrollmentResult
from app.automation.sequences.models import DisplayState, PauseReason
from app.engine.events.keys import LONGEST_KEY
from app.engine.sequences.sequence import ExitReason
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.model_fields import ModelField, fields_of
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.models import NotificationState

MOST_ENROLLED: Final = 500  # per request
REASONS: Final = sorted({*(reason.value for reason in ExitReason), *(reason.value for reason in PauseReason)})


class SequenceIn(VersionedIn):
    """A new sequence. It is active at once, unless it is a draft."""

    class Meta(Schema.Meta):
        include = fields_of(Sequence)


class SequenceChange(VersionedChange):
    """Parts to replace; null removes one."""

    class Meta(Schema.Meta):
        include = fields_of(Sequence, is_change=True)

    is_active = Boolean(metadata={"description": "False: due steps wait until it is active again."})


class SequenceOut(VersionedOut):
    """A sequence, with its published definition and its draft."""

    definition = ModelField(
        Sequence, required=True, allow_none=True, metadata={"description": "The published version."}
    )
    draft = ModelField(Sequence, required=True, allow_none=True)


class SequenceVersionOut(VersionOut):
    """A version of a sequence."""

    definition = ModelField(Sequence, required=True)


class SequenceQuery(PageQuery):
    """Filter of sequences."""

    is_active = Boolean()


class EnrollIn(Schema):
    """The leads to enroll."""

    lead_ids = ListOf(Id(), least=1, most=MOST_ENROLLED, required=True)
    about = Text(
        LONGEST_KEY,
        least=1,
        metadata={
            "description": "The value of the sequence's `key`, such as an invoice: a lead is enrolled once "
            "for each value. Without it any of the sequence's events ends the enrollment.",
            "examples": ["2026-117"],
        },
    )


class EnrollResultOut(Schema):
    """The result of one lead."""

    lead_id = Id(required=True)
    status = Integer(required=True, metadata={"description": "201: enrolled; 404: unknown lead; 409: see `result`."})
    result = Choice(EnrollmentResult, required=True)


class EnrollOut(Schema):
    """The result of each lead, in the order of the request."""

    enrolled = Integer(required=True)
    results = fields.List(fields.Nested(EnrollResultOut), required=True)


class EnrollmentQuery(PageQuery):
    """Filter of enrollments."""

    state = Choice(DisplayState)


class EnrollmentOut(Schema):
    """An enrollment of a lead in a sequence."""

    id = Id(required=True)
    lead_id = Id(required=True)
    sequence_id = Id(required=True)
    sequence = fields.String(required=True)
    sequence_version = Integer(
        required=True, metadata={"description": "Publishing another version does not change it."}
    )
    about = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What it is about, such as `invoice A`. Null: the lead."},
    )
    state = Choice(DisplayState, required=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"enum": [*REASONS, None], "description": "Why it is paused or ended."}
    )
    step = fields.String(required=True, allow_none=True, metadata={"description": "Name of the next or the last step."})
    step_id = Id(required=True, allow_none=True)
    next_at = Instant(required=True, allow_none=True, metadata={"description": "Due time of that step."})
    waits_for_task_id = Id(required=True, allow_none=True)
    seconds_left = fields.Float(
        required=True, allow_none=True, metadata={"description": "If paused: remaining wait before the next step."}
    )
    enrolled_at = Instant(required=True)
    enrolled_by = Id(required=True, allow_none=True, metadata={"description": "Null: by a rule."})
    changed_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    unknown_messages = Integer(
        required=True,
        metadata={"description": "Messages that may have arrived: resolve them with POST /api/notifications/resolve."},
    )
    failed_messages = Integer(required=True, metadata={"description": "Messages that were not delivered."})


class EnrollmentStepOut(Schema):
    """A finished step of an enrollment."""

    step = fields.String(required=True)
    kind = StepKindName(required=True)
    variant = fields.String(required=True, allow_none=True)
    outcome = Choice(StepOutcome, required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it was skipped."})
    sequence_version = Integer(required=True)
    step_id = Id(required=True, allow_none=True)
    notification_id = Id(required=True, allow_none=True)
    message_state = Choice(
        NotificationState, required=True, allow_none=True, metadata={"description": "Delivery state of its message."}
    )
    task_id = Id(required=True, allow_none=True)
    at = Instant(required=True)


class EnrollmentDetailOut(EnrollmentOut):
    """An enrollment with its finished steps."""

    steps = fields.List(fields.Nested(EnrollmentStepOut), required=True)
