"""Rules and their versions as they are shown."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.automation.models import Rule, RuleVersion
from app.automation.rules import NORMAL


def draft_of(rule: Rule) -> Select[RuleVersion]:
    """The query for the rule's draft, of which there is one at most."""
    return select(RuleVersion).where(RuleVersion.rule_id == rule.id, RuleVersion.number.is_(None))


def shown(session: Session, rule: Rule) -> dict[str, Any]:
    """One rule as `FollowUpRuleOut` writes it."""
    return all_shown(session, [rule])[0]


def all_shown(session: Session, rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Rules as `FollowUpRuleOut` writes them, in their order."""
    drafts = select(RuleVersion).where(
        RuleVersion.rule_id.in_([rule.id for rule in rules]), RuleVersion.number.is_(None)
    )
    drafted = {draft.rule_id: draft.definition for draft in session.scalars(drafts)} if rules else {}
    return [_rule_shown(rule, drafted.get(rule.id)) for rule in rules]


def _rule_shown(rule: Rule, draft: dict[str, Any] | None) -> dict[str, Any]:
    text = rule.definition or draft or {}
    return {
        "id": rule.id,
        "name": rule.slug,
        "description": text.get("description"),
        "playbook": rule.playbook or None,
        "is_active": rule.active,
        "paused_because": rule.paused_because,
        "priority": text.get("priority", NORMAL),
        "published_version": rule.published,
        "definition": rule.definition,
        "draft": draft,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at or rule.created_at,
        "updated_by": rule.updated_by,
        "version": rule.version,
    }


def version_shown(rule: Rule, version: RuleVersion) -> dict[str, Any]:
    """One text of a rule as `RuleVersionOut` writes it."""
    state = "draft" if version.number is None else "published" if version.number == rule.published else "retired"
    return {
        "number": version.number,
        "state": state,
        "definition": version.definition,
        "created_at": version.created_at,
        "created_by": version.created_by,
    }
