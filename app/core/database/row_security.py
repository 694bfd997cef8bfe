"""Row-level security: PostgreSQL itself limits a transaction to the rows of one clinic (second tenant boundary).

The role `relance_app` sees all rows, because workers, sweeps and sign-in work for all clinics. An API call switches to
the role `relance_clinic` as soon as its clinic is known. From then on the table policies filter by clinic, even where
a query does not.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, TextualSelect, Uuid, event, text
from sqlalchemy.orm import Session, SessionTransaction

ROLE: Final = "relance_clinic"  # owns nothing; migrations define its grants
CLINIC: Final = "clinic"  # key of the clinic id in `Session.info`
FEW_IDS: Final = 3000  # most ids that a query lists by value


def restrict_to_clinic_columns(clinic: str) -> str:
    """Return SQL columns that restrict the transaction to a clinic when the query ends.

    `clinic` is SQL for the clinic id. The authentication query uses this to save a round trip. Call `remember_clinic`
    as well.
    """
    return f"set_config('role', '{ROLE}', true), set_config('relance.clinic', CAST({clinic} AS text), true)"


def remember_clinic(session: Session, clinic_id: UUID) -> None:
    """Restrict later transactions of this session to the clinic; the current one is already restricted."""
    session.info[CLINIC] = clinic_id


def restrict_to_clinic(session: Session, clinic_id: UUID) -> None:
    """Restrict the session to the rows of this clinic until it ends."""
    connection = session.connection()  # before `remember_clinic`, or a new transaction would be restricted twice
    remember_clinic(session, clinic_id)
    _step_down(connection, clinic_id)


_STEP_DOWN: Final = text(f"SELECT {restrict_to_clinic_columns(':clinic')}")


def _step_down(connection: Connection, clinic_id: UUID) -> None:
    connection.execute(_STEP_DOWN, {"clinic": clinic_id})


def find_few_ids(session: Session, finder: str, wanted: str, *, most: int = FEW_IDS) -> Sequence[UUID] | None:
    """Return the ids that a SECURITY DEFINER function finds in the clinic; None if there are more than `most`.

    Under a row policy PostgreSQL uses no index for operators that are not leakproof (`@@`, `@>`). They would scan every
    row of the clinic. The number of matches is not known beforehand. Few matches: list them by id, because
    an ordered index scan would read to its end. Many matches: an ordered scan fills a page soon, and sorting is slow.
    """
    limit = min(most, FEW_IDS)
    found = session.scalars(_finding(finder), {"wanted": wanted, "most": limit + 1}).all()
    return None if len(found) > limit else found


@lru_cache
def _finding(finder: str) -> TextualSelect:
    return text(f"SELECT {finder}(CAST(:wanted AS text), CAST(:most AS integer)) AS id").columns(id=Uuid)


@event.listens_for(Session, "after_begin")
def _step_down_again(session: Session, transaction: SessionTransaction, connection: Connection, *_: object) -> None:
    """Restrict each new transaction again, because commit and rollback reset the role. Savepoints keep it."""
    if (clinic_id := session.info.get(CLINIC)) is not None and not transaction.nested:
        _step_down(connection, clinic_id)
