"""The second wall between clinics: PostgreSQL itself shows a transaction the rows of one clinic, and no others.

The application sees everything (`relance_app`), for workers, sweeps and signing in work for all clinics. A call steps
down to `relance_clinic` as soon as its clinic is known: what a query forgets to ask, the policies of the tables ask.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, TextualSelect, Uuid, event, text
from sqlalchemy.orm import Session, SessionTransaction

ROLE: Final = "relance_clinic"  # owns nothing; what it may see is in the migrations
CLINIC: Final = "clinic"  # the key under which a session keeps whose it is
FEW: Final = 3000  # ids that a query still names


def stepping_down(clinic: str) -> str:
    """SQL for the columns of a query that finds out whose a call is: from its end on, the transaction is that clinic's.

    `clinic` is SQL for the clinic's id. It costs no round trip of its own; say `belongs_to` as well.
    """
    return f"set_config('role', '{ROLE}', true), set_config('relance.clinic', CAST({clinic} AS text), true)"


def belongs_to(session: Session, clinic_id: UUID) -> None:
    """The session's transaction has stepped down; those that it begins from now on do so, too."""
    session.info[CLINIC] = clinic_id


def step_down(session: Session, clinic_id: UUID) -> None:
    """See and change what is this clinic's, and nothing else, until the session ends."""
    connection = session.connection()  # before the session is anybody's, or a new transaction would step down twice
    belongs_to(session, clinic_id)
    _step_down(connection, clinic_id)


_STEP_DOWN: Final = text(f"SELECT {stepping_down(':clinic')}")


def _step_down(connection: Connection, clinic_id: UUID) -> None:
    connection.execute(_STEP_DOWN, {"clinic": clinic_id})


def few(session: Session, finder: str, wanted: str) -> Sequence[UUID] | None:
    """The ids that a function of the owner's finds in the clinic; None where there are more than a few.

    Before a policy PostgreSQL asks no index what might tell of the rows it hides: `@@` and `@>` would be asked of every
    row of the clinic. Nobody can tell beforehand how many have a tag or say a word. Of few, an order that is read until
    a page is full would be read to its end; many are soon found in any order, and would take long to be sorted.
    """
    found = session.scalars(_finding(finder), {"wanted": wanted, "most": FEW + 1}).all()
    return None if len(found) > FEW else found


@lru_cache
def _finding(finder: str) -> TextualSelect:
    return text(f"SELECT {finder}(CAST(:wanted AS text), CAST(:most AS integer)) AS id").columns(id=Uuid)


@event.listens_for(Session, "after_begin")
def _step_down_again(session: Session, transaction: SessionTransaction, connection: Connection, *_: Any) -> None:
    """With its commit or rollback a transaction is the application's again; a savepoint changes nothing."""
    if (clinic_id := session.info.get(CLINIC)) is not None and not transaction.nested:
        _step_down(connection, clinic_id)
