"""Split jobs into chunks, one step each. Workers share a job, and a crash repeats one chunk at most."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row

CHUNK_SIZE: Final = 1000  # items; their leads stay locked while the chunk runs, some tenths of a second
IN_ORDER: Final = timedelta(microseconds=1)  # between the due times of chunks that are processed in their order
STEP_NAME: Final = "bulk-follow-up"


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a job: positions of its list, both ends included."""

    first: int
    last: int

    def halves(self) -> tuple["Span", "Span"]:
        """Split a span of more than one position into two."""
        middle = (self.first + self.last) // 2
        return Span(self.first, middle), Span(middle + 1, self.last)


def chunks_of(total: int, size: int = CHUNK_SIZE) -> Iterable[Span]:
    """Return the spans that cover all positions of a job."""
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
    """Plan one step for each span, `every` apart. With `once`, planning a span again adds no second step."""
    rows = [
        step_row(
            clinic_id,
            None,
            kind=Kind.IMPORT_CHUNK,
            name=STEP_NAME,
            params={"job_id": str(job_id), "first": span.first, "last": span.last},
            cause={"job_id": str(job_id)},
            begun_by=BegunBy.JOB,
            due_at=at + number * every,
            dedupe_key=f"{STEP_NAME}:{job_id}:{span.first}" if once else None,
        )
        for number, span in enumerate(spans)
    ]
    if rows:
        add_steps(session, rows)
