"""Assignment rules: list, create, update, delete, reorder."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import ColumnDict, JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.identity.models import User
from app.identity.users.lookup import HAS_WORKING_ROLE
from app.leads.assignment.models import AssignmentRule
from app.leads.assignment.rules.rules import MOST_RULES
from app.leads.attribution.models import LeadSource

_EACH_ONCE: Final = "Name each rule of the clinic once."


class TooManyRules(Conflict):
    """The clinic has reached the maximum number of assignment rules."""


def list_rules(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """List the clinic's rules in their order."""
    rules = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic_id)
    return page(session, rules, [(AssignmentRule.position, "asc"), (AssignmentRule.id, "asc")], query)


def read_rule(session: Session, clinic_id: UUID, rule_id: UUID) -> AssignmentRule:
    """Return one rule of the clinic. Raises NotFound."""
    of_clinic = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic_id)
    return _find(session.scalars(of_clinic.where(AssignmentRule.id == rule_id)).all(), rule_id)


def create_rule(session: Session, clinic_id: UUID, data: JsonObject) -> AssignmentRule:
    """Create a rule from the fields of RuleIn, after all others. Raises TooManyRules, Invalid."""
    rules = _lock(session, clinic_id)
    if len(rules) >= MOST_RULES:
        raise TooManyRules
    at = now()
    made = {"id": new_id(), "clinic_id": clinic_id, "created_at": at, "updated_at": at, "version": 1}
    rule = AssignmentRule(**made, position=len(rules), **_columns(session, clinic_id, data))
    session.add(rule)
    session.flush()
    return rule


def update_rule(
    session: Session, clinic_id: UUID, rule_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> AssignmentRule:
    """Replace all values of a rule. Raises NotFound, ChangedMeanwhile, Invalid."""
    rule = _find(_lock(session, clinic_id), rule_id)
    require_version(rule, seen)
    for name, value in _columns(session, clinic_id, data).items():
        setattr(rule, name, value)
    rule.updated_at = now()
    rule.version += 1
    session.flush()
    return rule


def delete_rule(session: Session, clinic_id: UUID, rule_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a rule. The assignment history keeps its name. Raises NotFound, ChangedMeanwhile."""
    rules = _lock(session, clinic_id)
    rule = _find(rules, rule_id)
    require_version(rule, seen)
    session.delete(rule)
    _renumber([other for other in rules if other is not rule])


def reorder(session: Session, clinic_id: UUID, ids: Sequence[UUID]) -> Sequence[AssignmentRule]:
    """Put all rules of the clinic into this order. Raises Invalid (unless each rule is named once)."""
    rules = {rule.id: rule for rule in _lock(session, clinic_id)}
    if sorted(ids) != sorted(rules):
        raise Invalid.at("/ids", _EACH_ONCE)
    ordered = [rules[rule_id] for rule_id in ids]
    _renumber(ordered)
    session.flush()
    return ordered


def _lock(session: Session, clinic_id: UUID) -> list[AssignmentRule]:
    """Lock the clinic's rules and invalidate the clinic's caches; return the rules in order."""
    bump_rules_version(session, clinic_id)
    rules = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic_id)
    return list(session.scalars(rules.order_by(AssignmentRule.position, AssignmentRule.id)))


def _find(rules: Sequence[AssignmentRule], rule_id: UUID) -> AssignmentRule:
    found = next((rule for rule in rules if rule.id == rule_id), None)
    if found is None:
        raise NotFound
    return found


def _renumber(rules: Sequence[AssignmentRule]) -> None:
    for position, rule in enumerate(rules):
        if rule.position != position:
            rule.position = position
            rule.version += 1


def _columns(session: Session, clinic_id: UUID, data: JsonObject) -> ColumnDict:
    """Return the columns of the row. Raises Invalid for users who may not work on leads and unknown sources."""
    require_own(session, clinic_id, data)
    members = [{**member, "user_id": str(member["user_id"])} for member in data["members"]]
    conditions = {**data["conditions"], "source_ids": [str(id_) for id_ in data["conditions"]["source_ids"]]}
    return {**data, "members": members, "conditions": conditions}


def check_rule(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the users and sources that a rule names. Raises Invalid with every error."""
    require_own(session, actor.clinic.id, data)


def check_order(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check that the order names each rule once. Raises Invalid."""
    rules = session.scalars(select(AssignmentRule.id).where(AssignmentRule.clinic_id == actor.clinic.id))
    if sorted(data["ids"]) != sorted(rules):
        raise Invalid.at("/ids", _EACH_ONCE)


def require_own(session: Session, clinic_id: UUID, data: JsonObject) -> None:
    """Check that the users may work on leads, and that users and sources are the clinic's. Raises Invalid."""

    def fallback() -> dict[str, UUID]:
        return {"/fallback_id": data["fallback_id"]} if data["fallback_id"] else {}

    def members() -> dict[str, UUID]:
        return {f"/members/{i}/user_id": member["user_id"] for i, member in enumerate(data["members"])}

    def sources() -> dict[str, UUID]:
        return {f"/conditions/source_ids/{i}": id_ for i, id_ in enumerate(data["conditions"]["source_ids"])}

    check_all(
        lambda: _require_assignable(session, clinic_id, members()),
        lambda: _require_assignable(session, clinic_id, fallback()),
        lambda: _require_sources(session, clinic_id, sources()),
    )


def _require_assignable(session: Session, clinic_id: UUID, named: Mapping[str, UUID]) -> None:
    """Raise an error for each user whose role may not work on leads. `named` maps JSON pointers to ids.

    Deactivated users may stay in a rule, which passes them over.
    """
    users = select(User.id).where(User.clinic_id == clinic_id, User.id.in_(named.values()), HAS_WORKING_ROLE)
    known = set(session.scalars(users))
    _require_known(named, known, "Must be a user of your clinic who may work on leads.")


def _require_sources(session: Session, clinic_id: UUID, named: Mapping[str, UUID]) -> None:
    """Raise an error for each lead source that does not belong to the clinic. `named` maps JSON pointers to ids."""
    if not named:
        return
    sources = select(LeadSource.id).where(LeadSource.clinic_id == clinic_id, LeadSource.id.in_(named.values()))
    known = set(session.scalars(sources))
    _require_known(named, known, "Must be a lead source of your clinic.")


def _require_known(named: Mapping[str, UUID], known: Collection[UUID], problem: str) -> None:
    if wrong := [place for place, id_ in named.items() if id_ not in known]:
        raise Invalid(*(FieldError(place, problem) for place in wrong))
