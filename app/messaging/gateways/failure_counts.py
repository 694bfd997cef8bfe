"""Count consecutive failures of gateways, shown to admins."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.outcomes import GatewayResult

# A success without earlier failures updates no row, so it takes no lock.
_UPDATE_FAILURES: Final = text(
    "UPDATE gateways SET failures = CASE WHEN :is_failure THEN failures + 1 ELSE 0 END"
    " WHERE id = :gateway_id AND (:is_failure OR failures > 0)"
)


def result_row(gateway_id: UUID, *, is_failure: bool) -> GatewayResult:
    """Return a row for `record_results`."""
    return {"gateway_id": gateway_id, "is_failure": is_failure}


def record_results(session: Session, rows: Sequence[GatewayResult]) -> None:
    """Store the results of calls: a failure increments the gateway's count, a success resets it."""
    if rows:
        session.execute(_UPDATE_FAILURES, [dict(row) for row in rows])
