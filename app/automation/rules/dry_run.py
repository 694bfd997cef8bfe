"""What a rule would do, and why: the same plan that the engine makes, with nothing written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.language.vocabulary import Type, field_of
from app.automation.rules.gate_preview import gates_of
from app.automation.rules.service import TEXTS, find_rule
from app.clock import now
from app.core.db import new_id
from app.core.validation.json_pointer import pointer
from app.engine.events.events import Event
from app.engine.plan.plan import plan
from app.engine.rules.conditions import looked_up, single_conditions
from app.engine.rules.rule_evaluation import RuleVerdict, evaluate_conditions
from app.engine.rules.rules import Rule, RuleSet, read_rule
from app.errors import Conflict, FieldError, Forbidden, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.events import lead_facts
from app.leads.facts.condition_facts import load_facts
from app.leads.lookup import read_lead


def dry_run(session: Session, actor: Actor, rule_id: UUID, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the rule (its draft, if there is one) decides about the event in `data`, as RuleTestIn reads it.

    Raises NotFound, Invalid, and Conflict for a rule without any text.
    """
    rule = rule_to_try(session, actor, rule_id)
    lead = read_lead(session, _who_sees_leads(actor), data["lead_id"]) if "lead_id" in data else None
    event = _event(session, rule, lead, data)
    calendar = actor.clinic.calendar
    facts = {**event.facts, "now": {"at": calendar.local(event.occurred_at)}}
    found = plan(RuleSet.of([rule]), event, calendar)
    [decision] = found.decisions
    gates = gates_of(session, actor.clinic, lead, found.steps) if lead else [None] * len(found.steps)
    return {
        "event": event.name,
        "at": event.occurred_at,
        "version": rule.version or None,
        "matches": decision.verdict is RuleVerdict.MATCHED,
        "verdict": decision.verdict,
        "conditions": evaluate_conditions(rule.when, facts),
        "steps": [
            {
                **shown,
                "local_time": calendar.local(shown["due_at"]).isoformat(),
                "settings": step.params,
                "stops_on": list(step.stop_on),
                "only_if": evaluate_conditions(rule.only_if, facts),
                "unless": evaluate_conditions(rule.unless, facts),
                "gate": gate,
            }
            for step, shown, gate in zip(found.steps, decision.details.get("steps", ()), gates, strict=True)
        ],
    }


def rule_to_try(session: Session, actor: Actor, rule_id: UUID) -> Rule:
    """The rule as its draft says, if there is one. Raises NotFound, Conflict."""
    found = find_rule(session, actor, rule_id)
    draft = TEXTS.draft(session, found)
    text = draft.definition if draft else found.definition
    if text is None:
        raise Conflict("The rule has no text yet.")
    return read_rule(text, id=found.id, version=0 if draft else found.published or 0)


def _event(session: Session, rule: Rule, lead: Any, data: Mapping[str, Any]) -> Event:
    """The event that is tried: the first that the rule listens to, unless `data` names one."""
    name = data.get("event") or min(rule.on)
    if name not in rule.on:
        raise Invalid.at("/event", f"The rule listens to {', '.join(sorted(rule.on))}.")
    facts: dict[str, dict[str, Any]] = {"lead": {}, "event": {}, "task": {}}
    if lead:
        more = load_facts(session, [lead.id], looked_up(_asked(rule))).get(lead.id, {})
        facts["lead"] = {**more, **lead_facts(lead)}
    for path, value in _given(data.get("facts", {})).items():
        group, _, fact = path.partition(".")
        facts.setdefault(group, {})[fact] = value
    _require_task(name, facts)
    at = data.get("at") or now()
    about = lead.id if lead else new_id()
    return Event(name, about, subject_id=about, occurred_at=at, facts=facts)


def _who_sees_leads(actor: Actor) -> Actor:
    """Raises Forbidden for who may read rules only."""
    if not actor.allows(Permission.LEAD_READ):
        raise Forbidden("Your role does not allow looking at leads.")
    return actor.within(Permission.LEAD_READ)


def _asked(rule: Rule) -> frozenset[str]:
    """All that it asks, when planned and when due."""
    conditions = (*rule.when, *rule.only_if, *rule.unless)
    asked = frozenset(leaf["field"] for condition in conditions for leaf in single_conditions(condition))
    return asked | ({rule.timing.of} if rule.timing.of else frozenset())


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts by path, as somebody wrote them: instants become instants. Raises Invalid."""
    mistakes, read = [], {}
    for path, value in facts.items():
        field = field_of(path)
        if field is None:
            mistakes.append(FieldError(pointer("facts", path), "Not a fact that rules know of."))
        elif field.type is Type.INSTANT and value is not None:
            try:
                read[path] = _instant(value)
            except (TypeError, ValueError):
                mistakes.append(FieldError(pointer("facts", path), "Must be an instant such as 2026-03-10T09:00:00Z."))
        else:
            read[path] = value
    if mistakes:
        raise Invalid(*mistakes)
    return read


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(value)
    return at


def _require_task(name: str, facts: Mapping[str, Mapping[str, Any]]) -> None:
    if name.startswith("task.") and facts["task"].get("due_at") is None:
        raise Invalid.at("/facts", "An event of a task needs `task.due_at`.")
