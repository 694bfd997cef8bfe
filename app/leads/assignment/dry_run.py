"""Dry run of assignment rules: the decision for a lead, without any writes."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.leads.assignment.choose import default_rules, load_roster, with_source_category
from app.leads.assignment.models import AssignmentReason
from app.leads.assignment.rules.evaluation import RuleExplanation, decide, explain
from app.leads.assignment.rules.roster import Roster
from app.leads.assignment.rules.rules import Rule, ceilings_of
from app.leads.assignment.rules.ruleset import active_rules
from app.leads.attribution.sources import require_source
from app.leads.search.lookup import read_lead


def dry_run(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Return the decision for the lead in `data` (fields of DryRunIn), as DryRunOut. Raises NotFound, Invalid."""
    at, rules = now(), active_rules(session, actor.clinic)
    [lead] = with_source_category(session, actor.clinic, rules, [_lead(session, actor, data)])
    defaults = default_rules(session, actor.clinic, at=at)
    roster = load_roster(session, actor.clinic, [*rules, *defaults], at=at)
    verdicts = explain(rules, lead, roster)
    decided = next((verdict for verdict in verdicts if verdict.choice), None)
    by_default = decide(defaults, lead, roster) if ceilings_of(rules) else None
    return {
        "assigned_to_id": decided.choice if decided else by_default and by_default.user_id,
        "why": AssignmentReason.RULE if decided else AssignmentReason.DEFAULT,
        "rule_id": decided and decided.rule.id,
        "rules": [_to_response(verdict, roster) for verdict in verdicts],
        "default_team": next(filter(None, (_available_members(rule, roster) for rule in defaults)), []),
    }


def _available_members(rule: Rule, roster: Roster) -> list[UUID]:
    return [member.user_id for member, obstacle in roster.obstacles(rule) if obstacle is None]


def _lead(session: Session, actor: Actor, data: JsonObject) -> JsonObject:
    if "lead_id" in data:
        return vars(read_lead(session, actor, data["lead_id"]))
    if "source_id" in data:
        require_source(session, actor.clinic.id, data["source_id"])
    return data


def _to_response(verdict: RuleExplanation, roster: Roster) -> JsonDict:
    counted = verdict.rule.users_to_count
    return {
        "rule_id": verdict.rule.id,
        "name": verdict.rule.name,
        "strategy": verdict.rule.strategy,
        "matches": not verdict.failing,
        "failing": verdict.failing,
        "would_choose": verdict.choice,
        "members": [
            {
                "user_id": member.user_id,
                "obstacle": obstacle,
                "open_leads": roster.people[member.user_id].open_leads if member.user_id in counted else None,
            }
            for member, obstacle in verdict.obstacles
        ],
    }
