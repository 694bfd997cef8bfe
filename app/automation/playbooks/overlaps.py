"""Overlaps of new rules with the active rules of a clinic: both act in the same way on the same event."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict, JsonObject
from app.engine.rules.models import RuleRow


def overlaps(session: Session, clinic_id: UUID, new_rules: Sequence[JsonObject]) -> list[JsonDict]:
    """Return the pairs of a new rule and an active rule of the clinic that share an event and a kind of action.

    Each item has the names `rule` and `existing`, and lists of the shared `events` and `actions`. Conditions are not
    compared: rules of one pair may still act on different leads.
    """
    active = select(RuleRow.definition).where(
        RuleRow.clinic_id == clinic_id, RuleRow.deleted_at.is_(None), RuleRow.active, RuleRow.definition.is_not(None)
    )
    existing = list(session.scalars(active.order_by(RuleRow.slug)))
    pairs = (_overlap(rule, other) for rule in new_rules for other in existing if other)
    return [pair for pair in pairs if pair["events"] and pair["actions"]]


def _overlap(rule: JsonObject, existing: JsonObject) -> JsonDict:
    return {
        "rule": rule["name"],
        "existing": existing["name"],
        "events": sorted(_events(rule) & _events(existing)),
        "actions": sorted(set(_actions(rule["do"])) & set(_actions(existing["do"]))),
    }


def _events(rule: JsonObject) -> set[str]:
    return {rule["on"]} if isinstance(rule["on"], str) else set(rule["on"])


def _actions(actions: Iterable[JsonObject]) -> Iterable[str]:
    """Yield the kinds of actions, also those within branches."""
    for action in actions:
        [(kind, settings)] = action.items()
        if kind == "branch":
            for way in ("then", "else"):
                yield from _actions(settings.get(way) or ())
        else:
            yield kind
