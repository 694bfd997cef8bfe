"""Lock between the chunks of a job and its cancellation. It is released at the end of the transaction.

A cancellation waits for the chunks in progress. While it waits, no other chunk begins: otherwise each worker would
begin the next chunk first, and the cancellation would wait for the whole job.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_KEY: Final = "hashtextextended('job ' || CAST(CAST(:job AS uuid) AS text), 0)"
_BEGIN: Final = text(f"SELECT pg_try_advisory_xact_lock_shared({_KEY})")  # False also if the other lock is waited for
_WAIT: Final = text(f"SELECT pg_advisory_xact_lock({_KEY})")


def may_begin(session: Session, job_id: UUID | str) -> bool:
    """Return whether a chunk of the job may begin: no cancellation is in progress. It then waits for the chunk."""
    return bool(session.execute(_BEGIN, {"job": job_id}).scalar_one())


def wait_for_chunks(session: Session, job_id: UUID) -> None:
    """Wait until no chunk of the job is in progress, and let none begin until the end of the transaction."""
    session.execute(_WAIT, {"job": job_id})
