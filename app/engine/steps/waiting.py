"""Steps that wait for an event instead of a time, and the one way to wake them.

A waiting step names what it waits for (`waits_for`, a key). Whoever ends the wait calls `wake` with the key, in the
transaction of the change. The due time of a waiting step is only a safety net. No wake-up is lost: a worker that lets
a step wait locks the row of what it waits for, and reads it again, before it commits (`workers.pipeline.waits`).
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import AnyRow
from app.engine.models import StepState
from app.engine.steps.publish import MAX_PUBLISHED_AT_ONCE, after_commit, horizon, wake_ups_of

GATEWAY: Final = "gateway"  # any gateway of the step's clinic that fits
ACCOUNT: Final = "sending_account"  # any sending account of the step's clinic that fits
OUTAGE, MESSAGE, SERIES, LEAD = "outage:", "message:", "series:", "lead:"  # the beginnings of all other keys
SPREAD_STEP: Final = timedelta(seconds=1)  # the longest distance of steps that are spread
WAS_TRIED: Final = "was_tried"  # key in the outcome of a step whose own attempt showed that it must wait

_PENDING: Final = "waits_for IS NOT NULL AND state IN ('planned', 'published')"
# The row of `woken` has the step's place among those that wake. The last move ends now.
_WAKE: Final = (
    " UPDATE steps AS s SET due_at = w.due_at, reason = NULL, waits_for = NULL, outcome = s.outcome - 'was_tried',"
    " state = CASE WHEN w.number <= :soon AND w.due_at <= :horizon THEN 'published' ELSE 'planned' END,"
    " published_at = CASE WHEN w.number <= :soon AND w.due_at <= :horizon THEN CAST(:now AS timestamptz) END,"
    " moves = CASE WHEN jsonb_typeof(s.moves) = 'array'"
    " THEN jsonb_set(s.moves, '{-1,to}', to_jsonb(w.due_at)) ELSE s.moves END"
    " FROM woken w WHERE s.id = w.id RETURNING s.id, s.clinic_id, s.kind, s.name, s.due_at, s.state"
)
_ALL: Final = text(
    f"WITH locked AS (SELECT id FROM steps WHERE {_PENDING} AND waits_for = ANY(CAST(:keys AS text[]))"  # noqa: S608
    " AND (CAST(:clinic AS uuid) IS NULL OR clinic_id = :clinic) FOR UPDATE SKIP LOCKED),"
    " placed AS (SELECT id, row_number() OVER (ORDER BY id) AS number, count(*) OVER () AS number_of_all FROM locked),"
    " woken AS (SELECT id, number, :now + (number - 1) * least(CAST(:spread AS interval) / number_of_all,"
    f" CAST(:apart AS interval)) AS due_at FROM placed){_WAKE}"
)
# Steps that wait for the key, in the order of `column`.
_OF_KEY: Final = (
    f"SELECT {{column}} FROM steps WHERE {_PENDING} AND waits_for = :key"  # noqa: S608  (ours)
    " AND (attempts > 0 OR coalesce(outcome ? 'was_tried', false)) = :was_tried"
    " AND {test} ORDER BY {column} LIMIT {most}"
)
_FIRST_CLINIC: Final = _OF_KEY.format(column="clinic_id", test="true", most=1)
_NEXT_CLINIC: Final = _OF_KEY.format(column="clinic_id", test="clinic_id > last.clinic_id", most=1)
_OF_CLINIC: Final = _OF_KEY.format(column="id", test="clinic_id = shares.clinic_id", most="shares.share")
# Clinics share the number: the first step of each clinic comes before the second of any. A loose index scan finds the
# clinics. The due times are a microsecond apart, in this order.
_BY_TURNS: Final = text(
    f"WITH RECURSIVE clinics AS (({_FIRST_CLINIC}) UNION ALL SELECT ({_NEXT_CLINIC})"  # noqa: S608  (ours)
    " FROM clinics AS last WHERE last.clinic_id IS NOT NULL),"
    " shares AS (SELECT clinic_id, greatest(:most / count(*) OVER (), 1) AS share FROM clinics"
    " WHERE clinic_id IS NOT NULL),"
    " turns AS (SELECT w.id, w.turn FROM shares CROSS JOIN LATERAL"
    f" (SELECT id, row_number() OVER (ORDER BY id) AS turn FROM ({_OF_CLINIC}) AS first) AS w"
    " ORDER BY w.turn, w.id LIMIT :most),"
    " locked AS (SELECT s.id, turns.turn FROM steps s JOIN turns USING (id)"
    f" WHERE s.waits_for = :key AND s.{_PENDING} FOR UPDATE OF s SKIP LOCKED),"
    " placed AS (SELECT id, row_number() OVER (ORDER BY turn, id) AS number FROM locked),"
    " woken AS (SELECT id, number, :now + (:before + number - 1) * interval '1 microsecond' AS due_at FROM placed)"
    f"{_WAKE}"
)


def outage_of(target: str) -> str:
    """Return the key of steps that wait for the end of an outage: of a channel, a gateway or a sending account."""
    return f"{OUTAGE}{target}"


def settled(message_id: UUID | str) -> str:
    """Return the key of steps that wait until a message is sent, or will not be sent."""
    return f"{MESSAGE}{message_id}"


def decided(lead_id: UUID | str) -> str:
    """Return the key of steps that wait until a user decides about a message of the lead. Steps lock their lead."""
    return f"{LEAD}{lead_id}"


def paused(slug: str) -> str:
    """Return the key of steps that wait while their rule or sequence is paused."""
    return f"{SERIES}{slug}"


def wake(
    session: Session, keys: Collection[str], *, clinic_id: UUID | None = None, spread: timedelta = timedelta()
) -> int:
    """Make the steps that wait for one of these keys due now, in the caller's transaction. Returns their number.

    A step that another transaction holds is left out: a worker that holds it looks again itself. `clinic_id`: only
    steps of this clinic. `spread`: distribute them over this time in their order, at most a second apart.
    """
    if not keys:
        return 0
    given = {"keys": list(keys), "clinic": clinic_id, "spread": spread, "apart": SPREAD_STEP}
    return _publish(session, session.execute(_ALL, given | _times()).all())


def wake_by_turns(session: Session, key: str, *, most: int, was_tried: bool = False, before: int = 0) -> int:
    """Make up to `most` steps that wait for the key due now, after `before` others. Returns their number.

    Clinics take turns. `was_tried`: those that were tried before, instead of those that were not.
    """
    given = {"key": key, "most": most, "was_tried": was_tried, "before": before}
    return _publish(session, session.execute(_BY_TURNS, given | _times()).all())


def _times() -> dict[str, Any]:
    now = clock.now()
    return {"now": now, "horizon": horizon(now), "soon": MAX_PUBLISHED_AT_ONCE}


def _publish(session: Session, woken: Sequence[AnyRow]) -> int:
    """Publish the first steps after the commit; the sweep publishes the others."""
    after_commit(session, wake_ups_of(row for row in woken if row.state == StepState.PUBLISHED))
    return len(woken)
