"""Ports: the objects of the audit log that an actor may see now. The packages of the objects implement them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.ports import Port
from app.identity.actor import Actor

# (session, actor, ids) -> the ids that the actor's scope includes.
VisibleIds = Port[[Session, Actor, Collection[UUID]], Iterable[UUID]]

visible_leads: Final[VisibleIds] = VisibleIds("visible_leads")
visible_tasks: Final[VisibleIds] = VisibleIds("visible_tasks")

VISIBLE_IDS: Final[Mapping[str, VisibleIds]] = {"lead": visible_leads, "task": visible_tasks}  # by subject
