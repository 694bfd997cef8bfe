"""Fair turns of clinics: which clinic's due steps a worker runs next.

Each worker process measures how long the steps of each clinic took, external calls included. The clinic with the
shortest time is next. A clinic whose steps become due starts level with the others, so it neither waits for a
backlog nor delays it for long.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from workers.pipeline.due_steps.clinics import DueClinics, find_due
from workers.pipeline.due_steps.low_water_mark import BEGINNING, LowWaterMark

LOOK_INTERVAL: Final = 0.2  # seconds after which clinics with new due steps are looked up again
SMALLEST_SHARE: Final = 10  # steps of a clinic in a batch; fewer would make many small claims
SETTLED: Final = timedelta(seconds=2)  # a step that is committed later still has its message
HEAD_START: Final = 0.001  # seconds: a clinic with new due steps goes before the others, once


class DueStep(Protocol):
    """The columns of a claimed step that its clinic's next turn needs."""

    @property
    def clinic_id(self) -> UUID: ...
    @property
    def due_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """The kind of the next batch, the clinics whose steps it may claim, and the most steps of each.

    `since` has a due time for each clinic, at which its scan begins; empty: at its oldest step.
    """

    kind: str
    clinics: Sequence[UUID]
    share: int
    since: Sequence[datetime] = ()


class Turns:
    """The clinics and kinds with due steps, ordered by the seconds that each clinic's steps took."""

    def __init__(self, kinds: Collection[str]) -> None:
        self.marks = {kind: LowWaterMark(SETTLED) for kind in sorted(kinds)}
        self._due: dict[str, dict[UUID, datetime]] = {}
        self._seconds: dict[UUID, float] = {}
        self._batches: Counter[str] = Counter()
        self._looked_at = float("-inf")

    @property
    def is_stale(self) -> bool:
        """Whether clinics with due steps must be looked up again."""
        return time.monotonic() - self._looked_at > LOOK_INTERVAL

    def restart(self) -> None:
        """Forget which steps are due. The clinics' seconds stay."""
        self._due, self._looked_at = {}, float("-inf")

    def look(self, session: Session, *, now: datetime) -> None:
        """Look up the clinics with due steps."""
        began = time.monotonic()
        since = {kind: mark.start(now) for kind, mark in self.marks.items()}
        due = find_due(session, since, now=now, known=self._known(since))
        seconds = time.monotonic() - began
        for kind, mark in self.marks.items():
            mark.advance(min(due.get(kind, {}).values(), default=None), now=now, seconds=seconds)
        self.update(due)

    def _known(self, since: Mapping[str, datetime]) -> dict[str, DueClinics]:
        """Return the clinics that need no look-up. If complete scans are rare, each one looks up all clinics."""
        return {
            kind: clinics
            for kind, clinics in self._due.items()
            if since[kind] > BEGINNING or not self.marks[kind].is_needed
        }

    def update(self, due: Mapping[str, DueClinics]) -> None:
        """Take over the clinics with due steps, by kind. A new clinic starts just before the others."""
        clinics = {clinic for found in due.values() for clinic in found}
        least = min((self._seconds[clinic] for clinic in clinics & self._seconds.keys()), default=0.0)
        self._seconds = {clinic: self._seconds.get(clinic, least - HEAD_START) for clinic in clinics}
        self._due = {kind: dict(found) for kind, found in due.items() if found}
        self._looked_at = time.monotonic()

    def next_kind(self) -> str | None:
        """Return a kind of the clinic with the shortest time; None without due steps. A clinic's kinds alternate."""
        waiting = [
            (self._seconds[clinic], self._batches[kind], kind) for kind in self._due for clinic in self._due[kind]
        ]
        return min(waiting)[2] if waiting else None

    def share_out(self, kind: str, most: int) -> Turn:
        """Return the clinics that share a batch of up to `most` steps of a kind."""
        clinics = sorted(self._due.get(kind, ()), key=self._seconds.__getitem__)
        if not clinics or not most:
            return Turn(kind, (), 0)
        share = max(most // len(clinics), min(most, SMALLEST_SHARE))
        chosen = clinics[: most // share]
        since = [self._due[kind][clinic] for clinic in chosen] if self.marks[kind].is_needed else []
        return Turn(kind, chosen, share, since)

    def is_ahead(self, clinic: UUID | None) -> bool:
        """Whether this clinic's steps took longer than those of another clinic with due steps."""
        waiting = [self._seconds[one] for found in self._due.values() for one in found]
        return bool(waiting) and clinic in self._seconds and self._seconds[clinic] > min(waiting)

    def settle(self, turn: Turn, claimed: Sequence[DueStep]) -> None:
        """Remove the clinics that had less than their share. The others' next scan begins where this one ended."""
        self._batches[turn.kind] += 1
        counts = Counter(step.clinic_id for step in claimed)
        empty = {clinic for clinic in turn.clinics if counts[clinic] < turn.share}
        reached = {step.clinic_id: step.due_at for step in claimed}  # claimed by due time, so the last one counts
        self._due[turn.kind] = {
            clinic: reached.get(clinic, oldest)
            for clinic, oldest in self._due.get(turn.kind, {}).items()
            if clinic not in empty
        }

    def charge(self, clinics: Sequence[UUID], seconds: float) -> None:
        """Add the time of a batch to its clinics. `clinics` has the clinic of each step."""
        for clinic, number in Counter(clinics).items():
            self._seconds[clinic] = self._seconds.get(clinic, 0.0) + seconds * number / len(clinics)
