"""Request and response schemas of assignment rules, their dry run and the assignment history."""

from typing import Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, ListOf, Text
from app.http.schemas.schema import Schema
from app.leads.assignment.models import AssignmentReason, Strategy
from app.leads.assignment.rules.roster import Obstacle
from app.leads.assignment.rules.rules import MOST_COUNTED, MOST_RULES
from app.leads.attribution.models import SourceCategory
from app.leads.enums import TreatmentInterest

MOST_MEMBERS: Final = 100
MOST_SOURCES: Final = 200
MOST_PREFIXES: Final = 500


class MemberSchema(Schema):
    """Member of a rule."""

    user_id = Id(required=True)
    weight = Integer(
        least=1,
        most=100,
        load_default=1,
        metadata={"description": "With `capacity`: a member with twice the weight gets twice as many leads."},
    )
    ceiling = Integer(
        least=1,
        most=MOST_COUNTED,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "Maximum number of open leads for assignment by this rule. The lowest of a user's ceilings"
            " also limits the default assignment. Manual assignment is not limited. Null: no ceiling."
        },
    )


class ConditionsSchema(Schema):
    """Conditions on a lead; all must hold. An empty condition holds for every lead."""

    source_ids = ListOf(Id(), most=MOST_SOURCES, load_default=list)
    source_categories = ListOf(
        Choice(SourceCategory),
        most=len(SourceCategory),
        load_default=list,
        metadata={"description": "The lead's source is in `source_ids` or has one of these categories."},
    )
    postal_prefixes = ListOf(
        Text(10, least=1),
        most=MOST_PREFIXES,
        load_default=list,
        metadata={"description": "The postal code starts with one of these; spaces and case are ignored."},
    )
    treatment_interests = ListOf(Choice(TreatmentInterest), most=len(TreatmentInterest), load_default=list)


class RuleIn(Schema):
    """An assignment rule. Matching leads go to its members; if none is available, to `fallback_id`."""

    name = Text(100, least=1, required=True, metadata={"examples": ["Referrals by doctors"]})
    is_active = Boolean(load_default=True)
    strategy = Choice(
        Strategy,
        required=True,
        metadata={
            "description": "`round_robin`: members take turns. `capacity`: the member with the fewest open leads"
            " relative to their weight. `schedule`: members on duty, else the next on duty, by turns."
        },
    )
    conditions = fields.Nested(ConditionsSchema, load_default=lambda: ConditionsSchema().load({}))
    members = ListOf(fields.Nested(MemberSchema), most=MOST_MEMBERS, load_default=list)
    fallback_id = Id(
        allow_none=True,
        load_default=None,
        metadata={"description": "User who gets the lead if no member is available. Null: the next rule decides."},
    )

    @validates_schema
    def _has_a_user(self, data: JsonDict, **_: object) -> None:
        if not data["members"] and not data["fallback_id"]:
            raise ValidationError("Name a member or a fallback.", "members")

    @validates_schema
    def _fallback_is_no_member(self, data: JsonDict, **_: object) -> None:
        if data["fallback_id"] in [member["user_id"] for member in data["members"]]:
            raise ValidationError(
                "Must not be a member of the rule, because the member's ceiling applies.", "fallback_id"
            )

    @validates_schema
    def _members_are_unique(self, data: JsonDict, **_: object) -> None:
        named = [member["user_id"] for member in data["members"]]
        doubles = [i for i, user_id in enumerate(named) if user_id in named[:i]]
        if doubles:
            raise ValidationError({"members": {i: {"user_id": ["Given more than once."]} for i in doubles}})


class RuleOut(Schema):
    """An assignment rule."""

    id = Id(required=True)
    name = fields.String(required=True)
    is_active = Boolean(required=True)
    position = Integer(
        required=True, metadata={"description": "From 0. The first rule with an available user decides."}
    )
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
    """An existing lead, or the fields of a new one."""

    lead_id = Id()
    source_id = Id()
    postal_code = Text(20, allow_none=True)
    treatment_interest = ListOf(Choice(TreatmentInterest), most=len(TreatmentInterest))

    @validates_schema
    def _is_one_lead(self, data: JsonDict, **_: object) -> None:
        if "lead_id" in data and len(data) > 1:
            raise ValidationError("Give either lead_id or the fields of a lead.", "lead_id")


class StandingOut(Schema):
    """Availability of a member."""

    user_id = Id(required=True)
    obstacle = Choice(Obstacle, required=True, allow_none=True, metadata={"description": "Null: available."})
    open_leads = Integer(
        required=True, allow_none=True, metadata={"description": "Null if the rule does not depend on it."}
    )


class VerdictOut(Schema):
    """Result of one rule for the lead."""

    rule_id = Id(required=True)
    name = fields.String(required=True)
    strategy = Choice(Strategy, required=True)
    matches = Boolean(required=True)
    failing = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Failing conditions: `source`, `postal_code`, `treatment_interest`."},
    )
    members = fields.List(fields.Nested(StandingOut), required=True)
    would_choose = Id(required=True, allow_none=True)


class DryRunOut(Schema):
    """Result of the dry run."""

    assigned_to_id = Id(
        required=True,
        allow_none=True,
        metadata={
            "description": "Null: unassigned, or the next user of `default_team`, which depends on the lead's id."
        },
    )
    why = Choice(AssignmentReason, required=True)
    rule_id = Id(required=True, allow_none=True)
    rules = fields.List(fields.Nested(VerdictOut), required=True, metadata={"description": "Active rules, in order."})
    default_team = fields.List(
        Id(), required=True, metadata={"description": "Users who take turns if no rule decides."}
    )


class AssignmentOut(Schema):
    """One change of a lead's coordinator."""

    id = Id(required=True)
    from_id = Id(required=True, allow_none=True)
    to_id = Id(required=True, allow_none=True)
    by_id = Id(required=True, allow_none=True, metadata={"description": "Null: automation or an API key."})
    why = Choice(AssignmentReason, required=True)
    rule_id = Id(required=True, allow_none=True)
    rule_name = fields.String(
        required=True, allow_none=True, metadata={"description": "Name of the rule at that time."}
    )
    reason = fields.String(required=True, allow_none=True)
    at = Instant(required=True)
