"""Rule service: rules of a clinic and their versions. The caller commits."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.rules.definitions import require_valid_rule
from app.automation.rules.errors import NothingToPublish, RuleNameTaken
from app.automation.versioned_definitions import VersionedDefinitions
from app.clock import now
from app.core.optimistic_locking import SeenVersions
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.rules.models import RuleRow, RuleVersion
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.statistics.outcome_statistics import Runs, Series, forget_series, runs_of
from app.identity.actor import Actor

RULES: Final = VersionedDefinitions(
    "rule", RuleRow, RuleVersion, "rule_id", require_valid_rule, RuleNameTaken, NothingToPublish
)


def list_rules(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the clinic's rules, by name."""
    rules = RULES.matching(actor, query)
    if "playbook" in query:
        rules = rules.where(RuleRow.playbook == query["playbook"])
    found = page(session, rules, RULES.by_name, query)
    return Page(_to_responses(session, found.items), found.next_cursor, found.total_count)


def get_rule(session: Session, actor: Actor, rule_id: UUID) -> JsonDict:
    """Return a rule, as FollowUpRuleOut. Raises NotFound."""
    return _to_response(session, find_rule(session, actor, rule_id))


def create_rule(session: Session, actor: Actor, data: JsonObject) -> JsonDict:
    """Create a rule from `data`, the fields of FollowUpRuleIn: published, or as a draft.

    Raises Invalid, RuleNameTaken.
    """
    return _to_response(session, RULES.create(session, actor, data))


def change_rule(session: Session, actor: Actor, rule_id: UUID, data: JsonObject, *, seen: SeenVersions) -> JsonDict:
    """Replace the parts in `data`; null removes one. Saves the next version, or the draft with `is_draft`.

    Planned steps stay unchanged. Raises NotFound, ChangedMeanwhile, Invalid, NothingToPublish.
    """
    rule = RULES.begin_change(session, actor, rule_id, seen)
    RULES.change(session, actor, rule, data)
    if "is_active" in data:
        RULES.set_active(session, rule, is_active=data["is_active"])
    return _to_response(session, RULES.save(session, actor, rule))


def replace_published(session: Session, actor: Actor, rule_id: UUID, definition: JsonDict) -> None:
    """Publish a complete definition as the next version. A draft stays as it is. Raises NotFound, Invalid."""
    rule = RULES.begin_change(session, actor, rule_id, None)
    RULES.write_published(session, actor, rule, definition)
    RULES.save(session, actor, rule)


def delete_rule(session: Session, actor: Actor, rule_id: UUID, *, seen: SeenVersions) -> None:
    """Delete a rule. Its pending steps are skipped when they are due.

    Raises NotFound, ChangedMeanwhile.
    """
    rule = RULES.begin_change(session, actor, rule_id, seen)
    rule.active = False
    rule.deleted_at = now()
    forget_series(session, Series(rule.clinic_id, rule.slug))
    RULES.save(session, actor, rule)


def publish(session: Session, actor: Actor, rule_id: UUID, *, seen: SeenVersions) -> JsonDict:
    """Publish the draft. Raises NotFound, ChangedMeanwhile, NothingToPublish, Invalid."""
    return _to_response(session, RULES.publish(session, actor, rule_id, seen=seen))


def roll_back(session: Session, actor: Actor, rule_id: UUID, number: int, *, seen: SeenVersions) -> JsonDict:
    """Publish an earlier version's text as a new version. Raises NotFound, ChangedMeanwhile, Invalid."""
    return _to_response(session, RULES.roll_back(session, actor, rule_id, number, seen=seen))


def versions_of(session: Session, actor: Actor, rule_id: UUID) -> list[JsonDict]:
    """List all versions of the rule, newest first; a draft is first of all. Raises NotFound."""
    return RULES.list_versions(session, actor, rule_id)


def compare(session: Session, actor: Actor, rule_id: UUID, query: JsonObject) -> JsonDict:
    """Compare two versions; default: the published version and the draft. Raises NotFound."""
    return RULES.compare(session, actor, rule_id, query)


def find_rule(session: Session, actor: Actor, rule_id: UUID, *, lock: bool = False) -> RuleRow:
    """Return the clinic's rule with this id. Raises NotFound."""
    return RULES.find(session, actor, rule_id, lock=lock)


def _to_response(session: Session, rule: RuleRow) -> JsonDict:
    [response] = _to_responses(session, [rule])
    return response


def _to_responses(session: Session, rules: Sequence[RuleRow]) -> list[JsonDict]:
    """Return the rules of one clinic, as FollowUpRuleOut."""
    runs = runs_of(session, rules[0].clinic_id, [rule.slug for rule in rules]) if rules else {}
    found = RULES.to_responses(session, rules)
    return [{**one, "priority": _priority(one), "runs": runs.get(one["name"], Runs())} for one in found]


def _priority(response: JsonDict) -> int:
    definition = response["definition"] or response["draft"] or {}
    priority: int = definition.get("priority", DEFAULT_PRIORITY)
    return priority
