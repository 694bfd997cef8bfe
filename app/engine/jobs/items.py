"""The items of a job, read and written in bulk. They are always locked in the order of their positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.db import AnyRow, to_json
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.jobs.models import ItemReason
from app.engine.jobs.outlook import Outlook
from app.engine.jobs.split import CHUNK_SIZE, Span
from app.security.encryption import decrypt_json, encryption_context

Position: TypeAlias = int  # position of an item

REASON_TEXTS: Final[Mapping[ItemReason, str]] = {
    ItemReason.DUPLICATE: "The lead appears earlier in the list.",
    ItemReason.DUPLICATE_LEAD: "A lead with this phone number or e-mail address already exists.",
    ItemReason.UNKNOWN_LEAD: "The clinic has no lead with this id.",
    ItemReason.LEAD_IS_LOCKED: "The lead was converted to a patient and is read-only.",
    ItemReason.LEAD_IS_CLOSED: "The lead is lost or archived. Reopen it first.",
    ItemReason.LEAD_IS_RESTRICTED: "Processing of this lead's data is restricted. Lift the restriction first.",
    ItemReason.NOBODY_TO_ASSIGN: "The clinic has no user who could do it.",
    ItemReason.ALREADY_IN: "The lead is already in the sequence.",
    ItemReason.IN_ANOTHER: "The lead is in another sequence, and both are exclusive.",
    ItemReason.BEEN_BEFORE: "The lead was in the sequence before.",
    ItemReason.TOO_SOON: "The lead left the sequence too recently.",
    ItemReason.OPTED_OUT: "The lead opted out.",
    ItemReason.CANNOT_MOVE: "The lead's step is running, or has no counterpart in that version.",
    ItemReason.NO_LONGER_IN: "The lead is no longer in the sequence, or already in that version.",
    ItemReason.SEQUENCE_INACTIVE: "The sequence is inactive or deleted.",
}

_LOCK_PENDING: Final = text(
    "SELECT position, lead_sealed FROM job_items"
    " WHERE job_id = :job AND position BETWEEN :first AND :last AND status = 'pending' ORDER BY position FOR UPDATE"
)
_DONE: Final = text(
    "UPDATE job_items AS i SET status = 'done', lead_id = r.lead_id, task_id = r.task_id, reason = r.reason,"
    " error = r.warning, matched_lead_id = r.matched_lead_id, matched_position = r.matched_position, lead_sealed = NULL"
    " FROM json_to_recordset(CAST(:ends AS json)) AS r(position int, lead_id uuid, task_id uuid, reason text,"
    " warning text, matched_lead_id uuid, matched_position int)"
    " WHERE i.job_id = :job AND i.position = r.position"
)
_FAILED: Final = text(
    "UPDATE job_items AS i SET status = 'failed', reason = r.reason, error = r.error,"
    " matched_lead_id = r.matched_lead_id, matched_position = r.matched_position"
    " FROM json_to_recordset(CAST(:ends AS json)) AS r(position int, reason text, error text, matched_lead_id uuid,"
    " matched_position int)"
    " WHERE i.job_id = :job AND i.position = r.position"
)
# Lock in order first, then write without a join. Just after a job was filled, the query planner has no statistics
# and would choose a nested loop.
_LOCK_ALL_PENDING: Final = text(
    "SELECT count(*) FROM (SELECT 1 FROM job_items WHERE job_id = :job AND status = 'pending'"
    " ORDER BY position FOR UPDATE) AS locked"
)
_CANCEL: Final = text(
    "UPDATE job_items SET status = 'cancelled', lead_sealed = NULL WHERE job_id = :job AND status = 'pending'"
)
# Duplicates are never retried.
_LOCK_ALL_FAILED: Final = text(
    "SELECT count(*) FROM (SELECT 1 FROM job_items WHERE job_id = :job AND status = 'failed'"
    " AND reason <> 'duplicate' ORDER BY position FOR UPDATE) AS locked"
)
# The spans are computed here, so that no positions are transferred.
_TRY_AGAIN: Final = text(
    "WITH again AS (UPDATE job_items SET status = 'pending', reason = NULL, error = NULL,"
    " matched_lead_id = NULL, matched_position = NULL"
    " WHERE job_id = :job AND status = 'failed' AND reason <> 'duplicate' RETURNING position),"
    " numbered AS (SELECT position, (row_number() OVER (ORDER BY position) - 1) / :chunk AS part FROM again)"
    " SELECT min(position) AS first, max(position) AS last, count(*) AS items FROM numbered GROUP BY part ORDER BY part"
)


class Match(NamedTuple):
    """The lead of the same person that exists, or the earlier item of that person, whose lead does not exist yet."""

    lead_id: UUID | None = None
    position: Position | None = None

    def columns(self) -> JsonDict:
        """Return the columns of the item's row."""
        return {"matched_lead_id": self.lead_id, "matched_position": self.position}


NO_MATCH: Final = Match()


@dataclass(slots=True)
class ItemResults:
    """Results of the items of a chunk.

    `left` holds the positions of items that could not be started. `retry_at` is when to start them, if not in a second.
    """

    done: list[JsonDict] = field(default_factory=list)  # position, lead_id, task_id, reason
    failed: list[JsonDict] = field(default_factory=list)  # position, reason, error
    left: list[Position] = field(default_factory=list)
    retry_at: datetime | None = None
    outlook: Outlook = field(default_factory=dict)  # follow-ups that a preview counts

    def succeed(
        self,
        place: Position,
        *,
        lead_id: UUID | None = None,
        task_id: UUID | None = None,
        reason: ItemReason | None = None,
        warning: str | None = None,
        match: Match = NO_MATCH,
    ) -> None:
        """Mark an item as done. `reason` says what was done with a lead that already existed.

        `warning` tells the user what was done otherwise than the item says.
        """
        row = {"position": place, "lead_id": lead_id, "task_id": task_id, "reason": reason, "warning": warning}
        self.done.append({**row, **match.columns()})

    @property
    def reached(self) -> Position:
        """The position after the last item that was processed."""
        return max((one["position"] + 1 for one in (*self.done, *self.failed)), default=0)

    def fail(self, place: Position, reason: ItemReason, error: str = "", *, match: Match = NO_MATCH) -> None:
        """Mark an item as failed. `error` replaces the reason's default text."""
        row = {"position": place, "reason": reason, "error": error or REASON_TEXTS[reason]}
        self.failed.append({**row, **match.columns()})


class PendingItem(NamedTuple):
    """A pending item. `lead` holds the fields of a new lead."""

    position: Position
    lead: JsonObject | None


def lock_pending(session: Session, job_id: UUID, span: Span) -> Sequence[PendingItem]:
    """Lock and return the pending items of the span."""
    found = session.execute(_LOCK_PENDING, {"job": job_id, "first": span.first, "last": span.last})
    return [PendingItem(row.position, _lead(job_id, row)) for row in found]


def lead_encryption_context(job_id: UUID, position: Position) -> str:
    """Return the encryption context of a new lead's fields, until the lead exists."""
    return encryption_context("job_items", "lead_sealed", job_id, position)


def _lead(job_id: UUID, row: AnyRow) -> JsonObject | None:
    if row.lead_sealed is None:
        return None
    lead: JsonObject = decrypt_json(row.lead_sealed, context=lead_encryption_context(job_id, row.position))
    return lead


def write_results(session: Session, job_id: UUID, ends: ItemResults) -> None:
    """Write the results. The encrypted fields of leads that now exist are deleted."""
    for statement, rows in ((_DONE, ends.done), (_FAILED, ends.failed)):
        if rows:
            session.execute(statement, {"job": job_id, "ends": to_json(rows)})


def cancel_pending_items(session: Session, job_id: UUID) -> int:
    """Cancel the pending items and return how many. Waits for chunks in progress."""
    session.execute(_LOCK_ALL_PENDING, {"job": job_id})
    return session.execute(_CANCEL, {"job": job_id}).rowcount  # type: ignore[attr-defined, no-any-return]


def reset_failed_items(session: Session, job_id: UUID) -> tuple[int, list[Span]]:
    """Make failed items pending again, except duplicates. Return how many, and their chunks."""
    session.execute(_LOCK_ALL_FAILED, {"job": job_id})
    found = session.execute(_TRY_AGAIN, {"job": job_id, "chunk": CHUNK_SIZE}).all()
    return sum(row.items for row in found), [Span(row.first, row.last) for row in found]
