"""Who gets a lead: the first rule in order that matches it and has somebody. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.leads.assignment.models import Strategy
from app.leads.assignment.roster import Obstacle, Roster
from app.leads.assignment.rules.rules import Lead, Member, Rule


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets the lead, and which rule says so."""

    user_id: UUID
    rule: Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says of a lead: which conditions fail, how its members stand, whom it would choose."""

    rule: Rule
    failing: Sequence[str]
    standing: Sequence[tuple[Member, Obstacle | None]]
    choice: UUID | None


def decide(rules: Iterable[Rule], lead: Lead, roster: Roster) -> Decision | None:
    """None: no rule that matches has anybody. Takes no turn: that is `Roster.take`."""
    for rule in rules:
        if not rule.conditions.failing(lead) and (chosen := _choose(rule, roster)):
            return Decision(chosen, rule)
    return None


def explain(rules: Iterable[Rule], lead: Lead, roster: Roster) -> list[Verdict]:
    """What each of the rules says; the first with a choice is the one that `decide` follows."""
    return [_judge(rule, lead, roster) for rule in rules]


def _judge(rule: Rule, lead: Lead, roster: Roster) -> Verdict:
    failing = rule.conditions.failing(lead)
    return Verdict(rule, failing, roster.standing(rule), None if failing else _choose(rule, roster))


def _choose(rule: Rule, roster: Roster) -> UUID | None:
    able = [member for member, obstacle in roster.standing(rule) if obstacle is None]
    if not able:
        return rule.fallback_id if roster.is_there(rule.fallback_id) else None
    if rule.strategy is Strategy.CAPACITY:
        able = _least_loaded(able, roster)
    return _in_turn(rule, {member.user_id for member in able}, roster.last.get(rule.id))


def _least_loaded(able: Sequence[Member], roster: Roster) -> list[Member]:
    """Counting the lead that is to be given: of two who have none, the one with more weight comes first."""
    load = {member: (roster.people[member.user_id].open_leads + 1) / member.weight for member in able}
    least = min(load.values())
    return [member for member in able if load[member] == least]


def _in_turn(rule: Rule, able: set[UUID], last: UUID | None) -> UUID:
    """The first one after whoever was chosen last, in the order of the rule's members, and round again."""
    order = [member.user_id for member in rule.members]
    after = order.index(last) + 1 if last in order else 0
    return next(user_id for user_id in order[after:] + order[:after] if user_id in able)
