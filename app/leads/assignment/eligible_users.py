"""Who may take over what somebody has, or what nobody has."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.leads.assignment.choose import default_rules, load_roster
from app.leads.assignment.models import Strategy
from app.leads.assignment.roster import Roster
from app.leads.assignment.rules.rules import Member, Rule
from app.leads.assignment.rules.ruleset import rules_of


def clinics_rules(
    session: Session, clinic: ClinicContext, *, at: datetime, without: Collection[UUID] = ()
) -> list[Rule]:
    """The clinic's rules, and last whoever takes turns by default, by load."""
    return [*rules_of(session, clinic), *default_rules(session, clinic, at=at, without=without)]


def roster_of_all(
    session: Session, clinic: ClinicContext, rules: list[Rule], *, at: datetime, without: Collection[UUID] = ()
) -> Roster:
    """Whom the rules may choose, and everybody else who works here, so that it tells who of them is there."""
    users = session.scalars(select(User.id).where(User.clinic_id == clinic.id, User.is_active))
    everybody = Rule(None, "", Strategy.ROUND_ROBIN, tuple(map(Member, users)))
    return load_roster(session, clinic, [*rules, everybody], at=at, without=without)
