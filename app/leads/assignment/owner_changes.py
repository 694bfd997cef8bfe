"""Changes of the owners of leads, for the parts of the application that follow them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.ports import Listeners


class OwnerChange(NamedTuple):
    """A lead with its previous and its new owner."""

    lead_id: UUID
    from_id: UUID
    to_id: UUID


# Called in the same transaction when owned leads get other owners, to move the open tasks of the previous owners.
owners_changed: Listeners[[Session, Sequence[OwnerChange], datetime]] = Listeners("owners_changed")
