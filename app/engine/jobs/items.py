"""The items of a job, always many at once. Whoever locks them does it in the order of their places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.core.db import to_json
from app.engine.jobs.models import ItemReason
from app.engine.jobs.planning import CHUNK, Span
from app.security.encryption import place_of, unseal_json

Place: TypeAlias = int  # an item's position

WORDS: Final[Mapping[ItemReason, str]] = {
    ItemReason.DUPLICATE: "The lead stands earlier in the list.",
    ItemReason.UNKNOWN_LEAD: "The clinic has no such lead.",
    ItemReason.LEAD_IS_LOCKED: "The lead became a patient: it can be read, and nothing else.",
    ItemReason.LEAD_IS_CLOSED: "The lead is lost or archived, and would have to be reopened first.",
    ItemReason.LEAD_IS_RESTRICTED: (
        "The person has asked that nothing be done with what is known of them: lift the restriction first."
    ),
    ItemReason.NOBODY_TO_ASSIGN: "Nobody works here who could do it.",
    ItemReason.ALREADY_IN: "The lead is in the sequence.",
    ItemReason.IN_ANOTHER: "The lead is in another sequence, and both are exclusive.",
    ItemReason.BEEN_BEFORE: "The lead was in the sequence before.",
    ItemReason.TOO_SOON: "The lead was in the sequence a short time ago.",
    ItemReason.OPTED_OUT: "The lead opted out.",
    ItemReason.CANNOT_MOVE: "The lead's step is under way, or has no place in that version.",
    ItemReason.NO_LONGER_IN: "The lead is in another version no longer.",
    ItemReason.SEQUENCE_INACTIVE: "The sequence is switched off, or deleted.",
}

_LOCK_PENDING: Final = text(
    "SELECT position, lead_sealed FROM job_items"
    " WHERE job_id = :job AND position BETWEEN :first AND :last AND status = 'pending' ORDER BY position FOR UPDATE"
)
_DONE: Final = text(
    "UPDATE job_items AS i SET status = 'done', lead_id = r.lead_id, task_id = r.task_id, reason = r.reason,"
    " lead_sealed = NULL"
    " FROM json_to_recordset(CAST(:ends AS json)) AS r(position int, lead_id uuid, task_id uuid, reason text)"
    " WHERE i.job_id = :job AND i.position = r.position"
)
_FAILED: Final = text(
    "UPDATE job_items AS i SET status = 'failed', reason = r.reason, error = r.error"
    " FROM json_to_recordset(CAST(:ends AS json)) AS r(position int, reason text, error text)"
    " WHERE i.job_id = :job AND i.position = r.position"
)
# Locked first, in order, then written without a join: just after a job was filled the planner knows nothing of its
# rows, and would join each of them with all of them.
_LOCK_ALL_PENDING: Final = text(
    "SELECT count(*) FROM (SELECT 1 FROM job_items WHERE job_id = :job AND status = 'pending'"
    " ORDER BY position FOR UPDATE) AS locked"
)
_CANCEL: Final = text(
    "UPDATE job_items SET status = 'cancelled', lead_sealed = NULL WHERE job_id = :job AND status = 'pending'"
)
# A double stays one, however often it is tried.
_LOCK_ALL_FAILED: Final = text(
    "SELECT count(*) FROM (SELECT 1 FROM job_items WHERE job_id = :job AND status = 'failed'"
    " AND reason <> 'duplicate' ORDER BY position FOR UPDATE) AS locked"
)
# The spans are cut here, so that no place travels.
_TRY_AGAIN: Final = text(
    "WITH again AS (UPDATE job_items SET status = 'pending', reason = NULL, error = NULL"
    " WHERE job_id = :job AND status = 'failed' AND reason <> 'duplicate' RETURNING position),"
    " numbered AS (SELECT position, (row_number() OVER (ORDER BY position) - 1) / :chunk AS part FROM again)"
    " SELECT min(position) AS first, max(position) AS last, count(*) AS items FROM numbered GROUP BY part ORDER BY part"
)


@dataclass(slots=True)
class Ends:
    """How the items of a chunk ended; `left` are the places of those that could not be begun."""

    done: list[dict[str, Any]] = field(default_factory=list)  # position, lead_id, task_id, reason
    failed: list[dict[str, Any]] = field(default_factory=list)  # position, reason, error
    left: list[Place] = field(default_factory=list)

    def succeed(
        self,
        place: Place,
        *,
        lead_id: UUID | None = None,
        task_id: UUID | None = None,
        reason: ItemReason | None = None,
    ) -> None:
        """Done: the lead has its task, or is there. `reason` is for what was done with one who was there already."""
        self.done.append({"position": place, "lead_id": lead_id, "task_id": task_id, "reason": reason})

    def fail(self, place: Place, reason: ItemReason, error: str = "") -> None:
        """Failed, in the reason's own words or in these."""
        self.failed.append({"position": place, "reason": reason, "error": error or WORDS[reason]})


class Pending(NamedTuple):
    """An item that nobody has worked off yet; `lead` are a new one's fields."""

    position: Place
    lead: Mapping[str, Any] | None


def lock_pending(session: Session, job_id: UUID, span: Span) -> Sequence[Pending]:
    """The items of the span that nobody has worked off yet."""
    found = session.execute(_LOCK_PENDING, {"job": job_id, "first": span.first, "last": span.last})
    return [Pending(row.position, _lead(job_id, row)) for row in found]


def place_of_lead(job_id: UUID, position: Place) -> str:
    """Where a new lead's fields are sealed for, until it is one."""
    return place_of("job_items", "lead_sealed", job_id, position)


def _lead(job_id: UUID, row: Row[Any]) -> Mapping[str, Any] | None:
    if row.lead_sealed is None:
        return None
    lead: Mapping[str, Any] = unseal_json(row.lead_sealed, place=place_of_lead(job_id, row.position))
    return lead


def write_ends(session: Session, job_id: UUID, ends: Ends) -> None:
    """Say how each ended. The fields of a lead that is one by now are forgotten here."""
    for statement, rows in ((_DONE, ends.done), (_FAILED, ends.failed)):
        if rows:
            session.execute(statement, {"job": job_id, "ends": to_json(rows)})


def cancel_pending(session: Session, job_id: UUID) -> int:
    """Give up what was not begun; returns how many. Waits for the chunks that are being worked off."""
    session.execute(_LOCK_ALL_PENDING, {"job": job_id})
    return session.execute(_CANCEL, {"job": job_id}).rowcount  # type: ignore[attr-defined, no-any-return]


def try_failed_again(session: Session, job_id: UUID) -> tuple[int, list[Span]]:
    """Make what failed pending again, but for doubles; returns how many, and the chunks they make."""
    session.execute(_LOCK_ALL_FAILED, {"job": job_id})
    found = session.execute(_TRY_AGAIN, {"job": job_id, "chunk": CHUNK}).all()
    return sum(row.items for row in found), [Span(row.first, row.last) for row in found]
