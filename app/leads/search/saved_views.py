"""Saved views of a list: the user's own, and shared ones. Their filters are query parameters of the list."""

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar
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
from app.identity.users.lookup import ME
from app.leads.search.view_models import SavedView

View = TypeVar("View", bound=SavedView)
References = Mapping[str, Any]  # filters that name a record, and the model of each: with `id` and `clinic_id`


class ViewNameTaken(Conflict):
    """You already have a view of this name."""


class SavedViews(Generic[View]):
    """The saved views of one list."""

    def __init__(self, model: type[View], references: References) -> None:
        self._model: Any = model
        self._references = references

    def list_views(self, session: Session, actor: Actor, query: JsonObject) -> Page:
        """List the actor's own views and the clinic's shared views by name."""
        return page(session, self._visible(actor), [(self._model.name, "asc"), (self._model.id, "asc")], query)

    def read_view(self, session: Session, actor: Actor, view_id: UUID) -> View:
        """Return one of the actor's own views or of the shared ones. Raises NotFound."""
        view: View | None = session.scalars(self._visible(actor).where(self._model.id == view_id)).one_or_none()
        if view is None:
            raise NotFound
        return view

    def create_view(self, session: Session, actor: Actor, data: JsonObject) -> View:
        """Create a view with name, filters and `shared`. Raises Forbidden (for an API key), Invalid, ViewNameTaken."""
        if actor.user_id is None:
            raise Forbidden("Views belong to users; an API key has none.")
        self.require_known_ids(session, actor, data)
        at = now()
        ids = {"id": new_id(), "clinic_id": actor.clinic.id, "user_id": actor.user_id}
        view: View = self._model(**ids, **data, created_at=at, updated_at=at, version=1)
        session.add(view)
        _flush(session)
        return view

    def update_view(
        self, session: Session, actor: Actor, view_id: UUID, data: JsonObject, *, seen: SeenVersions
    ) -> View:
        """Replace all values of the actor's own view. Raises NotFound, Invalid, ChangedMeanwhile, ViewNameTaken."""
        view = self._own(session, actor, view_id, seen)
        self.require_known_ids(session, actor, data)
        for name, value in data.items():
            setattr(view, name, value)
        view.updated_at = now()
        view.version += 1
        _flush(session)
        return view

    def delete_view(self, session: Session, actor: Actor, view_id: UUID, *, seen: SeenVersions) -> None:
        """Delete the actor's own view. Raises NotFound, ChangedMeanwhile."""
        session.delete(self._own(session, actor, view_id, seen))

    def require_known_ids(self, session: Session, actor: Actor, data: JsonObject, /, **_: object) -> None:
        """Check the users and sources that the filters name. Raises Invalid: a view of others would always be empty."""
        if mistakes := list(self._unknown_ids(session, actor, data.get("filters", {}))):
            raise Invalid(*mistakes)

    def _unknown_ids(self, session: Session, actor: Actor, filters: Mapping[str, str]) -> Iterator[FieldError]:
        for name, model in self._references.items():
            wanted = filters.get(name, ME)
            if wanted == ME:
                continue
            found = select(model.id).where(model.id == UUID(wanted), model.clinic_id == actor.clinic.id)
            if session.scalar(found) is None:
                yield FieldError(f"/filters/{name}", "No such record in your clinic.")

    def _visible(self, actor: Actor) -> Select[View]:
        own_or_shared = or_(self._model.user_id == actor.user_id, self._model.shared)
        return select(self._model).where(self._model.clinic_id == actor.clinic.id, own_or_shared)

    def _own(self, session: Session, actor: Actor, view_id: UUID, seen: SeenVersions) -> View:
        """Lock and return the view. Shared views can be changed by their owner only."""
        mine = (self._model.clinic_id == actor.clinic.id, self._model.user_id == actor.user_id)
        own = select(self._model).where(self._model.id == view_id, *mine)
        view: View | None = session.scalars(own.with_for_update()).one_or_none()
        if view is None:
            raise NotFound
        require_version(view, seen)
        return view


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise ViewNameTaken from None
