"""Assignment rules and what they decide, in and out."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.schema import Schema
from app.leads.assignment.models import Strategy, Why
from app.leads.assignment.roster import Obstacle
from app.leads.assignment.rules.rules import MOST_COUNTED, MOST_RULES
from app.leads.attribution.models import SourceCategory
from app.leads.models import TreatmentInterest

MOST_MEMBERS: Final = 100
MOST_SOURCES: Final = 200
MOST_PREFIXES: Final = 500


class MemberSchema(Schema):
    """Somebody who takes part in a rule."""

    user_id = Id(required=True)
    weight = Integer(
        least=1,
        most=100,
        load_default=1,
        metadata={"description": "With `capacity`: of two, who has twice the weight gets twice as many leads."},
    )
    ceiling = Integer(
        least=1,
        most=MOST_COUNTED,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "Gets none by this rule while they have so many open leads, nor by default from the lowest"
            " of all their ceilings on. By hand they may get more. Null: no ceiling."
        },
    )


class ConditionsSchema(Schema):
    """Which leads a rule is for: all that is named has to hold. What names nothing holds for every lead."""

    source_ids = ListOf(Id(), most=MOST_SOURCES, load_default=list)
    source_categories = ListOf(
        Choice(SourceCategory),
        most=len(SourceCategory),
        load_default=list,
        metadata={"description": "The lead's source is one of `source_ids`, or of one of these categories."},
    )
    postal_prefixes = ListOf(
        Text(10, least=1),
        most=MOST_PREFIXES,
        load_default=list,
        metadata={"description": "Its postal code begins with one of these; spaces and case do not matter."},
    )
    treatment_interests = ListOf(Choice(TreatmentInterest), most=len(TreatmentInterest), load_default=list)


class RuleIn(Schema):
    """A rule. Its members share out the leads it is for; when none of them can take one, `fallback_id` does."""

    name = Text(100, least=1, required=True, metadata={"examples": ["Referrals by doctors"]})
    is_active = Boolean(load_default=True)
    strategy = Choice(
        Strategy,
        required=True,
        metadata={
            "description": "`round_robin`: one after the other. `capacity`: who has the fewest open leads for their"
            " weight. `schedule`: who is on duty, else who is so next, one after the other."
        },
    )
    conditions = fields.Nested(ConditionsSchema, load_default=lambda: ConditionsSchema().load({}))
    members = ListOf(fields.Nested(MemberSchema), most=MOST_MEMBERS, load_default=list)
    fallback_id = Id(
        allow_none=True,
        load_default=None,
        metadata={"description": "Null: the next rule decides when no member can take the lead."},
    )

    @validates_schema
    def _names_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if not data["members"] and not data["fallback_id"]:
            raise ValidationError("Name a member or a fallback.", "members")

    @validates_schema
    def _falls_back_on_somebody_else(self, data: dict[str, Any], **_: Any) -> None:
        if data["fallback_id"] in [member["user_id"] for member in data["members"]]:
            raise ValidationError("A member already, whose ceiling counts.", "fallback_id")

    @validates_schema
    def _names_each_once(self, data: dict[str, Any], **_: Any) -> None:
        named = [member["user_id"] for member in data["members"]]
        doubles = [i for i, user_id in enumerate(named) if user_id in named[:i]]
        if doubles:
            raise ValidationError({"members": {i: {"user_id": ["Named before."]} for i in doubles}})


class RuleOut(Schema):
    """A rule."""

    id = Id(required=True)
    name = fields.String(required=True)
    is_active = Boolean(required=True)
    position = Integer(required=True, metadata={"description": "From 0; the first that has somebody decides."})
    strategy = Choice(Strategy, required=True)
    conditions = fields.Nested(ConditionsSchema, required=True)
    members = fields.List(fields.Nested(MemberSchema), required=True)
    fallback_id = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = Integer(required=True)


class RuleOrderIn(Schema):
    """All rules of the clinic, in their new order."""

    ids = ListOf(Id(), most=MOST_RULES, required=True)


class DryRunIn(Schema):
    """A lead that is there, or what one would be like."""

    lead_id = Id()
    source_id = Id()
    postal_code = Text(20, allow_none=True)
    treatment_interest = ListOf(Choice(TreatmentInterest), most=len(TreatmentInterest))

    @validates_schema
    def _is_one_lead(self, data: dict[str, Any], **_: Any) -> None:
        if "lead_id" in data and len(data) > 1:
            raise ValidationError("Name a lead, or say what one is like.", "lead_id")


class StandingOut(Schema):
    """How a member stands."""

    user_id = Id(required=True)
    obstacle = Choice(Obstacle, required=True, allow_none=True, metadata={"description": "Null: could take the lead."})
    open_leads = Integer(
        required=True, allow_none=True, metadata={"description": "Null where it does not matter to the rule."}
    )


class VerdictOut(Schema):
    """What a rule says of the lead."""

    rule_id = Id(required=True)
    name = fields.String(required=True)
    strategy = Choice(Strategy, required=True)
    matches = Boolean(required=True)
    failing = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What does not hold: `source`, `postal_code`, `treatment_interest`."},
    )
    members = fields.List(fields.Nested(StandingOut), required=True)
    would_choose = Id(required=True, allow_none=True)


class DryRunOut(Schema):
    """Who would get the lead, and why."""

    assigned_to_id = Id(
        required=True,
        allow_none=True,
        metadata={"description": "Null: nobody, or whoever of `default_team` has the turn, which a lead's id tells."},
    )
    why = Choice(Why, required=True)
    rule_id = Id(required=True, allow_none=True)
    rules = fields.List(fields.Nested(VerdictOut), required=True, metadata={"description": "Active ones, in order."})
    default_team = fields.List(
        Id(), required=True, metadata={"description": "Who takes turns where no rule has anybody."}
    )


class AssignmentOut(Schema):
    """One change of a lead's coordinator."""

    id = Id(required=True)
    from_id = Id(required=True, allow_none=True)
    to_id = Id(required=True, allow_none=True)
    by_id = Id(required=True, allow_none=True, metadata={"description": "Null: the automation, or a program."})
    why = Choice(Why, required=True)
    rule_id = Id(required=True, allow_none=True)
    rule_name = fields.String(required=True, allow_none=True, metadata={"description": "As it was called then."})
    reason = fields.String(required=True, allow_none=True)
    at = Instant(required=True)
