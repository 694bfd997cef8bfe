"""Sequences and enrollments, in and out. What the parts of a text may hold is checked against the language itself."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.api.automation.rule_schemas import Part
from app.automation.sequences.enrollments.advance import StepOutcome
from app.automation.sequences.enrollments.enroll import Enrolled
from app.automation.sequences.models import PauseReason, ShownState
from app.engine.sequences.sequence import ExitReason
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.steps.kind_field import StepKindName

MOST_ENROLLED: Final = 500  # in a call
REASONS: Final = sorted({*(reason.value for reason in ExitReason), *(reason.value for reason in PauseReason)})


def _part(says: str, **more: Any) -> Part:
    return Part(metadata={"description": says}, allow_none=True, **more)


class SequenceText(Schema):
    """Steps one after the other, each counted from the end of the one before: docs/sequences.md."""

    description = _part("For people.")
    enroll = _part("What enrolls by itself: `{on: lead.created, when: [...], after: 1 day}`.")
    exit_on = _part("Events that end it for a lead; a reply, an opt-out and the like unless something is said.")
    goal = _part("Events that end it as a success.")
    exit_on_colleague = _part("`custom.company`: a reply of another lead with the same value ends it, too.")
    exclusive = _part("True: a lead is in one such sequence at a time.")
    re_entry = _part("`never`, `after_exit`, or `{after: 90 days}`.")
    label = _part("A tag that the lead has while it is in it.")
    priority = _part("1 comes first; 100 where nothing is said.")


class SequenceIn(SequenceText):
    """A sequence, in force at once, unless it is a draft."""

    name = _part("A slug such as `onboarding`: it stays.", required=True)
    steps = _part("Each with a `name`, an action, and perhaps `after`, `only_if`, `unless`, `next`.", required=True)
    is_active = Boolean(load_default=True)
    is_draft = Boolean(load_default=False, metadata={"description": "To be published later."})


class SequenceChange(SequenceText):
    """The parts to replace; null takes one away."""

    name = _part("As it is.")
    steps = _part("All of them.")
    is_active = Boolean(metadata={"description": "Off: what comes due waits until it is switched on again."})
    is_draft = Boolean(metadata={"description": "Change the draft, and nothing that is in force."})

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
    definition = fields.Dict(required=True, allow_none=True)
    draft = fields.Dict(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


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
