"""Rule service: rules of a clinic and their versions. The caller commits."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.rules.definitions import require_valid_rule
from app.automation.rules.errors import NothingToPublish, RuleNameTaken
from app.automation.versioned_definitions import Texts
from app.clock import now
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Key, Page, page
from app.engine.rules.models import RuleRow, RuleVersion
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.statistics.outcome_statistics import Series, reset_counts
from app.identity.actor import Actor

TEXTS: Final = Texts("rule", RuleRow, RuleVersion, "rule_id", require_valid_rule, RuleNameTaken, NothingToPublish)
BY_NAME: Final[list[Key]] = [(RuleRow.slug, "asc"), (RuleRow.id, "asc")]


def list_rules(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """List the clinic's rules, by name."""
    rules = TEXTS.of_clinic(actor.clinic.id)
    if "is_active" in query:
        rules = rules.where(RuleRow.active if query["is_active"] else ~RuleRow.active)
    if "playbook" in query:
        rules = rules.where(RuleRow.playbook == query["playbook"])
    found = page(session, rules, BY_NAME, query)
    items = [_with_priority(rule) for rule in TEXTS.shown(session, found.items)]
    return Page(items, found.next_cursor, found.total_count)


def get_rule(session: Session, actor: Actor, rule_id: UUID) -> dict[str, Any]:
    """Return a rule, as FollowUpRuleOut. Raises NotFound."""
    return _to_response(session, find_rule(session, actor, rule_id))


def create_rule(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """Create a rule from `data`, the fields of FollowUpRuleIn: published, or as a draft.

    Raises Invalid, RuleNameTaken.
    """
    return _to_response(session, TEXTS.create(session, actor, data))


def change_rule(
    session: Session, actor: Actor, rule_id: UUID, data: Mapping[str, Any], *, seen: SeenVersions
) -> dict[str, Any]:
    """Replace the parts in `data`; null removes one. Saves the next version, or the draft with `is_draft`.

    Planned steps stay unchanged. Raises NotFound, ChangedMeanwhile, Invalid, NothingToPublish.
    """
    rule = TEXTS.begin_change(session, actor, rule_id, seen)
    TEXTS.change(session, actor, rule, data)
    if "is_active" in data:
        _set_active(session, rule, is_active=data["is_active"])
    return _saved(session, actor, rule)


def delete_rule(session: Session, actor: Actor, rule_id: UUID, *, seen: SeenVersions) -> None:
    """Delete a rule. Its pending steps are skipped when they are due.

    Raises NotFound, ChangedMeanwhile.
    """
    rule = TEXTS.begin_change(session, actor, rule_id, seen)
    rule.active = False
    rule.deleted_at = now()
    TEXTS.touch(session, actor, rule)


def publish(session: Session, actor: Actor, rule_id: UUID) -> dict[str, Any]:
    """Publish the draft. Raises NotFound, NothingToPublish, Invalid."""
    rule = find_rule(session, actor, rule_id, lock=True)
    TEXTS.publish(session, actor, rule)
    return _saved(session, actor, rule)


def roll_back(session: Session, actor: Actor, rule_id: UUID, number: int) -> dict[str, Any]:
    """Publish an earlier version's text as a new version. Raises NotFound, Invalid."""
    rule = find_rule(session, actor, rule_id, lock=True)
    TEXTS.roll_back(session, actor, rule, number)
    return _saved(session, actor, rule)


def versions_of(session: Session, actor: Actor, rule_id: UUID) -> list[dict[str, Any]]:
    """List all versions of the rule, newest first; a draft is first of all. Raises NotFound."""
    return TEXTS.all_of(session, find_rule(session, actor, rule_id))


def compare(session: Session, actor: Actor, rule_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two versions; default: the published version and the draft. Raises NotFound."""
    return TEXTS.compare(session, find_rule(session, actor, rule_id), query)


def find_rule(session: Session, actor: Actor, rule_id: UUID, *, lock: bool = False) -> RuleRow:
    """Return the clinic's rule with this id. Raises NotFound."""
    return TEXTS.find(session, actor, rule_id, lock=lock)


def _set_active(session: Session, rule: RuleRow, *, is_active: bool) -> None:
    if is_active:
        TEXTS.require_published(rule)
    if is_active and rule.paused_because is not None:
        reset_counts(session, Series(rule.clinic_id, rule.slug))
    rule.active = is_active
    rule.paused_because = None


def _saved(session: Session, actor: Actor, rule: RuleRow) -> dict[str, Any]:
    TEXTS.touch(session, actor, rule)
    return _to_response(session, rule)


def _to_response(session: Session, rule: RuleRow) -> dict[str, Any]:
    [shown] = TEXTS.shown(session, [rule])
    return _with_priority(shown)


def _with_priority(shown: dict[str, Any]) -> dict[str, Any]:
    text = shown["definition"] or shown["draft"] or {}
    return {**shown, "priority": text.get("priority", DEFAULT_PRIORITY)}
