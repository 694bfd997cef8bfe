"""Events as they are kept: what was known then, and what each rule that listens decided."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from app.engine.events.events import Event
from app.engine.rules.rule_evaluation import Decision

BACKFILL: Final = "backfill"  # among the facts of an event that is kept: a rule was told of it later, by this job


def kept(clinic_id: UUID, event: Event, decisions: Iterable[Decision]) -> dict[str, Any]:
    """The row of an event."""
    return {
        "id": event.id,
        "clinic_id": clinic_id,
        "lead_id": event.lead_id,
        "name": event.name,
        "subject_id": event.subject_id,
        "key": event.key,
        "occurred_at": event.occurred_at,
        "facts": {group: _plain(facts) for group, facts in event.facts.items() if facts},
        "chain": event.chain.as_json(),
        "decisions": [decision.as_json() for decision in decisions],
    }


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not there, and without what is sealed: it is told by functions."""
    return {name: value for name, value in facts.items() if value is not None and not callable(value)}
