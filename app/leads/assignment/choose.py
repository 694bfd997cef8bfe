"""Choice of assignees by assignment rules, for one lead or for many.

An advisory lock per clinic serializes decisions from the choice to the commit. So two leads never take the same
round-robin turn, and no ceiling is exceeded under concurrency. No lock is taken if the clinic has no rules, or if no
rule matches and no rule sets a ceiling. Nothing here waits for the row of a lead.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.calendar.calendar import BusinessHours
from app.core.type_aliases import JsonObject
from app.identity.clinic_context import ClinicContext
from app.identity.models import Role
from app.identity.roles import LEAD_OWNER_ROLES, may_work_sql, roles_in_sql
from app.leads.assignment.rules.evaluation import Decision, decide
from app.leads.assignment.rules.roster import Roster, RosterUser
from app.leads.assignment.rules.rules import LeadFacts, Rule, ceilings_of, least_loaded_rule
from app.leads.assignment.rules.ruleset import active_rules

_LOCK_CLINIC: Final = text("SELECT pg_advisory_xact_lock(hashtext('assignment'), hashtext(CAST(:clinic AS text)))")
_CANDIDATES: Final = text(
    f"SELECT u.id, u.is_active AND {may_work_sql('u')} AS may_work, h.hours,"  # noqa: S608  (constants)
    " (SELECT max(a.ends_at) FROM absences a"
    " WHERE a.user_id = u.id AND a.starts_at <= :at AND a.ends_at > :at) AS out_until,"
    " CASE WHEN u.id = ANY(CAST(:counted AS uuid[])) THEN (SELECT count(*) FROM (SELECT 1 FROM leads l"
    " WHERE l.clinic_id = :clinic AND l.assigned_to_id = u.id AND l.status IN ('NEW', 'ACTIVE')"
    " AND l.deleted_at IS NULL LIMIT :most) AS theirs) ELSE 0 END AS open_leads,"
    " (SELECT jsonb_object_agg(rule_id, user_id) FROM assignment_turns WHERE rule_id = ANY(CAST(:rules AS uuid[])))"
    " AS turns FROM users u LEFT JOIN working_hours h ON h.user_id = u.id"
    " WHERE u.clinic_id = :clinic AND u.id = ANY(CAST(:ids AS uuid[]))"
)
_TURN: Final = text(
    "INSERT INTO assignment_turns (rule_id, user_id) VALUES (:rule, :user)"
    " ON CONFLICT (rule_id) DO UPDATE SET user_id = excluded.user_id"
)
_CATEGORIES: Final = text("SELECT id, category FROM lead_sources WHERE clinic_id = :clinic AND id = ANY(:ids)")
_TEAM: Final = text(
    f"SELECT id, role IN {roles_in_sql(*LEAD_OWNER_ROLES)} AS coordinates FROM users u"  # noqa: S608  (constants)
    f" WHERE clinic_id = :clinic AND is_active AND role IN {roles_in_sql(*LEAD_OWNER_ROLES, Role.CLINIC_ADMIN)}"
    " AND id <> ALL(CAST(:without AS uuid[]))"
    " AND NOT EXISTS (SELECT 1 FROM absences a WHERE a.user_id = u.id AND a.starts_at <= :at AND a.ends_at > :at)"
    " ORDER BY id"
)


class AssignmentPlan(NamedTuple):
    """Decision for each lead, in the order of the leads; None if no rule chose a user."""

    decisions: Sequence[Decision | None]
    fallback_round_robin: bool  # leads without a decision: round robin over the default team, or unassigned (all full)


def choose_assignees(
    session: Session, clinic: ClinicContext, leads: Sequence[LeadFacts], *, at: datetime
) -> AssignmentPlan:
    """Choose an assignee for each new lead, and record the round-robin turns in the caller's transaction.

    If any rule sets ceilings, the default team is chosen here too, so that its members stay below them. Each lead is a
    mapping with `source_id`, `postal_code` and `treatment_interest`.
    """
    rules = active_rules(session, clinic)
    if not rules or not leads:
        return AssignmentPlan([None] * len(leads), fallback_round_robin=True)
    facts = with_source_category(session, clinic, rules, leads)
    wanted = [rule for rule in rules if not all(rule.conditions.failing(lead) for lead in facts)]
    if has_ceilings := bool(ceilings_of(rules)):
        wanted += default_rules(session, clinic, at=at)
    if not wanted:
        return AssignmentPlan([None] * len(leads), fallback_round_robin=not has_ceilings)
    lock_clinic_assignment(session, clinic.id)
    decisions = decide_all(session, wanted, facts, load_roster(session, clinic, wanted, at=at))
    return AssignmentPlan(decisions, fallback_round_robin=not has_ceilings)


def lock_clinic_assignment(session: Session, clinic_id: UUID) -> None:
    """Take the clinic's assignment lock until the commit. Call it before locking any lead, to avoid deadlocks."""
    session.execute(_LOCK_CLINIC, {"clinic": clinic_id})


def decide_all(
    session: Session, rules: Sequence[Rule], leads: Iterable[LeadFacts], roster: Roster
) -> Sequence[Decision | None]:
    """Choose a user for each lead in order; each choice adds to the load. Call `lock_clinic_assignment` first."""
    decisions = [_decide(rules, lead, roster) for lead in leads]
    chosen = {decision.rule.id for decision in decisions if decision}
    for rule_id in filter(None, chosen):
        session.execute(_TURN, {"rule": rule_id, "user": roster.last[rule_id]})
    return decisions


def load_roster(
    session: Session,
    clinic: ClinicContext,
    rules: Sequence[Rule],
    *,
    at: datetime,
    without: Collection[UUID] = (),
) -> Roster:
    """Load the availability and load of all users that the rules may choose, except those in `without`."""
    wanted = {
        "clinic": clinic.id,
        "at": at,
        "ids": list(set[UUID]().union(*(rule.user_ids for rule in rules)) - {*without}),
        "counted": list(set[UUID]().union(*(rule.users_to_count for rule in rules))),
        "most": max((rule.max_counted for rule in rules), default=0),
        "rules": [rule.id for rule in rules if rule.id],
    }
    found = session.execute(_CANDIDATES, wanted).all()
    turns: Mapping[str, str] = (found[0].turns if found else None) or {}
    last: dict[UUID | None, UUID] = {UUID(rule_id): UUID(user_id) for rule_id, user_id in turns.items()}
    return Roster(clinic.calendar, at, {row.id: _roster_user(row) for row in found}, last)


def with_source_category(
    session: Session, clinic: ClinicContext, rules: Iterable[Rule], leads: Sequence[LeadFacts]
) -> Sequence[JsonObject]:
    """Add `source_category` to the leads if any rule tests it; otherwise return the leads unchanged."""
    if not any(rule.conditions.source_categories for rule in rules):
        return leads
    sources = list({lead["source_id"] for lead in leads if lead.get("source_id")})
    found = session.execute(_CATEGORIES, {"clinic": clinic.id, "ids": sources})
    categories = {row.id: row.category for row in found}
    return [{**lead, "source_category": categories.get(lead.get("source_id"))} for lead in leads]


def default_team(session: Session, clinic_id: UUID, *, at: datetime) -> list[UUID]:
    """Return the users who take turns if no rule decides: available coordinators, else available admins, by id."""
    coordinators, admins = _available_team(session, clinic_id, at)
    return coordinators or admins


def default_rules(
    session: Session, clinic: ClinicContext, *, at: datetime, without: Collection[UUID] = ()
) -> list[Rule]:
    """Return the default as rules: coordinators by load, then admins by load, each below their lowest ceiling."""
    ceilings = ceilings_of(active_rules(session, clinic))
    return [least_loaded_rule(group, ceilings) for group in _available_team(session, clinic.id, at, without)]


def _available_team(
    session: Session, clinic_id: UUID, at: datetime, without: Collection[UUID] = ()
) -> tuple[list[UUID], list[UUID]]:
    """Return the ids of available coordinators, and of available admins."""
    found = session.execute(_TEAM, {"clinic": clinic_id, "at": at, "without": list(without)}).all()
    return [row.id for row in found if row.coordinates], [row.id for row in found if not row.coordinates]


def _decide(rules: Sequence[Rule], lead: LeadFacts, roster: Roster) -> Decision | None:
    decision = decide(rules, lead, roster)
    if decision:
        roster.record_assignment(decision.user_id, decision.rule)
    return decision


def _roster_user(row: Any) -> RosterUser:
    hours = BusinessHours.from_json(row.hours) if row.hours is not None else None
    return RosterUser(row.id, row.may_work, row.out_until, hours, row.open_leads)
