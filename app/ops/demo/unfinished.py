"""Mark of a demo clinic whose replay has not ended: another slug. The next run removes it and begins anew."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import models as _models  # noqa: F401  (registers all tables)
from app.core.db import Base
from app.identity.models import Clinic
from app.ops.demo.seed_data import SLUG

UNFINISHED: Final = f"{SLUG}-unfinished"
_APPEND_ONLY: Final = frozenset({"audit_entries", "audit_seals"})  # empty: nobody has the passwords of the clinic yet


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process creates a demo clinic with this folder: it would remove the clinic of this one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "seed.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_unfinished(session: Session) -> None:
    """Delete the clinic of an interrupted run with all its rows, if there is one."""
    clinic_id = session.scalar(select(Clinic.id).where(Clinic.slug == UNFINISHED))
    if clinic_id is None:
        return
    for table in reversed(Base.metadata.sorted_tables):
        if "clinic_id" in table.c and table.name not in _APPEND_ONLY:
            session.execute(delete(table).where(table.c.clinic_id == clinic_id))
    session.execute(delete(Clinic).where(Clinic.id == clinic_id))


def mark_finished(session: Session, clinic_id: UUID) -> None:
    """Give the clinic the slug of a complete one."""
    session.get_one(Clinic, clinic_id).slug = SLUG
