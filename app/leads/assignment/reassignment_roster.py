"""Assignment rules and the roster of active users, for reassigning leads and tasks."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.clinic_context import ClinicContext
from app.identity.models import User
from app.leads.assignment.choose import default_rules, load_roster
from app.leads.assignment.models import Strategy
from app.leads.assignment.rules.roster import Roster
from app.leads.assignment.rules.rules import Member, Rule
from app.leads.assignment.rules.ruleset import active_rules


def rules_with_default(
    session: Session, clinic: ClinicContext, *, at: datetime, without: Collection[UUID] = ()
) -> list[Rule]:
    """Return the clinic's active rules, followed by the default rules (least loaded user)."""
    return [*active_rules(session, clinic), *default_rules(session, clinic, at=at, without=without)]


def roster_of_all_users(
    session: Session, clinic: ClinicContext, rules: list[Rule], *, at: datetime, without: Collection[UUID] = ()
) -> Roster:
    """Load a roster of all active users, so that it also answers availability of users outside the rules."""
    users = session.scalars(select(User.id).where(User.clinic_id == clinic.id, User.is_active))
    all_users = Rule(None, "", Strategy.ROUND_ROBIN, tuple(map(Member, users)))
    return load_roster(session, clinic, [*rules, all_users], at=at, without=without)
