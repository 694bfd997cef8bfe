"""Evaluation of assignment rules: the first matching rule with an available user decides. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.leads.assignment.models import Strategy
from app.leads.assignment.rotation import next_in_turn
from app.leads.assignment.rules.roster import Obstacle, Roster
from app.leads.assignment.rules.rules import LeadFacts, Member, Rule


@dataclass(frozen=True, slots=True)
class Decision:
    """Chosen user, and the rule that chose."""

    user_id: UUID
    rule: Rule


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """Evaluation of one rule for a lead: failing conditions, obstacles of its members, chosen user."""

    rule: Rule
    failing: Sequence[str]
    obstacles: Sequence[tuple[Member, Obstacle | None]]
    choice: UUID | None


def decide(rules: Iterable[Rule], lead: LeadFacts, roster: Roster) -> Decision | None:
    """Return the decision; None if no matching rule has an available user. Does not take the turn."""
    for rule in rules:
        if not rule.conditions.failing(lead) and (chosen := _choose(rule, roster)):
            return Decision(chosen, rule)
    return None


def explain(rules: Iterable[Rule], lead: LeadFacts, roster: Roster) -> list[RuleExplanation]:
    """Explain every rule in order. `decide` follows the first one with a choice."""
    return [_explain_rule(rule, lead, roster) for rule in rules]


def _explain_rule(rule: Rule, lead: LeadFacts, roster: Roster) -> RuleExplanation:
    failing = rule.conditions.failing(lead)
    return RuleExplanation(rule, failing, roster.obstacles(rule), None if failing else _choose(rule, roster))


def _choose(rule: Rule, roster: Roster) -> UUID | None:
    able = [member for member, obstacle in roster.obstacles(rule) if obstacle is None]
    if not able:
        return rule.fallback_id if roster.is_available(rule.fallback_id) else None
    if rule.strategy is Strategy.CAPACITY:
        able = _least_loaded(able, roster)
    order = [member.user_id for member in rule.members]
    return next_in_turn(order, {member.user_id for member in able}, roster.last.get(rule.id))


def _least_loaded(able: Sequence[Member], roster: Roster) -> list[Member]:
    """Compare (open leads + 1) / weight: among users without leads, the highest weight comes first."""
    load = {member: (roster.people[member.user_id].open_leads + 1) / member.weight for member in able}
    least = min(load.values())
    return [member for member in able if load[member] == least]
