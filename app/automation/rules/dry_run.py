"""Dry run of a rule: the engine's plan, with reasons. Nothing is written."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.language.vocabulary import Type, field_of
from app.automation.rules.gate_preview import preview_gates
from app.automation.rules.service import RULES, find_rule
from app.clock import is_in_range, now
from app.core.db import new_id
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.check_all import check_all
from app.core.validation.json_pointer import pointer
from app.engine.events.events import Event
from app.engine.plan.plan import plan
from app.engine.rules.conditions import looked_up, single_conditions
from app.engine.rules.rule_evaluation import RuleVerdict, evaluate_conditions
from app.engine.rules.rules import Rule, RuleSet, read_rule
from app.errors import Conflict, FieldError, Invalid
from app.identity.actor import Actor
from app.leads.events import lead_facts
from app.leads.facts.condition_facts import load_facts
from app.leads.search.lookup import lead_reader, read_lead


def dry_run(session: Session, actor: Actor, rule_id: UUID, data: JsonObject) -> JsonDict:
    """Return what the rule decides about the event in `data` (the fields of RuleTestIn), as RuleTestOut.

    A draft is used if there is one. Raises NotFound, Forbidden, Invalid, Conflict (the rule has no text).
    """
    rule = draft_or_published(session, actor, rule_id)
    lead = read_lead(session, lead_reader(actor), data["lead_id"]) if "lead_id" in data else None
    event = _event(session, rule, lead, data)
    calendar = actor.clinic.calendar
    facts = {**event.facts, "now": {"at": calendar.local(event.occurred_at)}}
    found = plan(RuleSet.of([rule]), event, calendar)
    [decision] = found.decisions
    gates = preview_gates(session, actor.clinic, lead, found.steps) if lead else [None] * len(found.steps)
    return {
        "event": event.name,
        "at": event.occurred_at,
        "version": rule.version or None,
        "matches": decision.verdict is RuleVerdict.MATCHED,
        "verdict": decision.verdict,
        "conditions": evaluate_conditions(rule.when, facts),
        "steps": [
            {
                **described,
                "local_time": calendar.local(described["due_at"]).isoformat(),
                "settings": step.params,
                "stops_on": list(step.stop_on),
                "only_if": evaluate_conditions(rule.only_if, facts),
                "unless": evaluate_conditions(rule.unless, facts),
                "gate": gate,
            }
            for step, described, gate in zip(found.steps, decision.details.get("steps", ()), gates, strict=True)
        ],
    }


def check_dry_run(session: Session, actor: Actor, data: JsonObject, /, *, follow_up_rule_id: UUID) -> None:
    """Check the event and the facts. Raises Invalid with every error, NotFound, Conflict."""
    _check(draft_or_published(session, actor, follow_up_rule_id), data)


def draft_or_published(session: Session, actor: Actor, rule_id: UUID) -> Rule:
    """Return the draft of the rule if there is one, else the published version. Raises NotFound, Conflict."""
    found = find_rule(session, actor, rule_id)
    draft = RULES.draft(session, found)
    text = draft.definition if draft else found.definition
    if text is None:
        raise Conflict("The rule has no text yet.")
    return read_rule(text, id=found.id, version=0 if draft else found.published or 0)


def _event(session: Session, rule: Rule, lead: Any, data: JsonObject) -> Event:
    """Return the event to test. Raises Invalid with every error."""
    _check(rule, data)
    name = _event_name(rule, data)
    facts: dict[str, JsonDict] = {"lead": {}, "event": {}, "task": {}}
    if lead:
        more = load_facts(session, [lead.id], looked_up(_used_facts(rule))).get(lead.id, {})
        facts["lead"] = {**more, **lead_facts(lead)}
    for path, value in _parsed_facts(data.get("facts", {})).items():
        group, _, fact = path.partition(".")
        facts.setdefault(group, {})[fact] = value
    at = data.get("at") or now()
    about = lead.id if lead else new_id()
    return Event(name, about, subject_id=about, occurred_at=at, facts=facts)


def _check(rule: Rule, data: JsonObject) -> None:
    check_all(
        lambda: _require_known_event(rule, _event_name(rule, data)),
        lambda: _parsed_facts(data.get("facts", {})),
        lambda: _require_task(rule, _event_name(rule, data), data.get("facts", {})),
    )


def _event_name(rule: Rule, data: JsonObject) -> str:
    """Return the event that `data` names, else the first event of the rule."""
    return data.get("event") or min(rule.on)


def _require_known_event(rule: Rule, name: str) -> None:
    if name not in rule.on:
        raise Invalid.at("/event", f"The rule listens to {', '.join(sorted(rule.on))}.")


def _used_facts(rule: Rule) -> frozenset[str]:
    """Return all facts that the rule uses, when planning and when due."""
    conditions = (*rule.when, *rule.only_if, *rule.unless)
    used = frozenset(leaf["field"] for condition in conditions for leaf in single_conditions(condition))
    return used | ({rule.timing.of} if rule.timing.of else frozenset())


def _parsed_facts(facts: JsonObject) -> JsonDict:
    """Parse the given facts by path: instants become datetimes. Raises Invalid."""
    errors, read = [], {}
    for path, value in facts.items():
        field = field_of(path)
        if field is None:
            errors.append(FieldError(pointer("facts", path), "Unknown fact."))
        elif field.type is Type.INSTANT and value is not None:
            try:
                read[path] = _instant(value)
            except (TypeError, ValueError):
                errors.append(FieldError(pointer("facts", path), "Must be an instant such as 2026-03-10T09:00:00Z."))
        else:
            read[path] = value
    if errors:
        raise Invalid(*errors)
    return read


def _instant(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None or not is_in_range(at):
        raise ValueError(value)
    return at


def _require_task(rule: Rule, name: str, facts: JsonObject) -> None:
    if name in rule.on and name.startswith("task.") and facts.get("task.due_at") is None:
        raise Invalid.at("/facts", "A task event requires `task.due_at`.")
