"""Fair turns of clinics: which clinic's due steps a worker runs next.

Each worker process measures how long the steps of each clinic took, external calls included. The clinic with the
shortest time is next. A clinic whose steps become due starts level with the others, so it neither waits for a
backlog nor delays it for long.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

LOOK_INTERVAL: Final = 0.2  # seconds after which clinics with new due steps are looked up again
SMALLEST_SHARE: Final = 10  # steps of a clinic in a batch; fewer would make many small claims
HEAD_START: Final = 0.001  # seconds: a clinic with new due steps goes before the others, once
FEW_STEPS: Final = 200  # due steps of a kind that are read one by one

_DUE: Final = text(
    "SELECT k.kind, array_agg(DISTINCT d.clinic_id) AS clinics, count(*) AS steps"
    " FROM unnest(CAST(:kinds AS text[])) AS k(kind) CROSS JOIN LATERAL (SELECT s.clinic_id FROM steps s"
    " WHERE s.kind = k.kind AND s.state IN ('planned', 'published') AND s.due_at <= :now"
    " ORDER BY s.due_at LIMIT :few) AS d GROUP BY k.kind"
)
# A loose index scan: it reads one index entry for each clinic with pending steps, however many steps are due. It jumps
# over the known clinics: the index entries of steps that have just run stand before a clinic's next one.
_CLINICS: Final = text(
    "WITH RECURSIVE soonest AS (SELECT CAST(:first AS uuid) AS clinic_id, CAST(NULL AS timestamptz) AS due_at"
    " UNION ALL SELECT coalesce(found.clinic_id, known.clinic_id), found.due_at FROM soonest AS last"
    " LEFT JOIN LATERAL (SELECT one AS clinic_id FROM unnest(CAST(:known AS uuid[])) AS one"
    " WHERE one > last.clinic_id ORDER BY one LIMIT 1) AS known ON true"
    " LEFT JOIN LATERAL (SELECT clinic_id, due_at FROM steps WHERE kind = :kind AND state IN ('planned', 'published')"
    " AND clinic_id > last.clinic_id AND clinic_id < coalesce(known.clinic_id, CAST(:last AS uuid))"
    " ORDER BY clinic_id, due_at LIMIT 1) AS found ON true"
    " WHERE coalesce(found.clinic_id, known.clinic_id) IS NOT NULL)"
    " SELECT clinic_id FROM soonest WHERE due_at <= :due_by"
)
# After many new steps the statistics are old: the planner expects few rows, and would read and sort all due steps.
_AVOID_SORTS: Final = text("SET LOCAL enable_sort = off")
_ALLOW_SORTS: Final = text("SET LOCAL enable_sort TO DEFAULT")
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Turn:
    """The kind of the next batch, the clinics whose steps it may claim, and the most steps of each."""

    kind: str
    clinics: Sequence[UUID]
    share: int


class Turns:
    """The clinics and kinds with due steps, ordered by the seconds that each clinic's steps took."""

    def __init__(self, kinds: Collection[str]) -> None:
        self._kinds = sorted(kinds)
        self._due: dict[str, list[UUID]] = {}
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
        self.update(find_due(session, self._kinds, now=now, known=self._due))

    def update(self, due: Mapping[str, Collection[UUID]]) -> None:
        """Take over the clinics with due steps, by kind. A new clinic starts just before the others."""
        clinics = {clinic for found in due.values() for clinic in found}
        least = min((self._seconds[clinic] for clinic in clinics & self._seconds.keys()), default=0.0)
        self._seconds = {clinic: self._seconds.get(clinic, least - HEAD_START) for clinic in clinics}
        self._due = {kind: list(found) for kind, found in due.items() if found}
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
        return Turn(kind, clinics[: most // share], share)

    def is_ahead(self, clinic: UUID | None) -> bool:
        """Whether this clinic's steps took longer than those of another clinic with due steps."""
        waiting = [self._seconds[one] for found in self._due.values() for one in found]
        return bool(waiting) and clinic in self._seconds and self._seconds[clinic] > min(waiting)

    def settle(self, turn: Turn, claimed: Sequence[UUID]) -> None:
        """Remove the clinics that had less than their share. `claimed` has the clinic of each claimed step."""
        self._batches[turn.kind] += 1
        counts = Counter(claimed)
        empty = {clinic for clinic in turn.clinics if counts[clinic] < turn.share}
        self._due[turn.kind] = [clinic for clinic in self._due.get(turn.kind, ()) if clinic not in empty]

    def charge(self, clinics: Sequence[UUID], seconds: float) -> None:
        """Add the time of a batch to its clinics. `clinics` has the clinic of each step."""
        for clinic, number in Counter(clinics).items():
            self._seconds[clinic] = self._seconds.get(clinic, 0.0) + seconds * number / len(clinics)


def find_due(
    session: Session, kinds: Sequence[str], *, now: datetime, known: Mapping[str, Collection[UUID]]
) -> dict[str, list[UUID]]:
    """Return the clinics with due steps, by kind. The cost does not grow with the number of due steps.

    `known`: clinics that had due steps a moment ago, by kind. They are returned without being looked up.
    """
    searched = [kind for kind in kinds if not known.get(kind)]
    found = session.execute(_DUE, {"kinds": searched, "now": now, "few": FEW_STEPS}).all() if searched else ()
    due = {row.kind: list(row.clinics) if row.steps < FEW_STEPS else [] for row in found}
    many = [kind for kind in kinds if known.get(kind) or due.get(kind) == []]
    return due | {
        kind: [*known.get(kind, ()), *clinics_with_steps(session, kind, due_by=now, besides=known.get(kind, ()))]
        for kind in many
    }


def clinics_with_steps(session: Session, kind: str, *, due_by: datetime, besides: Collection[UUID] = ()) -> list[UUID]:
    """Return the clinics with pending steps of a kind that are due by this time, at the cost of a read per clinic.

    Clinics in `besides` are not looked up and not returned.
    """
    given = {"kind": kind, "due_by": due_by, "known": list(besides), "first": _FIRST, "last": _LAST}
    session.execute(_AVOID_SORTS)
    found = list(session.scalars(_CLINICS, given))
    session.execute(_ALLOW_SORTS)
    return found
