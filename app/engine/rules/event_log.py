"""Event log: rows of events with their facts and the decisions of listening rules."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.engine.events.events import Event
from app.engine.rules.rule_evaluation import Decision

BACKFILL: Final = "backfill"  # fact group of a stored event: a backfill job applied a rule to it later


def event_row(clinic_id: UUID, event: Event, decisions: Iterable[Decision]) -> ColumnDict:
    """Return the event's row for the event log."""
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


def _plain(facts: JsonObject) -> JsonDict:
    """Drop missing values and encrypted values. Encrypted values are functions."""
    return {name: value for name, value in facts.items() if value is not None and not callable(value)}
