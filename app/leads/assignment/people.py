"""Who of the clinic may be given a lead or a task."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.models import User

ME: Final = "me"


class Person(NamedTuple):
    """A user of the clinic."""

    id: UUID
    name: str
    is_active: bool


People = Mapping[UUID, Person]


def people(session: Session, clinic_id: UUID, user_ids: Iterable[UUID | None]) -> People:
    """Those of them who are users of the clinic, by id; in one query."""
    wanted = {user_id for user_id in user_ids if user_id}
    if not wanted:
        return {}
    found = select(User.id, User.name, User.is_active).where(User.id.in_(wanted), User.clinic_id == clinic_id)
    return {row.id: Person(*row) for row in session.execute(found)}


def who_is(person: UUID | str, actor: Actor, *, pointer: str = "/assigned_to_id") -> UUID:
    """The id of a user who is named by it, or as `me`. Raises Invalid where a program says `me`."""
    found = actor.user_id if person == ME else person
    if not isinstance(found, UUID):
        raise Invalid.at(pointer, "An API key is nobody's: name a user.")
    return found


def is_available(people: People, user_id: UUID | None) -> bool:
    """Whether somebody of that id works here."""
    return user_id is not None and user_id in people and people[user_id].is_active


def require_available(people: People, user_id: UUID) -> None:
    """Raises Invalid where nobody of that id works here."""
    if not is_available(people, user_id):
        raise Invalid.at("/assigned_to_id", "Must be an active user of your clinic.")
