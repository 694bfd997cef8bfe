"""Forgetting what is long finished, so that the cost of a step does not grow with what is past."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.idempotency_records import KEPT_FOR
from app.engine.jobs.retention import forget_old_job
from app.engine.statistics.metrics_store import merge_stale_rows
from app.leads.capture.imports.models import RETENTION as IMPORTS_ARE_KEPT
from app.messaging.gateways.status_events import RECEIPT_RETENTION

BATCH = 2000
MINUTES_ARE_KEPT = timedelta(hours=3)  # the throttle looks back for one
SILENT = timedelta(hours=1)  # a process that counted nothing for so long has ended, or may begin a new row

# Ids begin with the time they were made, so the primary key finds what is old without an index of its own.
_FORGET = text(
    "WITH old AS (SELECT id FROM steps WHERE id < :oldest AND state IN ('done', 'skipped', 'cancelled')"
    " AND finished_at < :before ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " DELETE FROM steps AS s USING old WHERE s.id = old.id"
)

_FORGET_EVENTS = text(
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < :oldest ORDER BY id LIMIT :batch)"
)

_FORGET_SIGN_INS = text(
    "DELETE FROM sign_ins WHERE id IN"
    " (SELECT id FROM sign_ins WHERE expires_at < :now ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
)

_FORGET_IMPORTS = text(
    "DELETE FROM imports WHERE id = (SELECT id FROM imports WHERE created_at < :before"
    " ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
)

_FORGET_LINKS = text(
    "DELETE FROM password_links WHERE id IN"
    " (SELECT id FROM password_links WHERE expires_at < :now ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
)

_FORGET_ANSWERS = text(
    "DELETE FROM kept_answers WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM kept_answers WHERE created_at < :before ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_FORGET_MINUTES = text(
    "DELETE FROM gateway_minutes WHERE ctid = ANY(ARRAY(SELECT ctid FROM gateway_minutes WHERE minute < :before"
    " ORDER BY minute LIMIT :batch FOR UPDATE SKIP LOCKED))"
)
_FORGET_RECEIPTS = text(
    "DELETE FROM gateway_receipts WHERE ctid = ANY(ARRAY(SELECT ctid FROM gateway_receipts WHERE received_at < :before"
    " ORDER BY received_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)


def forget_old_steps(session: Session) -> int:
    """Delete one batch of finished steps past their keeping; what failed stays until somebody has looked."""
    before = clock.now() - timedelta(days=get_settings().keep_finished_days)
    merge_stale_rows(session, clock.now() - SILENT)
    result = session.execute(_FORGET, {"oldest": _first_id_at(before.timestamp()), "before": before, "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_old_events(session: Session) -> int:
    """Delete one batch of events past their keeping, and with them why rules decided as they did."""
    before = clock.now() - timedelta(days=get_settings().keep_finished_days)
    result = session.execute(_FORGET_EVENTS, {"oldest": _first_id_at(before.timestamp()), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_old_jobs(session: Session) -> int:
    """Delete one bulk job past its keeping, with its items."""
    return forget_old_job(session, clock.now() - timedelta(days=get_settings().keep_finished_days))


def forget_old_sign_ins(session: Session) -> int:
    """Delete one batch of sign-ins that expired."""
    result = session.execute(_FORGET_SIGN_INS, {"now": clock.now(), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_old_imports(session: Session) -> int:
    """Delete one file of leads past its keeping, with its rows."""
    result = session.execute(_FORGET_IMPORTS, {"before": clock.now() - IMPORTS_ARE_KEPT})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_old_links(session: Session) -> int:
    """Delete one batch of links to choose a password by that expired."""
    result = session.execute(_FORGET_LINKS, {"now": clock.now(), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_old_answers(session: Session) -> int:
    """Delete one batch of answers that nobody can ask for again."""
    result = session.execute(_FORGET_ANSWERS, {"before": clock.now() - KEPT_FOR, "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def forget_old_gateway_calls(session: Session) -> int:
    """Delete one batch of minutes that no hour reaches back to, and of calls that nobody sends again."""
    ages = {_FORGET_MINUTES: MINUTES_ARE_KEPT, _FORGET_RECEIPTS: RECEIPT_RETENTION}
    results = [session.execute(forget, {"before": clock.now() - age, "batch": BATCH}) for forget, age in ages.items()]
    return sum(result.rowcount for result in results)  # type: ignore[attr-defined]


def _first_id_at(timestamp: float) -> UUID:
    """The smallest UUIDv7 of a moment: 48 bits of milliseconds, then zeros."""
    return UUID(int=int(timestamp * 1000) << 80)
