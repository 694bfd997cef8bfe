"""Request and response schemas for rules. The models of the rule language define their parts."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema
from typing_extensions import TypeAliasType

from app.api.capture.bulk_schemas import JobOut
from app.api.messaging.template_schemas import DifferenceOut
from app.automation.language.conditions import Condition, PlainValue
from app.automation.language.rules import Rule
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Text
from app.http.schemas.model_fields import ModelField, fields_of
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema

MOST_DAYS: Final = 90
MOST_PER_HOUR: Final = 100_000


FactValue = TypeAliasType("FactValue", PlainValue | list[PlainValue])
FoundValue = TypeAliasType(  # of a group of conditions: the values of its fields, by path
    "FoundValue",
    FactValue | dict[str, FactValue],
)


class FollowUpRuleIn(Schema):
    """A rule, in force at once, unless it is a draft."""

    class Meta(Schema.Meta):
        include = fields_of(Rule)

    is_active = Boolean(load_default=True)
    is_draft = Boolean(load_default=False, metadata={"description": "Publish it later."})


class FollowUpRuleChange(Schema):
    """The parts to replace; null removes one."""

    class Meta(Schema.Meta):
        include = fields_of(Rule, is_change=True)

    is_active = Boolean(
        metadata={
            "description": "False: pending steps are skipped when they are due. True: the failures of a paused rule are"
            " counted anew, and its waiting steps go on."
        }
    )
    is_draft = Boolean(metadata={"description": "Change the draft only, not the version in force."})

    @validates_schema
    def _changes_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Name what to change.")


class FollowUpRuleOut(Schema):
    """A rule, with the text in force and the draft, if there is one."""

    id = Id(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    playbook = fields.String(required=True, allow_none=True, metadata={"description": "Where it came from."})
    is_active = Boolean(required=True)
    paused_because = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the engine switched it off by itself."}
    )
    priority = Integer(required=True)
    published_version = Integer(required=True, allow_none=True)
    definition = ModelField(Rule, required=True, allow_none=True, metadata={"description": "The version in force."})
    draft = ModelField(Rule, required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


class FollowUpRuleQuery(PageQuery):
    """Which rules."""

    is_active = Boolean()
    playbook = Text(100, least=1)


class VersionOut(Schema):
    """One version of a definition."""

    number = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft."})
    state = fields.String(required=True, metadata={"enum": ["draft", "published", "retired"]})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class RuleVersionOut(VersionOut):
    """One version of a rule."""

    definition = ModelField(Rule, required=True)


class CompareQuery(QuerySchema):
    """Two versions."""

    before = Integer(least=1, metadata={"description": "The one in force, unless it is given."})
    after = Integer(least=1, metadata={"description": "The draft, unless it is given; without one, that in force."})


class ComparisonOut(Schema):
    """What differs between two versions."""

    before = Integer(required=True, allow_none=True)
    after = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft."})
    differences = fields.List(fields.Nested(DifferenceOut), required=True)


class RollBackIn(Schema):
    """The version whose text shall be in force again."""

    number = Integer(least=1, required=True)


class RuleTestIn(Schema):
    """What to try a rule with: a lead that is there, sample facts, or both."""

    event = Text(100, least=1, metadata={"description": "One that the rule listens to; its first, unless given."})
    lead_id = Id()
    facts = fields.Dict(
        keys=fields.String(),
        values=ModelField(FactValue),
        metadata={
            "description": "Facts by path, instead of those of the lead.",
            "examples": [{"lead.source_category": "WEB_PAID", "event.outcome": "no_answer"}],
        },
    )
    at = Instant(metadata={"description": "When it happens; now, unless it is given."})


class ConditionOut(Schema):
    """A condition, what it found, and whether it holds."""

    condition = ModelField(Condition, required=True)
    value = ModelField(FoundValue, required=True, allow_none=True)
    holds = Boolean(required=True)


class MoveOut(Schema):
    """What put a due time off, and to when."""

    by = fields.String(required=True)
    to = Instant(required=True)


class GateCheckOut(Schema):
    """What one check of the gate says by itself, and what it looked at."""

    check = fields.String(required=True)
    is_asked = Boolean(required=True, metadata={"description": "Not of what the lead waits for, but for some."})
    verdict = fields.String(required=True, metadata={"enum": ["allowed", "later", "never"]})
    reason = fields.String(required=True, allow_none=True)
    until = Instant(required=True, allow_none=True)
    looked_at = fields.Dict(required=True)


class GateOut(Schema):
    """Whether a message may go to the lead when it is due."""

    verdict = fields.String(required=True, metadata={"enum": ["allowed", "later", "never"]})
    reason = fields.String(required=True, allow_none=True)
    until = Instant(required=True, allow_none=True, metadata={"description": "The first moment that all checks allow."})
    checks = fields.List(fields.Nested(GateCheckOut), required=True)


class TriedStepOut(Schema):
    """A step that would be planned."""

    kind = fields.String(required=True)
    wanted_at = Instant(metadata={"description": "What the wait alone says, where something moved it."})
    due_at = Instant(required=True)
    local_time = fields.String(required=True, metadata={"description": "On the clinic's wall."})
    moves = fields.List(fields.Nested(MoveOut))
    settings = fields.Dict(required=True)
    stops_on = fields.List(fields.String(), required=True)
    only_if = fields.List(fields.Nested(ConditionOut), required=True, metadata={"description": "As they are now."})
    unless = fields.List(fields.Nested(ConditionOut), required=True)
    gate = fields.Nested(
        GateOut, required=True, allow_none=True, metadata={"description": "Of a message to a lead that is there."}
    )


class RuleTestOut(Schema):
    """What the rule would do, and why."""

    event = fields.String(required=True)
    at = Instant(required=True)
    version = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft was tried."})
    matches = Boolean(required=True)
    verdict = fields.String(required=True)
    conditions = fields.List(fields.Nested(ConditionOut), required=True)
    steps = fields.List(fields.Nested(TriedStepOut), required=True)


class ImpactQuery(QuerySchema):
    """Of how many days."""

    days = Integer(least=1, most=MOST_DAYS, load_default=30)


class UnmetOut(Schema):
    """What stood in the way of how many events."""

    verdict = fields.String(required=True)
    condition = ModelField(Condition, required=True, allow_none=True)
    events = Integer(required=True)


class ImpactOut(Schema):
    """What the rule would have done with the events of the last days."""

    days = Integer(required=True)
    events = Integer(required=True)
    is_complete = Boolean(required=True, metadata={"description": "False: only the newest 20,000 were looked at."})
    matched = Integer(required=True)
    leads = Integer(required=True)
    steps = fields.Dict(keys=fields.String(), values=Integer(), required=True, metadata={"description": "By kind."})
    blocked = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Messages that nobody would get, by the gate's reason: of the newest 2,000."},
    )
    put_off = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Steps by what moved them, and messages that the gate would put off, by its reason."},
    )
    unmet = fields.List(fields.Nested(UnmetOut), required=True)
    lead_ids = fields.List(Id(), required=True, metadata={"description": "Some that it matches."})


class CancelledOut(Schema):
    """How many pending steps were called off."""

    cancelled = Integer(required=True)


class BackfillIn(Schema):
    """How many leads begin in an hour."""

    per_hour = Integer(
        least=1,
        most=MOST_PER_HOUR,
        load_default=200,
        metadata={"description": "Leads whose wait is not over yet, or that have a date ahead, take none of it."},
    )
    dry_run = Boolean(load_default=False, metadata={"description": "Look at what it would do, and write nothing."})


class BackfillPreviewOut(Schema):
    """What a backfill would do."""

    leads = Integer(required=True, metadata={"description": "Open leads that were looked at."})
    is_complete = Boolean(required=True, metadata={"description": "False: only the first 10,000 were looked at."})
    matched = Integer(required=True, metadata={"description": "Leads that would get something."})
    have_steps = Integer(required=True, metadata={"description": "Leads that got what the rule wants before."})
    steps = fields.Dict(keys=fields.String(), values=Integer(), required=True, metadata={"description": "By kind."})
    blocked = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Messages that nobody would get, by the reason that is known beforehand."},
    )
    put_off = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Messages that would have to wait when they are due: for hours, for caps."},
    )
    last_due_at = Instant(required=True, allow_none=True)


class BackfillOut(Schema):
    """The job that does it; of a dry run what it would do."""

    job = fields.Nested(JobOut, required=True, allow_none=True)
    preview = fields.Nested(BackfillPreviewOut, required=True, allow_none=True)
