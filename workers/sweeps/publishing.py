"""Publish steps that enter the horizon, and publish again those that did not run."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import AnyRow
from app.engine.statistics.metrics_store import add_counts, series_key
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.publish import after_commit, horizon, wake_ups_of
from workers.pipeline.claim import prefer_indexes
from workers.pipeline.due_steps.clinics import clinics_with_steps
from workers.pipeline.due_steps.low_water_mark import due_since, mark_of

BATCH = 5000

_READ = "id, clinic_id, state, due_at, published_at"
_PENDING = (
    "kind = :kind AND state IN ('planned', 'published')"
    f" AND {due_since('steps', 'CAST(:since AS timestamptz)')} AND due_at <= :horizon"
)
_SOONEST = (
    f"SELECT {_READ}, row_number() OVER (PARTITION BY clinic_id ORDER BY due_at) AS turn"  # noqa: S608  (ours)
    f" FROM (SELECT {_READ} FROM steps WHERE {_PENDING} ORDER BY due_at LIMIT :cap) AS first"
)
_SOONEST_OF_EACH = (
    "SELECT s.* FROM unnest(CAST(:clinics AS uuid[])) AS turn(clinic_id)"  # noqa: S608  (ours)
    f" CROSS JOIN LATERAL (SELECT {_READ}, row_number() OVER (ORDER BY due_at, id) AS turn FROM"
    f" (SELECT {_READ} FROM steps WHERE {_PENDING} AND clinic_id = turn.clinic_id"
    " ORDER BY due_at, id LIMIT :share) AS first) AS s"
)
# Steps are locked by id, and only if they are as they were read. Conditions on `s` alone would let the planner join
# with an index of pending steps: after many new ones it expects few, and compared 15,000 with each other.
# Only the soonest steps of a kind, up to the cap, may be at the broker. Those that are not there yet, and those that
# are overdue, are published, by turns of clinics. The cap bounds the scan for any number of pending steps.
_WANTED = (
    "WITH soonest AS ({soonest}),"
    " wanted AS (SELECT s.id, s.state, soonest.turn FROM soonest JOIN steps s USING (id)"
    " WHERE {condition}"
    " (soonest.state = 'planned' OR (soonest.due_at < :overdue AND soonest.published_at < :overdue))"
    " AND s.state = soonest.state AND s.due_at = soonest.due_at"
    " AND s.published_at IS NOT DISTINCT FROM soonest.published_at"
    " ORDER BY soonest.turn, soonest.due_at LIMIT :batch FOR UPDATE OF s SKIP LOCKED)"
)
_PUBLISH = (
    "UPDATE steps AS s SET state = 'published', published_at = :now FROM wanted WHERE s.id = wanted.id"
    " RETURNING s.id, s.clinic_id, s.kind, s.name, s.due_at, wanted.state = 'published' AS again"
)
_PUBLISH_OF_EACH = text(f"{_WANTED.format(soonest=_SOONEST_OF_EACH, condition='')} {_PUBLISH}")
# One scan finds the steps, and whether they exceed the cap; then it publishes nothing.
_BELOW_CAP = "(SELECT count(*) FROM soonest) < :cap AND"
_PUBLISH_SOONEST = text(
    f"{_WANTED.format(soonest=_SOONEST, condition=_BELOW_CAP)}, published AS ({_PUBLISH})"  # noqa: S608  (ours)
    " SELECT p.*, cap.is_exceeded, cap.oldest"
    " FROM (SELECT count(*) >= :cap AS is_exceeded, min(due_at) AS oldest FROM soonest) AS cap"
    " LEFT JOIN published p ON true"
)


def publish_due(session: Session) -> int:
    """Publish one batch of each kind. The messages are sent after the commit. Returns the number of steps."""
    prefer_indexes(session)
    now, settings = clock.now(), get_settings()
    given = {
        "now": now,
        "horizon": horizon(now),
        "overdue": now - timedelta(seconds=settings.republish_after_seconds),
        "cap": settings.publish_cap,
        "batch": BATCH,
    }
    found = [row for kind in STEP_KINDS for row in _publish(session, {**given, "kind": kind})]
    after_commit(session, wake_ups_of(found))
    again = Counter(series_key("republished", kind=row.kind) for row in found if row.again)
    add_counts(session, again)
    return len(found)


def _publish(session: Session, given: Mapping[str, Any]) -> Sequence[AnyRow]:
    """Publish one batch of a kind. If more steps are due than the cap allows, clinics share the cap."""
    mark, began = mark_of(given["kind"]), time.monotonic()
    given = {**given, "since": mark.start(given["now"])}
    found = session.execute(_PUBLISH_SOONEST, given).all()
    mark.advance(found[0].oldest, now=given["now"], seconds=time.monotonic() - began)
    if not found[0].is_exceeded:
        return [row for row in found if row.id]
    clinics = clinics_with_steps(session, given["kind"], due_by=given["horizon"], since=given["since"])
    share = max(given["cap"] // max(len(clinics), 1), 1)
    return session.execute(_PUBLISH_OF_EACH, {**given, "clinics": list(clinics), "share": share}).all()
