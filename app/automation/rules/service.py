"""A clinic's rules and their versions. Every function takes the session first, and leaves the commit to its caller."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.rules.definitions import require_right
from app.automation.rules.errors import NothingToPublish, RuleNameTaken
from app.automation.versioned_definitions import Texts
from app.clock import now
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Key, Page, page
from app.engine.rules.models import RuleRow, RuleVersion
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.statistics.outcome_statistics import Series, reset_counts
from app.identity.actor import Actor

TEXTS: Final = Texts("rule", RuleRow, RuleVersion, "rule_id", require_right, RuleNameTaken, NothingToPublish)
BY_NAME: Final[list[Key]] = [(RuleRow.slug, "asc"), (RuleRow.id, "asc")]


def list_rules(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's rules by name."""
    rules = TEXTS.of_clinic(actor.clinic.id)
    if "is_active" in query:
        rules = rules.where(RuleRow.active if query["is_active"] else ~RuleRow.active)
    if "playbook" in query:
        rules = rules.where(RuleRow.playbook == query["playbook"])
    found = page(session, rules, BY_NAME, query)
    items = [_with_priority(rule) for rule in TEXTS.shown(session, found.items)]
    return Page(items, found.next_cursor, found.total_count)


def get_rule(session: Session, actor: Actor, rule_id: UUID) -> dict[str, Any]:
    """One rule. Raises NotFound."""
    return _shown(session, find_rule(session, actor, rule_id))


def create_rule(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new rule of what `FollowUpRuleIn` read: in force at once, or as a draft. Raises Invalid, RuleNameTaken."""
    return _shown(session, TEXTS.create(session, actor, data))


def change_rule(
    session: Session, actor: Actor, rule_id: UUID, data: Mapping[str, Any], *, seen: SeenVersions
) -> dict[str, Any]:
    """Replace the parts in `data`, null takes one away: as the next version, or, with `is_draft`, as the draft.

    What is planned stays as its own version planned it. Raises NotFound, ChangedMeanwhile, Invalid.
    """
    rule = TEXTS.begin_change(session, actor, rule_id, seen)
    TEXTS.change(session, actor, rule, data)
    if "is_active" in data:
        _switch(session, rule, is_on=data["is_active"])
    return _touched(session, actor, rule)


def delete_rule(session: Session, actor: Actor, rule_id: UUID, *, seen: SeenVersions) -> None:
    """The rule is gone: what it planned and what is still pending is skipped when it is due.

    Raises NotFound, ChangedMeanwhile.
    """
    rule = TEXTS.begin_change(session, actor, rule_id, seen)
    rule.active = False
    rule.deleted_at = now()
    TEXTS.touch(session, actor, rule)


def publish(session: Session, actor: Actor, rule_id: UUID) -> dict[str, Any]:
    """The draft is in force from now on. Raises NotFound, NothingToPublish, Invalid."""
    rule = find_rule(session, actor, rule_id, lock=True)
    TEXTS.publish(session, actor, rule)
    return _touched(session, actor, rule)


def roll_back(session: Session, actor: Actor, rule_id: UUID, number: int) -> dict[str, Any]:
    """An earlier text is in force again, as a new version. Raises NotFound, Invalid."""
    rule = find_rule(session, actor, rule_id, lock=True)
    TEXTS.roll_back(session, actor, rule, number)
    return _touched(session, actor, rule)


def versions_of(session: Session, actor: Actor, rule_id: UUID) -> list[dict[str, Any]]:
    """All texts of the rule, the newest first; a draft before all others. Raises NotFound."""
    return TEXTS.all_of(session, find_rule(session, actor, rule_id))


def compare(session: Session, actor: Actor, rule_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between two versions; unless they are named, the one in force and the draft. Raises NotFound."""
    return TEXTS.compare(session, find_rule(session, actor, rule_id), query)


def find_rule(session: Session, actor: Actor, rule_id: UUID, *, lock: bool = False) -> RuleRow:
    """The clinic's rule of that id. Raises NotFound."""
    return TEXTS.find(session, actor, rule_id, lock=lock)


def _switch(session: Session, rule: RuleRow, *, is_on: bool) -> None:
    if is_on:
        TEXTS.require_published(rule)
    if is_on and rule.paused_because is not None:
        reset_counts(session, Series(rule.clinic_id, rule.slug))
    rule.active = is_on
    rule.paused_because = None


def _touched(session: Session, actor: Actor, rule: RuleRow) -> dict[str, Any]:
    TEXTS.touch(session, actor, rule)
    return _shown(session, rule)


def _shown(session: Session, rule: RuleRow) -> dict[str, Any]:
    [shown] = TEXTS.shown(session, [rule])
    return _with_priority(shown)


def _with_priority(shown: dict[str, Any]) -> dict[str, Any]:
    text = shown["definition"] or shown["draft"] or {}
    return {**shown, "priority": text.get("priority", DEFAULT_PRIORITY)}
