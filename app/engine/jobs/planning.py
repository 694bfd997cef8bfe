"""Jobs cut into chunks: one step for each, so that workers share a job and a crash costs one chunk at most."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.engine.models import Kind
from app.engine.service import add_steps, step_row

CHUNK: Final = 1000  # items: their leads stay locked for as long as the chunk takes, some tenths of a second
NAME: Final = "bulk-follow-up"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a job: places of its list, both ends included."""

    first: int
    last: int

    def halves(self) -> tuple["Span", "Span"]:
        """Two parts of a span of more than one place."""
        middle = (self.first + self.last) // 2
        return Span(self.first, middle), Span(middle + 1, self.last)


def chunks_of(total: int, size: int = CHUNK) -> Iterable[Span]:
    """All the places of a job."""
    return (Span(first, min(first + size, total) - 1) for first in range(0, total, size))


def plan_chunks(
    session: Session,
    clinic_id: UUID,
    job_id: UUID,
    spans: Iterable[Span],
    *,
    at: datetime,
    every: timedelta = timedelta(),
    once: bool = False,
) -> None:
    """Plan one step for each span, so long after the one before. `once`: a span planned again is the same step."""
    rows = [
        step_row(
            clinic_id,
            None,
            kind=Kind.IMPORT_CHUNK,
            name=NAME,
            params={"job_id": str(job_id), "first": span.first, "last": span.last},
            cause={"job_id": str(job_id)},
            due_at=at + number * every,
            dedupe_key=f"{NAME}:{job_id}:{span.first}" if once else None,
        )
        for number, span in enumerate(spans)
    ]
    if rows:
        add_steps(session, rows)
