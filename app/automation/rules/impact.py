"""Impact preview: what a rule would have done with the events of the last days (issue: impact preview)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.automation.language.vocabulary import FIELDS, Type
from app.automation.rules.dry_run import draft_or_published
from app.automation.rules.existing_leads import COLUMNS_SQL, ExistingLead
from app.automation.rules.gate_preview import GateCounts, count_gate_verdicts
from app.clock import now
from app.core.calendar.calendar import Calendar
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import Event
from app.engine.models import EventRecord
from app.engine.plan.plan import Plan, plan
from app.engine.rules.event_log import BACKFILL
from app.engine.rules.rule_evaluation import Decision, RuleVerdict
from app.engine.rules.rules import Rule, RuleSet
from app.engine.step_kind import STEP_KINDS
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.facts.condition_facts import load_facts
from app.leads.search.lookup import new_lead_id

MOST_EVENTS: Final = 20_000  # the newest ones; the preview runs within the request
MOST_LISTED: Final = 20
MOST_JUDGED: Final = 2_000  # messages that the gate checks, of the newest events

_INSTANTS: Final = frozenset(path for path, field in FIELDS.items() if field.type is Type.INSTANT)


def impact(session: Session, actor: Actor, rule_id: UUID, *, days: int) -> JsonDict:
    """Return how many events of the last days the rule matches and what it would plan, as ImpactOut.

    A draft is used if there is one. Facts that events do not store (tags, custom fields) have their current values.
    Raises NotFound, Conflict (the rule has no text).
    """
    rule, at = draft_or_published(session, actor, rule_id), now()
    rows = _events(session, actor, rule, since=at - timedelta(days=days))
    planned = _plan_events(session, rule, rows, actor.clinic.calendar)
    matched = [(event, found) for event, found in planned if found.decisions[0].verdict is RuleVerdict.MATCHED]
    steps = [step for _, found in matched for step in found.decisions[0].details["steps"]]
    gate = _gate_counts(session, actor, matched, at=at)
    return {
        "days": days,
        "events": len(rows),
        "is_complete": len(rows) < MOST_EVENTS,
        "matched": len(matched),
        "leads": len({event.lead_id for event, _ in matched}),
        "steps": dict(Counter(step["kind"] for step in steps)),
        "blocked": dict(gate.blocked),
        "put_off": dict(Counter(move["by"] for step in steps for move in step.get("moves", ())) + gate.put_off),
        "unmet": _unmet(decision for _, found in planned for decision in found.decisions),
        "lead_ids": _sample(actor, matched),
    }


def _events(session: Session, actor: Actor, rule: Rule, *, since: datetime) -> Sequence[AnyRow]:
    """Load the events, newest first, with one query per event name because the index is by name."""
    wanted = select(EventRecord.__table__).where(
        EventRecord.clinic_id == actor.clinic.id,
        ~EventRecord.facts.has_key(BACKFILL),  # recorded by a backfill; they happened earlier
        EventRecord.id >= UUID(int=new_lead_id(since).int >> 80 << 80),
    )
    found: list[AnyRow] = []
    for name in sorted(rule.on):
        named = wanted.where(EventRecord.name == name).order_by(EventRecord.id.desc())
        found += session.execute(named.limit(MOST_EVENTS - len(found))).all()
    return found


def _plan_events(session: Session, rule: Rule, rows: Sequence[AnyRow], calendar: Calendar) -> list[tuple[Event, Plan]]:
    rules, more = RuleSet.of([rule]), load_facts(session, {row.lead_id for row in rows}, rule.required_facts)
    events = [_event(row).with_facts(more.get(row.lead_id, {})) for row in rows]
    return [(event, plan(rules, event, calendar)) for event in events]


def _event(row: AnyRow) -> Event:
    facts = {group: {name: _read(group, name, value) for name, value in of.items()} for group, of in row.facts.items()}
    return Event(
        row.name, row.lead_id, row.subject_id, row.occurred_at, facts={"lead": {}, **facts}, key=row.key, id=row.id
    )


def _read(group: str, name: str, value: object) -> object:
    return datetime.fromisoformat(value) if f"{group}.{name}" in _INSTANTS and isinstance(value, str) else value


def _sample(actor: Actor, matched: Iterable[tuple[Event, Plan]]) -> list[UUID]:
    """Return ids of some leads if the actor may see all leads."""
    sees_all = actor.permissions.get(Permission.LEAD_READ) is Scope.ALL
    return list(dict.fromkeys(event.lead_id for event, _ in matched))[:MOST_LISTED] if sees_all else []


def _gate_counts(session: Session, actor: Actor, matched: Iterable[tuple[Event, Plan]], *, at: datetime) -> GateCounts:
    """Count the gate's decisions about the newest messages, with the current leads. Erased leads are left out."""
    wanted = [
        (event.lead_id, step)
        for event, found in matched
        for step in found.steps
        if STEP_KINDS[step.kind].writes_to_lead
    ]
    wanted = wanted[:MOST_JUDGED]
    rows = session.execute(_LEADS, {"ids": list({lead_id for lead_id, _ in wanted})}) if wanted else ()
    leads = {lead.id: lead for lead in (ExistingLead(*row) for row in rows)}
    there = [(leads[lead_id], step) for lead_id, step in wanted if lead_id in leads]
    return count_gate_verdicts(session, actor.clinic, there, at=at)


_LEADS: Final = text(f"SELECT {COLUMNS_SQL} FROM leads AS l WHERE l.id = ANY(:ids)")  # noqa: S608  (constants)


def _unmet(decisions: Iterable[Decision]) -> list[JsonObject]:
    """Count the unmet conditions, the most frequent first."""
    counted: Counter[tuple[str, bytes]] = Counter(
        (decision.verdict, orjson.dumps(decision.details.get("condition")))
        for decision in decisions
        if decision.verdict is not RuleVerdict.MATCHED
    )
    return [
        {"verdict": verdict, "condition": orjson.loads(condition), "events": events}
        for (verdict, condition), events in counted.most_common(MOST_LISTED)
    ]
