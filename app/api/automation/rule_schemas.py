"""Request and response schemas for rules. The rule language defines their parts."""

from typing import Final

from marshmallow import fields
from typing_extensions import TypeAliasType

from app.api.automation.version_schemas import VersionedChange, VersionedIn, VersionedOut, VersionOut
from app.automation.language.condition_values import PlainValue
from app.automation.language.conditions import Condition
from app.automation.language.rules import Rule
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.model_fields import ModelField, fields_of
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema

MOST_DAYS: Final = 90


FactValue = TypeAliasType("FactValue", PlainValue | list[PlainValue])
FoundValue = TypeAliasType(  # for a group of conditions: the values of its fields, by path
    "FoundValue",
    FactValue | dict[str, FactValue],
)


class FollowUpRuleIn(VersionedIn):
    """A new rule. It is active at once, unless it is a draft."""

    class Meta(Schema.Meta):
        include = fields_of(Rule)


class FollowUpRuleChange(VersionedChange):
    """Parts to replace; null removes one."""

    class Meta(Schema.Meta):
        include = fields_of(Rule, is_change=True)

    is_active = Boolean(
        metadata={
            "description": "False: pending steps are skipped when they are due. True: the failures of a paused rule are"
            " counted from zero, and its waiting steps run."
        }
    )


class RunsOut(Schema):
    """Steps and messages of a rule that ran. A message counts when it was handed over, a step when it ended."""

    total = Integer(required=True)
    succeeded = Integer(required=True)
    failed = Integer(required=True, metadata={"description": "After all tries, and messages that were refused."})


class FollowUpRuleOut(VersionedOut):
    """A rule, with its published definition and its draft."""

    priority = Integer(required=True)
    runs = fields.Nested(RunsOut, required=True)
    definition = ModelField(Rule, required=True, allow_none=True, metadata={"description": "The published version."})
    draft = ModelField(Rule, required=True, allow_none=True)


class FollowUpRuleQuery(PageQuery):
    """Filter of rules."""

    is_active = Boolean()
    playbook = Text(100, least=1)


class RuleVersionOut(VersionOut):
    """A version of a rule."""

    definition = ModelField(Rule, required=True)


class RuleTestIn(Schema):
    """Test data: an existing lead, sample facts, or both."""

    event = Text(100, least=1, metadata={"description": "An event of the rule. Default: the first one."})
    lead_id = Id()
    facts = MapOf(
        keys=fields.String(),
        values=ModelField(FactValue),
        metadata={
            "description": "Facts by path. They replace those of the lead.",
            "examples": [{"lead.source_category": "WEB_PAID", "event.outcome": "no_answer"}],
        },
    )
    at = Instant(metadata={"description": "Time of the event. Default: now."})


class ConditionOut(Schema):
    """A condition, the value found, and whether it holds."""

    condition = ModelField(Condition, required=True)
    value = ModelField(FoundValue, required=True, allow_none=True)
    holds = Boolean(required=True)


class MoveOut(Schema):
    """A change of a due time: its cause and the new time."""

    by = fields.String(required=True)
    to = Instant(required=True)


class GateCheckOut(Schema):
    """A check of the gate: its own decision and its input."""

    check = fields.String(required=True)
    is_asked = Boolean(
        required=True,
        metadata={
            "description": "Whether the check applies. Most checks do not apply to messages that the lead expects."
        },
    )
    verdict = fields.String(required=True, metadata={"enum": ["allowed", "later", "never"]})
    reason = fields.String(required=True, allow_none=True)
    until = Instant(required=True, allow_none=True)
    looked_at = fields.Dict(required=True)


class GateOut(Schema):
    """The gate's decision about a message at its due time."""

    verdict = fields.String(required=True, metadata={"enum": ["allowed", "later", "never"]})
    reason = fields.String(required=True, allow_none=True)
    until = Instant(required=True, allow_none=True, metadata={"description": "Earliest time that all checks allow."})
    checks = fields.List(fields.Nested(GateCheckOut), required=True)


class TriedStepOut(Schema):
    """A step that the rule would plan."""

    kind = fields.String(required=True)
    wanted_at = Instant(metadata={"description": "Due time by the wait alone, if something moved it."})
    due_at = Instant(required=True)
    local_time = fields.String(required=True, metadata={"description": "In the clinic's local time."})
    moves = fields.List(fields.Nested(MoveOut))
    settings = fields.Dict(required=True)
    stops_on = fields.List(fields.String(), required=True)
    only_if = fields.List(
        fields.Nested(ConditionOut), required=True, metadata={"description": "Evaluated with current facts."}
    )
    unless = fields.List(fields.Nested(ConditionOut), required=True)
    gate = fields.Nested(
        GateOut, required=True, allow_none=True, metadata={"description": "For a message to an existing lead."}
    )


class RuleTestOut(Schema):
    """The rule's decision and its reasons."""

    event = fields.String(required=True)
    at = Instant(required=True)
    version = Integer(required=True, allow_none=True, metadata={"description": "Null: the draft was tested."})
    matches = Boolean(required=True)
    verdict = fields.String(required=True)
    conditions = fields.List(fields.Nested(ConditionOut), required=True)
    steps = fields.List(fields.Nested(TriedStepOut), required=True)


class ImpactQuery(QuerySchema):
    """Period of the preview."""

    days = Integer(least=1, most=MOST_DAYS, load_default=30)


class UnmetOut(Schema):
    """An unmet condition, and the number of its events."""

    verdict = fields.String(required=True)
    condition = ModelField(Condition, required=True, allow_none=True)
    events = Integer(required=True)


class ImpactOut(Schema):
    """Impact of the rule on the events of the last days."""

    days = Integer(required=True)
    events = Integer(required=True)
    is_complete = Boolean(
        required=True, metadata={"description": "False: only the newest 20,000 events were evaluated."}
    )
    matched = Integer(required=True)
    leads = Integer(required=True)
    steps = fields.Dict(keys=fields.String(), values=Integer(), required=True, metadata={"description": "By kind."})
    blocked = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={"description": "Messages that the gate blocks, by reason. For the newest 2,000 messages."},
    )
    put_off = fields.Dict(
        keys=fields.String(),
        values=Integer(),
        required=True,
        metadata={
            "description": "Steps by the cause that moved them, and messages that the gate postpones, by reason."
        },
    )
    unmet = fields.List(fields.Nested(UnmetOut), required=True)
    lead_ids = fields.List(Id(), required=True, metadata={"description": "Some of the matching leads."})


class CancelledOut(Schema):
    """The number of cancelled steps."""

    cancelled = Integer(required=True)
