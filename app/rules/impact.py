"""What a rule would have done with the events of the last days: before it is switched on (issue: impact preview)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.automation.calendar import Calendar
from app.automation.deciding import Decision, Verdict
from app.automation.events import Event
from app.automation.keeping import BACKFILL
from app.automation.models import KeptEvent, Kind
from app.automation.plan import plan
from app.automation.rules import Rule, RuleSet
from app.automation.vocabulary import FIELDS, Type
from app.clock import now
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.leads.lookup import id_made_at
from app.leads.more_facts import more_facts
from app.rules.dry_run import rule_to_try

MOST_EVENTS: Final = 20_000  # the newest; a preview answers within the call
MOST_NAMED: Final = 20

_INSTANTS: Final = frozenset(path for path, field in FIELDS.items() if field.type is Type.INSTANT)


def impact(session: Session, actor: Actor, rule_id: UUID, *, days: int) -> dict[str, Any]:
    """How many of the last days' events the rule (its draft, if any) matches, and what it would plan.

    Facts that events do not keep (tags, a clinic's own fields) are those of the leads as they are now.
    Raises NotFound, and Conflict for a rule without any text.
    """
    rule = rule_to_try(session, actor, rule_id)
    rows = _events(session, actor, rule, since=now() - timedelta(days=days))
    tried = _try(session, rule, rows, actor.clinic.calendar)
    matched = [(event, decision) for event, decision in tried if decision.verdict is Verdict.MATCHED]
    steps = [step for _, decision in matched for step in decision.details["steps"]]
    return {
        "days": days,
        "events": len(rows),
        "is_complete": len(rows) < MOST_EVENTS,
        "matched": len(matched),
        "leads": len({event.lead_id for event, _ in matched}),
        "steps": dict(Counter(step["kind"] for step in steps)),
        "blocked": _blocked(matched),
        "put_off": dict(Counter(move["by"] for step in steps for move in step.get("moves", ()))),
        "unmet": _unmet(decision for _, decision in tried),
        "lead_ids": _some(actor, matched),
    }


def _events(session: Session, actor: Actor, rule: Rule, *, since: datetime) -> Sequence[Row[Any]]:
    """The newest first; one query for each event, for an index finds them by name."""
    wanted = select(KeptEvent.__table__).where(
        KeptEvent.clinic_id == actor.clinic.id,
        ~KeptEvent.facts.has_key(BACKFILL),  # they are no news, and happened before
        KeptEvent.id >= UUID(int=id_made_at(since).int >> 80 << 80),
    )
    found: list[Row[Any]] = []
    for name in sorted(rule.on):
        named = wanted.where(KeptEvent.name == name).order_by(KeptEvent.id.desc())
        found += session.execute(named.limit(MOST_EVENTS - len(found))).all()
    return found


def _try(session: Session, rule: Rule, rows: Sequence[Row[Any]], calendar: Calendar) -> list[tuple[Event, Decision]]:
    rules, more = RuleSet.of([rule]), more_facts(session, {row.lead_id for row in rows}, rule.asks)
    events = [_event(row).knowing(more.get(row.lead_id, {})) for row in rows]
    return [(event, decision) for event in events for decision in plan(rules, event, calendar).decisions]


def _event(row: Row[Any]) -> Event:
    facts = {group: {name: _read(group, name, value) for name, value in of.items()} for group, of in row.facts.items()}
    return Event(
        row.name, row.lead_id, row.subject_id, row.occurred_at, facts={"lead": {}, **facts}, key=row.key, id=row.id
    )


def _read(group: str, name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if f"{group}.{name}" in _INSTANTS and isinstance(value, str) else value


def _some(actor: Actor, matched: Iterable[tuple[Event, Decision]]) -> list[UUID]:
    """A few of the leads, for who may see all of them."""
    sees_all = actor.permissions.get(Permission.LEAD_READ) is Scope.ALL
    return list(dict.fromkeys(event.lead_id for event, _ in matched))[:MOST_NAMED] if sees_all else []


def _blocked(matched: Iterable[tuple[Event, Decision]]) -> dict[str, int]:
    """Messages that nobody would get, by the reason that is known beforehand."""
    opted_out = sum(
        step["kind"] == Kind.SEND_MESSAGE
        for event, decision in matched
        if event.facts["lead"].get("opted_out_at")
        for step in decision.details["steps"]
    )
    return {"opted_out": opted_out} if opted_out else {}


def _unmet(decisions: Iterable[Decision]) -> list[Mapping[str, Any]]:
    """What stood in the way, the most frequent first."""
    counted: Counter[tuple[str, bytes]] = Counter(
        (decision.verdict, orjson.dumps(decision.details.get("condition")))
        for decision in decisions
        if decision.verdict is not Verdict.MATCHED
    )
    return [
        {"verdict": verdict, "condition": orjson.loads(condition), "events": events}
        for (verdict, condition), events in counted.most_common(MOST_NAMED)
    ]
