"""What a rule would have done with the events of the last days: before it is switched on (issue: impact preview)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.automation.language.vocabulary import FIELDS, Type
from app.automation.rules.dry_run import rule_to_try
from app.automation.rules.existing_leads import COLUMNS_SQL, ExistingLead
from app.automation.rules.gate_preview import Held, held_back
from app.clock import now
from app.core.calendar.calendar import Calendar
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
from app.leads.lookup import new_lead_id

MOST_EVENTS: Final = 20_000  # the newest; a preview answers within the call
MOST_NAMED: Final = 20
MOST_JUDGED: Final = 2_000  # messages that the gate is asked of, those of the newest events

_INSTANTS: Final = frozenset(path for path, field in FIELDS.items() if field.type is Type.INSTANT)


def impact(session: Session, actor: Actor, rule_id: UUID, *, days: int) -> dict[str, Any]:
    """How many of the last days' events the rule (its draft, if any) matches, and what it would plan.

    Facts that events do not keep (tags, a clinic's own fields) are those of the leads as they are now.
    Raises NotFound, and Conflict for a rule without any text.
    """
    rule, at = rule_to_try(session, actor, rule_id), now()
    rows = _events(session, actor, rule, since=at - timedelta(days=days))
    tried = _try(session, rule, rows, actor.clinic.calendar)
    matched = [(event, found) for event, found in tried if found.decisions[0].verdict is RuleVerdict.MATCHED]
    steps = [step for _, found in matched for step in found.decisions[0].details["steps"]]
    held = _held_back(session, actor, matched, at=at)
    return {
        "days": days,
        "events": len(rows),
        "is_complete": len(rows) < MOST_EVENTS,
        "matched": len(matched),
        "leads": len({event.lead_id for event, _ in matched}),
        "steps": dict(Counter(step["kind"] for step in steps)),
        "blocked": dict(held.blocked),
        "put_off": dict(Counter(move["by"] for step in steps for move in step.get("moves", ())) + held.put_off),
        "unmet": _unmet(decision for _, found in tried for decision in found.decisions),
        "lead_ids": _some(actor, matched),
    }


def _events(session: Session, actor: Actor, rule: Rule, *, since: datetime) -> Sequence[Row[Any]]:
    """The newest first; one query for each event, for an index finds them by name."""
    wanted = select(EventRecord.__table__).where(
        EventRecord.clinic_id == actor.clinic.id,
        ~EventRecord.facts.has_key(BACKFILL),  # they are no news, and happened before
        EventRecord.id >= UUID(int=new_lead_id(since).int >> 80 << 80),
    )
    found: list[Row[Any]] = []
    for name in sorted(rule.on):
        named = wanted.where(EventRecord.name == name).order_by(EventRecord.id.desc())
        found += session.execute(named.limit(MOST_EVENTS - len(found))).all()
    return found


def _try(session: Session, rule: Rule, rows: Sequence[Row[Any]], calendar: Calendar) -> list[tuple[Event, Plan]]:
    rules, more = RuleSet.of([rule]), load_facts(session, {row.lead_id for row in rows}, rule.required_facts)
    events = [_event(row).with_facts(more.get(row.lead_id, {})) for row in rows]
    return [(event, plan(rules, event, calendar)) for event in events]


def _event(row: Row[Any]) -> Event:
    facts = {group: {name: _read(group, name, value) for name, value in of.items()} for group, of in row.facts.items()}
    return Event(
        row.name, row.lead_id, row.subject_id, row.occurred_at, facts={"lead": {}, **facts}, key=row.key, id=row.id
    )


def _read(group: str, name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if f"{group}.{name}" in _INSTANTS and isinstance(value, str) else value


def _some(actor: Actor, matched: Iterable[tuple[Event, Plan]]) -> list[UUID]:
    """A few of the leads, for who may see all of them."""
    sees_all = actor.permissions.get(Permission.LEAD_READ) is Scope.ALL
    return list(dict.fromkeys(event.lead_id for event, _ in matched))[:MOST_NAMED] if sees_all else []


def _held_back(session: Session, actor: Actor, matched: Iterable[tuple[Event, Plan]], *, at: datetime) -> Held:
    """What the gate says of the newest messages, with the leads as they are now; who was erased is told nothing of."""
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
    return held_back(session, actor.clinic, there, at=at)


_LEADS: Final = text(f"SELECT {COLUMNS_SQL} FROM leads AS l WHERE l.id = ANY(:ids)")  # noqa: S608  (ours)


def _unmet(decisions: Iterable[Decision]) -> list[Mapping[str, Any]]:
    """What stood in the way, the most frequent first."""
    counted: Counter[tuple[str, bytes]] = Counter(
        (decision.verdict, orjson.dumps(decision.details.get("condition")))
        for decision in decisions
        if decision.verdict is not RuleVerdict.MATCHED
    )
    return [
        {"verdict": verdict, "condition": orjson.loads(condition), "events": events}
        for (verdict, condition), events in counted.most_common(MOST_NAMED)
    ]
