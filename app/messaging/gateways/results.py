"""How often in a row a gateway failed: for who looks after it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# A gateway that works is only looked at: nobody waits for its row.
_NOTE: Final = text(
    "UPDATE gateways SET failures = CASE WHEN :is_failure THEN failures + 1 ELSE 0 END"
    " WHERE id = :gateway_id AND (:is_failure OR failures > 0)"
)


def result_row(gateway_id: UUID, *, is_failure: bool) -> dict[str, Any]:
    """A row for `note_results`."""
    return {"gateway_id": gateway_id, "is_failure": is_failure}


def note_results(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note what calls came to."""
    if rows:
        session.execute(_NOTE, list(rows))
