"""Request and response schemas for sequences and enrollments. The models of the rule language define the former."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.automation.rule_schemas import VersionOut
from app.api.operations.kind_field import StepKindName
from app.automation.language.sequences import Sequence
from app.automation.sequences.enrollments.advance import StepOutcome
from app.automation.sequences.enrollments.enroll import Enrolled
from app.automation.sequences.models import PauseReason, ShownState
from app.engine.sequences.sequence import ExitReason
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf
from app.http.schemas.model_fields import ModelField, fields_of
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema

MOST_ENROLLED: Final = 500  # in a call
REASONS: Final = sorted({*(reason.value for reason in ExitReason), *(reason.value for reason in PauseReason)})


class SequenceIn(Schema):
    """A sequence, in force at once, unless it is a draft."""

    class Meta(Schema.Meta):
        include = fields_of(Sequence)

    is_active = Boolean(load_default=True)
    is_draft = Boolean(load_default=False, metadata={"description": "Publish it later."})


class SequenceChange(Schema):
    """The parts to replace; null removes one."""

    class Meta(Schema.Meta):
        include = fields_of(Sequence, is_change=True)

    is_active = Boolean(metadata={"description": "False: due steps wait until it is switched on again."})
    is_draft = Boolean(metadata={"description": "Change the draft only, not the version in force."})

    @validates_schema
    def _changes_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Name what to change.")


class SequenceOut(Schema):
    """A sequence, with the text in force and the draft, if there is one."""

    id = Id(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    playbook = fields.String(required=True, allow_none=True, metadata={"description": "Where it came from."})
    is_active = Boolean(required=True)
    paused_because = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the engine switched it off by itself."}
    )
    published_version = Integer(required=True, allow_none=True)
    definition = ModelField(Sequence, required=True, allow_none=True, metadata={"description": "The version in force."})
    draft = ModelField(Sequence, required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


class SequenceVersionOut(VersionOut):
    """One version of a sequence."""

    definition = ModelField(Sequence, required=True)


class SequenceQuery(PageQuery):
    """Which sequences."""

    is_active = Boolean()


class EnrollIn(Schema):
    """The leads to enroll."""

    lead_ids = ListOf(Id(), least=1, most=MOST_ENROLLED, required=True)


class EnrollResultOut(Schema):
    """What came of one lead."""

    lead_id = Id(required=True)
    status = Integer(required=True, metadata={"description": "201: it is in; 404: no such lead; 409: see the result."})
    result = Choice(Enrolled, required=True)


class EnrollOut(Schema):
    """What came of each lead, in the order given."""

    enrolled = Integer(required=True)
    results = fields.List(fields.Nested(EnrollResultOut), required=True)


class EnrollmentQuery(PageQuery):
    """Which enrollments."""

    state = Choice(ShownState)


class EnrollmentOut(Schema):
    """A lead's way through a sequence."""

    id = Id(required=True)
    lead_id = Id(required=True)
    sequence_id = Id(required=True)
    sequence = fields.String(required=True)
    sequence_version = Integer(required=True, metadata={"description": "It stays, whatever is published later."})
    state = Choice(ShownState, required=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"enum": [*REASONS, None], "description": "Why it is paused or over."}
    )
    step = fields.String(
        required=True, allow_none=True, metadata={"description": "The one that comes next, or came last."}
    )
    step_id = Id(required=True, allow_none=True)
    next_at = Instant(required=True, allow_none=True, metadata={"description": "When that is, or was, due."})
    waits_for_task_id = Id(required=True, allow_none=True)
    seconds_left = fields.Float(
        required=True, allow_none=True, metadata={"description": "Paused: of the wait before the next step."}
    )
    enrolled_at = Instant(required=True)
    enrolled_by = Id(required=True, allow_none=True, metadata={"description": "Null: a rule."})
    changed_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)


class EnrollmentStepOut(Schema):
    """A step that an enrollment came by."""

    step = fields.String(required=True)
    kind = StepKindName(required=True)
    variant = fields.String(required=True, allow_none=True)
    outcome = Choice(StepOutcome, required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it was skipped."})
    sequence_version = Integer(required=True)
    step_id = Id(required=True, allow_none=True)
    notification_id = Id(required=True, allow_none=True)
    task_id = Id(required=True, allow_none=True)
    at = Instant(required=True)


class EnrollmentDetailOut(EnrollmentOut):
    """An enrollment, with the steps that it came by."""

    steps = fields.List(fields.Nested(EnrollmentStepOut), required=True)
