"""Choosing who gets leads, and taking the turn: for one that comes in, or for a thousand.

What comes in by rules of one clinic is decided one transaction after the other, from the choice to the commit: so a
turn is never taken twice, and no ceiling is passed, however many ask at once. A clinic without rules waits for nobody,
nor does a lead that none of them matches where no rule sets a ceiling. Nothing here waits for a lead's row.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.calendar.calendar import BusinessHours
from app.identity.clinic_context import ClinicContext
from app.identity.models import Role
from app.identity.users.roles import TAKES_LEADS, in_sql
from app.leads.assignment.roster import Colleague, Roster
from app.leads.assignment.rules.evaluation import Decision, decide
from app.leads.assignment.rules.rules import Lead, Rule, by_load, ceilings_of
from app.leads.assignment.rules.ruleset import rules_of

_ONE_BY_ONE: Final = text("SELECT pg_advisory_xact_lock(hashtext('assignment'), hashtext(CAST(:clinic AS text)))")
_PEOPLE: Final = text(
    "SELECT u.id, u.is_active, h.hours, (SELECT max(a.ends_at) FROM absences a"
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
    f"SELECT id, role IN {in_sql(*TAKES_LEADS)} AS coordinates FROM users u WHERE clinic_id = :clinic AND is_active"  # noqa: S608  (ours)
    f" AND role IN {in_sql(*TAKES_LEADS, Role.CLINIC_ADMIN)} AND id <> ALL(CAST(:without AS uuid[]))"
    " AND NOT EXISTS (SELECT 1 FROM absences a WHERE a.user_id = u.id AND a.starts_at <= :at AND a.ends_at > :at)"
    " ORDER BY id"
)


class Chosen(NamedTuple):
    """Whom the rules give each lead, in the leads' order; None where they give it to nobody."""

    decisions: Sequence[Decision | None]
    rest_in_turn: bool  # the others go to whoever of the default team has the turn; else to nobody, all being full


def choose(session: Session, clinic: ClinicContext, leads: Sequence[Lead], *, at: datetime) -> Chosen:
    """Whom the clinic's rules give each of these new leads. Their turns are taken, in the caller's transaction.

    Where rules set ceilings, the default team is chosen from here, too, that it may not pass them. A lead needs
    `source_id`, `postal_code`, `treatment_interest`.
    """
    rules = rules_of(session, clinic)
    if not rules or not leads:
        return Chosen([None] * len(leads), rest_in_turn=True)
    facts = facts_of(session, clinic, rules, leads)
    wanted = [rule for rule in rules if not all(rule.conditions.failing(lead) for lead in facts)]
    if has_ceilings := bool(ceilings_of(rules)):
        wanted += default_rules(session, clinic, at=at)
    if not wanted:
        return Chosen([None] * len(leads), rest_in_turn=not has_ceilings)
    one_by_one(session, clinic.id)
    decisions = give_out(session, wanted, facts, load_roster(session, clinic, wanted, at=at))
    return Chosen(decisions, rest_in_turn=not has_ceilings)


def one_by_one(session: Session, clinic_id: UUID) -> None:
    """Wait until nobody else decides for this clinic; until the commit nobody else will. Before any lead is locked."""
    session.execute(_ONE_BY_ONE, {"clinic": clinic_id})


def give_out(
    session: Session, rules: Sequence[Rule], leads: Iterable[Lead], roster: Roster
) -> Sequence[Decision | None]:
    """Decide one lead after the other, each with those before it counted. Only after `one_by_one`."""
    decisions = [_give(rules, lead, roster) for lead in leads]
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
    """Everybody whom these rules may choose, as they are at `at`, but for those `without` whom it has to go."""
    wanted = {
        "clinic": clinic.id,
        "at": at,
        "ids": list(set[UUID]().union(*(rule.everybody for rule in rules)) - {*without}),
        "counted": list(set[UUID]().union(*(rule.counted for rule in rules))),
        "most": max((rule.counts_to for rule in rules), default=0),
        "rules": [rule.id for rule in rules if rule.id],
    }
    found = session.execute(_PEOPLE, wanted).all()
    turns: Mapping[str, str] = (found[0].turns if found else None) or {}
    last: dict[UUID | None, UUID] = {UUID(rule_id): UUID(user_id) for rule_id, user_id in turns.items()}
    return Roster(clinic.calendar, at, {row.id: _colleague(row) for row in found}, last)


def facts_of(
    session: Session, clinic: ClinicContext, rules: Iterable[Rule], leads: Sequence[Lead]
) -> Sequence[Mapping[str, Any]]:
    """The leads with what rules ask of them: a source's category is looked up only where one is asked for."""
    if not any(rule.conditions.source_categories for rule in rules):
        return leads
    sources = list({lead["source_id"] for lead in leads if lead.get("source_id")})
    found = session.execute(_CATEGORIES, {"clinic": clinic.id, "ids": sources})
    categories = {row.id: row.category for row in found}
    return [{**lead, "source_category": categories.get(lead.get("source_id"))} for lead in leads]


def default_team(session: Session, clinic_id: UUID, *, at: datetime) -> list[UUID]:
    """Who takes turns where no rule decides: the coordinators who are there, else the admins. In a stable order."""
    coordinators, admins = _there(session, clinic_id, at)
    return coordinators or admins


def default_rules(
    session: Session, clinic: ClinicContext, *, at: datetime, without: Collection[UUID] = ()
) -> list[Rule]:
    """The default where loads count: the coordinators who are there, by load, then the admins; none past a ceiling."""
    ceilings = ceilings_of(rules_of(session, clinic))
    return [by_load(group, ceilings) for group in _there(session, clinic.id, at, without)]


def _there(
    session: Session, clinic_id: UUID, at: datetime, without: Collection[UUID] = ()
) -> tuple[list[UUID], list[UUID]]:
    """The coordinators who are there, and the admins."""
    found = session.execute(_TEAM, {"clinic": clinic_id, "at": at, "without": list(without)}).all()
    return [row.id for row in found if row.coordinates], [row.id for row in found if not row.coordinates]


def _give(rules: Sequence[Rule], lead: Lead, roster: Roster) -> Decision | None:
    decision = decide(rules, lead, roster)
    if decision:
        roster.take(decision.user_id, decision.rule)
    return decision


def _colleague(row: Any) -> Colleague:
    hours = BusinessHours.from_json(row.hours) if row.hours is not None else None
    return Colleague(row.id, row.is_active, row.out_until, hours, row.open_leads)
