"""A clinic's rules and their versions. Every function takes the session first, and leaves the commit to its caller."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.automation.models import Rule, RuleVersion
from app.automation.series import Series, count_anew
from app.clock import now
from app.db import new_id
from app.differences import differences
from app.errors import Invalid, NotFound
from app.http.paging import Key, Page, page
from app.identity.actor import Actor
from app.identity.clinics import count_up
from app.rules.definitions import require_right
from app.rules.errors import NothingToPublish, RuleNameTaken
from app.rules.showing import all_shown, draft_of, shown, version_shown
from app.versions import Seen, require_seen

OWN: Final = ""  # the playbook of a rule that came from none
BY_NAME: Final[list[Key]] = [(Rule.slug, "asc"), (Rule.id, "asc")]
_SETTINGS: Final = frozenset({"is_active", "is_draft"})  # of a rule, and no part of its text


def list_rules(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The clinic's rules by name."""
    rules = select(Rule).where(Rule.clinic_id == actor.clinic.id, Rule.deleted_at.is_(None))
    if "is_active" in query:
        rules = rules.where(Rule.active if query["is_active"] else ~Rule.active)
    if "playbook" in query:
        rules = rules.where(Rule.playbook == query["playbook"])
    found = page(session, rules, BY_NAME, query)
    return Page(all_shown(session, found.items), found.next_cursor, found.total_count)


def get_rule(session: Session, actor: Actor, rule_id: UUID) -> dict[str, Any]:
    """One rule. Raises NotFound."""
    return shown(session, find_rule(session, actor, rule_id))


def create_rule(session: Session, actor: Actor, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new rule of what `FollowUpRuleIn` read: in force at once, or as a draft. Raises Invalid, RuleNameTaken."""
    definition = {name: value for name, value in data.items() if name not in _SETTINGS and value is not None}
    require_right(session, actor.clinic, definition)
    at, is_draft = now(), data["is_draft"]
    rule = Rule(
        id=new_id(),
        clinic_id=actor.clinic.id,
        playbook=OWN,
        slug=definition["name"],
        definition=None if is_draft else definition,
        published=None if is_draft else 1,
        active=data["is_active"] and not is_draft,
        created_at=at,
        updated_at=at,
        updated_by=actor.user_id,
        version=1,
    )
    session.add(rule)
    _flush(session)
    session.add(_text(actor, rule, definition, number=rule.published))
    count_up(session, actor.clinic.id)
    return shown(session, rule)


def change_rule(
    session: Session, actor: Actor, rule_id: UUID, data: Mapping[str, Any], *, seen: Seen
) -> dict[str, Any]:
    """Replace the parts in `data`, null takes one away: as the next version, or, with `is_draft`, as the draft.

    What is planned stays as its own version planned it. Raises NotFound, ChangedMeanwhile, Invalid.
    """
    rule = find_rule(session, actor, rule_id, lock=True)
    require_seen(rule, seen)
    parts = {name: value for name, value in data.items() if name not in _SETTINGS}
    if parts.get("name", rule.slug) != rule.slug:
        raise Invalid.at("/name", "Steps and reports know the rule by its name: it stays.")
    if parts or data.get("is_draft"):
        _write(session, actor, rule, _changed(session, rule, parts), is_draft=data.get("is_draft", False))
    if "is_active" in data:
        _switch(session, rule, is_on=data["is_active"])
    return _touched(session, actor, rule)


def delete_rule(session: Session, actor: Actor, rule_id: UUID, *, seen: Seen) -> None:
    """The rule is gone: what it planned and what is still pending is skipped when it is due.

    Raises NotFound, ChangedMeanwhile.
    """
    rule = find_rule(session, actor, rule_id, lock=True)
    require_seen(rule, seen)
    rule.active = False
    rule.deleted_at = now()
    _touched(session, actor, rule)


def publish(session: Session, actor: Actor, rule_id: UUID) -> dict[str, Any]:
    """The draft is in force from now on. Raises NotFound, NothingToPublish, Invalid."""
    rule = find_rule(session, actor, rule_id, lock=True)
    draft = session.scalars(draft_of(rule)).one_or_none()
    if draft is None:
        raise NothingToPublish
    require_right(session, actor.clinic, draft.definition)
    was_never = rule.published is None
    draft.number = _next_number(session, rule)
    rule.definition, rule.published = draft.definition, draft.number
    rule.active = rule.active or was_never
    return _touched(session, actor, rule)


def roll_back(session: Session, actor: Actor, rule_id: UUID, number: int) -> dict[str, Any]:
    """An earlier text is in force again, as a new version. Raises NotFound, Invalid."""
    rule = find_rule(session, actor, rule_id, lock=True)
    earlier = _version(session, rule, number)
    require_right(session, actor.clinic, earlier.definition)
    _write(session, actor, rule, earlier.definition, is_draft=False)
    return _touched(session, actor, rule)


def versions_of(session: Session, actor: Actor, rule_id: UUID) -> list[dict[str, Any]]:
    """All texts of the rule, the newest first; a draft before all others. Raises NotFound."""
    rule = find_rule(session, actor, rule_id)
    texts = select(RuleVersion).where(RuleVersion.rule_id == rule.id)
    found = session.scalars(texts.order_by(RuleVersion.number.desc().nulls_first()))
    return [version_shown(rule, version) for version in found]


def compare(session: Session, actor: Actor, rule_id: UUID, query: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between two versions of the rule; unless they are named, the one in force and the draft.

    Raises NotFound.
    """
    rule = find_rule(session, actor, rule_id)
    has_draft = session.scalars(draft_of(rule)).one_or_none() is not None
    newest = None if has_draft else rule.published
    before, after = (
        _version(session, rule, number) for number in (query.get("before", rule.published), query.get("after", newest))
    )
    return {
        "before": before.number,
        "after": after.number,
        "differences": list(differences(before.definition, after.definition)),
    }


def find_rule(session: Session, actor: Actor, rule_id: UUID, *, lock: bool = False) -> Rule:
    """The clinic's rule of that id. Raises NotFound."""
    wanted = select(Rule).where(Rule.id == rule_id, Rule.clinic_id == actor.clinic.id, Rule.deleted_at.is_(None))
    rule = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if rule is None:
        raise NotFound
    return rule


def _changed(session: Session, rule: Rule, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The draft, or else the text in force, with these parts replaced."""
    draft = session.scalars(draft_of(rule)).one_or_none()
    text = {**((draft.definition if draft else rule.definition) or {}), **parts}
    return {name: value for name, value in text.items() if value is not None}


def _write(session: Session, actor: Actor, rule: Rule, definition: dict[str, Any], *, is_draft: bool) -> None:
    require_right(session, actor.clinic, definition)
    for draft in session.scalars(draft_of(rule)):
        session.delete(draft)
    session.flush()
    number = None if is_draft else _next_number(session, rule)
    session.add(_text(actor, rule, definition, number=number))
    if number is not None:
        rule.definition, rule.published = definition, number


def _switch(session: Session, rule: Rule, *, is_on: bool) -> None:
    if is_on and rule.published is None:
        raise NothingToPublish("Publish the rule before it is switched on.")
    if is_on and rule.paused_because is not None:
        count_anew(session, Series(rule.clinic_id, rule.slug))
    rule.active = is_on
    rule.paused_because = None


def _touched(session: Session, actor: Actor, rule: Rule) -> dict[str, Any]:
    """Every process reads the rules anew from the commit on."""
    rule.updated_at, rule.updated_by = now(), actor.user_id
    rule.version += 1
    session.flush()
    count_up(session, actor.clinic.id)
    return shown(session, rule)


def _text(actor: Actor, rule: Rule, definition: dict[str, Any], *, number: int | None) -> RuleVersion:
    return RuleVersion(
        id=new_id(),
        clinic_id=rule.clinic_id,
        rule_id=rule.id,
        number=number,
        definition=definition,
        created_at=now(),
        created_by=actor.user_id,
    )


def _version(session: Session, rule: Rule, number: int | None) -> RuleVersion:
    found = select(RuleVersion).where(RuleVersion.rule_id == rule.id, RuleVersion.number.is_not_distinct_from(number))
    version = session.scalars(found).one_or_none()
    if version is None:
        raise NotFound
    return version


def _next_number(session: Session, rule: Rule) -> int:
    return (session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.rule_id == rule.id)) or 0) + 1


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise RuleNameTaken from None
