"""Saved views of the work queue: everybody's own, and those that others share."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.optimistic_locking import Seen, require_seen
from app.core.pagination import Page, page
from app.errors import Conflict, Forbidden, NotFound
from app.identity.actor import Actor
from app.tasks.views.models import TaskView


class ViewNameTaken(Conflict):
    """You have a view of this name."""


def list_views(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The actor's own views and those that others of the clinic share, by name."""
    views = select(TaskView).where(
        TaskView.clinic_id == actor.clinic.id, or_(TaskView.user_id == actor.user_id, TaskView.shared)
    )
    return page(session, views, [(TaskView.name, "asc"), (TaskView.id, "asc")], query)


def create_view(session: Session, actor: Actor, data: Mapping[str, Any]) -> TaskView:
    """A new view of what `ViewIn` read. Raises Forbidden, ViewNameTaken."""
    if actor.user_id is None:
        raise Forbidden("Views belong to people; an API key has none.")
    at = now()
    ids = {"id": new_id(), "clinic_id": actor.clinic.id, "user_id": actor.user_id}
    view = TaskView(**ids, **data, created_at=at, updated_at=at, version=1)
    session.add(view)
    _flush(session)
    return view


def update_view(session: Session, actor: Actor, view_id: UUID, data: Mapping[str, Any], *, seen: Seen) -> TaskView:
    """Give one's own view these values, all of them. Raises NotFound, ChangedMeanwhile, ViewNameTaken."""
    view = _own(session, actor, view_id, seen)
    for name, value in data.items():
        setattr(view, name, value)
    view.updated_at = now()
    view.version += 1
    _flush(session)
    return view


def delete_view(session: Session, actor: Actor, view_id: UUID, *, seen: Seen) -> None:
    """Forget one's own view. Raises NotFound, ChangedMeanwhile."""
    session.delete(_own(session, actor, view_id, seen))


def _own(session: Session, actor: Actor, view_id: UUID, seen: Seen) -> TaskView:
    """Locked. Who shares a view lets others look, not change it."""
    own = select(TaskView).where(
        TaskView.id == view_id, TaskView.clinic_id == actor.clinic.id, TaskView.user_id == actor.user_id
    )
    view = session.scalars(own.with_for_update()).one_or_none()
    if view is None:
        raise NotFound
    require_seen(view, seen)
    return view


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise ViewNameTaken from None
