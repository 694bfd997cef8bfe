"""Saved views of the work queue: the user's own, and shared ones."""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.users.lookup import ME
from app.leads.attribution.models import LeadSource
from app.tasks.views.models import TaskView

_REFERENCES: Final[Mapping[str, type[User] | type[LeadSource]]] = {
    "assigned_to_id": User,
    "created_by": User,
    "source_id": LeadSource,
}


class ViewNameTaken(Conflict):
    """You already have a view of this name."""


def list_views(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the actor's own views and the clinic's shared views by name."""
    return page(session, _visible(actor), [(TaskView.name, "asc"), (TaskView.id, "asc")], query)


def read_view(session: Session, actor: Actor, view_id: UUID) -> TaskView:
    """Return one of the actor's own views or of the shared ones. Raises NotFound."""
    view = session.scalars(_visible(actor).where(TaskView.id == view_id)).one_or_none()
    if view is None:
        raise NotFound
    return view


def create_view(session: Session, actor: Actor, data: JsonObject) -> TaskView:
    """Create a view from `data`, as `ViewIn` reads it. Raises Forbidden (for an API key), Invalid, ViewNameTaken."""
    if actor.user_id is None:
        raise Forbidden("Views belong to users; an API key has none.")
    require_known_ids(session, actor, data)
    at = now()
    ids = {"id": new_id(), "clinic_id": actor.clinic.id, "user_id": actor.user_id}
    view = TaskView(**ids, **data, created_at=at, updated_at=at, version=1)
    session.add(view)
    _flush(session)
    return view


def update_view(session: Session, actor: Actor, view_id: UUID, data: JsonObject, *, seen: SeenVersions) -> TaskView:
    """Replace all values of the actor's own view. Raises NotFound, Invalid, ChangedMeanwhile, ViewNameTaken."""
    view = _own(session, actor, view_id, seen)
    require_known_ids(session, actor, data)
    for name, value in data.items():
        setattr(view, name, value)
    view.updated_at = now()
    view.version += 1
    _flush(session)
    return view


def delete_view(session: Session, actor: Actor, view_id: UUID, *, seen: SeenVersions) -> None:
    """Delete the actor's own view. Raises NotFound, ChangedMeanwhile."""
    session.delete(_own(session, actor, view_id, seen))


def require_known_ids(session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
    """Check the users and sources that the filters name. Raises Invalid: a view of others would always be empty."""
    if mistakes := list(_unknown_ids(session, actor, data.get("filters", {}))):
        raise Invalid(*mistakes)


def _unknown_ids(session: Session, actor: Actor, filters: Mapping[str, str]) -> Iterator[FieldError]:
    for name, model in _REFERENCES.items():
        wanted = filters.get(name, ME)
        if wanted == ME:
            continue
        found = select(model.id).where(model.id == UUID(wanted), model.clinic_id == actor.clinic.id)
        if session.scalar(found) is None:
            yield FieldError(f"/filters/{name}", "No such record in your clinic.")


def _visible(actor: Actor) -> Select[TaskView]:
    own_or_shared = or_(TaskView.user_id == actor.user_id, TaskView.shared)
    return select(TaskView).where(TaskView.clinic_id == actor.clinic.id, own_or_shared)


def _own(session: Session, actor: Actor, view_id: UUID, seen: SeenVersions) -> TaskView:
    """Lock and return the view. Shared views can be changed by their owner only."""
    own = select(TaskView).where(
        TaskView.id == view_id, TaskView.clinic_id == actor.clinic.id, TaskView.user_id == actor.user_id
    )
    view = session.scalars(own.with_for_update()).one_or_none()
    if view is None:
        raise NotFound
    require_version(view, seen)
    return view


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise ViewNameTaken from None
