"""Teams of a clinic."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.models import Team, User
from app.identity.users.errors import NameTaken, StillInUse

BY_NAME: Final[list[Key]] = [(Team.name, "asc"), (Team.id, "asc")]


def list_teams(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return a page of the clinic's teams by name."""
    return page(session, select(Team).where(Team.clinic_id == actor.clinic.id), BY_NAME, query)


def read_team(session: Session, actor: Actor, team_id: UUID) -> Team:
    """Return one team of the clinic. Raises NotFound."""
    return _find(session, actor, team_id)


def create_team(session: Session, actor: Actor, data: JsonObject) -> Team:
    """Create a team without members. `data` has `name`. Raises NameTaken."""
    at = now()
    team = Team(id=new_id(), clinic_id=actor.clinic.id, **data, created_at=at, updated_at=at, version=1)
    session.add(team)
    _flush(session)
    return team


def update_team(session: Session, actor: Actor, team_id: UUID, data: JsonObject, *, seen: SeenVersions = None) -> Team:
    """Rename a team. `data` has `name`. Raises NotFound, ChangedMeanwhile, NameTaken."""
    team = _find(session, actor, team_id, lock=True)
    require_version(team, seen)
    team.name = data["name"]
    team.updated_at = now()
    team.version += 1
    _flush(session)
    return team


def delete_team(session: Session, actor: Actor, team_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a team without members. Raises NotFound, ChangedMeanwhile, StillInUse."""
    team = _find(session, actor, team_id, lock=True)
    require_version(team, seen)
    if session.scalar(select(User.id).where(User.team_id == team_id).limit(1)):
        raise StillInUse
    session.delete(team)


def _find(session: Session, actor: Actor, team_id: UUID, *, lock: bool = False) -> Team:
    of_clinic = select(Team).where(Team.id == team_id, Team.clinic_id == actor.clinic.id)
    locked = of_clinic.with_for_update()  # so that no user joins it meanwhile
    team = session.scalars(locked if lock else of_clinic).one_or_none()
    if team is None:
        raise NotFound
    return team


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as clash:
        raise NameTaken from clash
