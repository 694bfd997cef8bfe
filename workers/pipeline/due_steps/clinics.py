"""Look-ups of the clinics with due steps. Their cost does not grow with the number of due steps."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.pipeline.due_steps.low_water_mark import BEGINNING, due_since

DueClinics: TypeAlias = Mapping[UUID, datetime]  # clinics with due steps → the due time of their oldest one

FEW_STEPS: Final = 200  # due steps of a kind that are read one by one

_DUE: Final = text(
    "SELECT k.kind, d.clinic_id, min(d.due_at) AS oldest, sum(count(*)) OVER (PARTITION BY k.kind) AS steps"  # noqa: S608
    " FROM unnest(CAST(:kinds AS text[]), CAST(:since AS timestamptz[])) AS k(kind, since)"
    " CROSS JOIN LATERAL (SELECT s.clinic_id, s.due_at FROM steps s WHERE s.kind = k.kind"
    f" AND s.state IN ('planned', 'published') AND {due_since('s', 'k.since')} AND s.due_at <= :now"
    " ORDER BY s.due_at LIMIT :few) AS d GROUP BY k.kind, d.clinic_id"
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
    " AND due_at >= :since ORDER BY clinic_id, due_at LIMIT 1) AS found ON true"
    " WHERE coalesce(found.clinic_id, known.clinic_id) IS NOT NULL)"
    " SELECT clinic_id, due_at FROM soonest WHERE due_at <= :due_by"
)
# After many new steps the statistics are old: the planner expects few rows, and would read and sort all due steps.
_AVOID_SORTS: Final = text("SET LOCAL enable_sort = off")
_ALLOW_SORTS: Final = text("SET LOCAL enable_sort TO DEFAULT")
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


def find_due(
    session: Session, since: Mapping[str, datetime], *, now: datetime, known: Mapping[str, DueClinics]
) -> dict[str, DueClinics]:
    """Return the clinics with due steps, by kind.

    `since`: the due time at which the scan of each kind begins. `known`: clinics that had due steps a moment ago, by
    kind. They are returned without being looked up.
    """
    due = _read_few(session, {kind: at for kind, at in since.items() if not known.get(kind)}, now=now)
    many = [kind for kind in since if known.get(kind) or due.get(kind) == {}]
    for kind in many:
        besides = known.get(kind, {})
        found = clinics_with_steps(session, kind, due_by=now, besides=besides, since=since[kind])
        due[kind] = {**besides, **found}
    return due


def _read_few(session: Session, since: Mapping[str, datetime], *, now: datetime) -> dict[str, DueClinics]:
    """Return the clinics of the first due steps of each kind; none for a kind with more steps than are read."""
    if not since:
        return {}
    given = {"kinds": list(since), "since": list(since.values()), "now": now, "few": FEW_STEPS}
    due: dict[str, dict[UUID, datetime]] = defaultdict(dict)
    for row in session.execute(_DUE, given):
        due[row.kind] |= {row.clinic_id: row.oldest} if row.steps < FEW_STEPS else {}
    return dict(due)


def clinics_with_steps(
    session: Session, kind: str, *, due_by: datetime, besides: Collection[UUID] = (), since: datetime = BEGINNING
) -> DueClinics:
    """Return the clinics with pending steps of a kind that are due by this time, at the cost of a read per clinic.

    Clinics in `besides` are not looked up and not returned. Steps that were due before `since` are not found.
    """
    given = {"kind": kind, "due_by": due_by, "known": list(besides), "first": _FIRST, "last": _LAST, "since": since}
    session.execute(_AVOID_SORTS)
    found = {row.clinic_id: row.due_at for row in session.execute(_CLINICS, given)}
    session.execute(_ALLOW_SORTS)
    return found
