"""Retention: delete old finished rows, so that the cost of a step does not grow with history."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import first_id_at
from app.core.idempotency_records import KEPT_FOR
from app.engine.jobs.retention import forget_old_job
from app.engine.statistics.metrics_store import merge_stale_rows
from app.leads.capture.imports.models import RETENTION as IMPORTS_RETENTION
from app.leads.scoring.models import HISTORY_RETENTION
from app.messaging.gateways.status_events import RECEIPT_RETENTION
from app.messaging.tracking.settle import HIT_RETENTION
from app.messaging.webhooks.deliveries import DELIVERY_RETENTION

BATCH = 2000
MINUTES_RETENTION = timedelta(hours=3)  # the throttle uses one hour
ACCOUNT_COUNTS_RETENTION = timedelta(days=3)  # the limits of sending accounts use one local day
IDLE_PROCESS_AFTER = timedelta(hours=1)  # a process that counted nothing for this long has ended, or starts a new row

# Ids begin with their creation time, so the primary key finds old rows without another index.
_DELETE = text(
    "WITH old AS (SELECT id FROM steps WHERE id < :oldest AND state IN ('done', 'skipped', 'cancelled')"
    " AND finished_at < :before ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " DELETE FROM steps AS s USING old WHERE s.id = old.id"
)

_DELETE_EVENTS = text(
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < :oldest ORDER BY id LIMIT :batch)"
)

_DELETE_SIGN_INS = text(
    "DELETE FROM sign_ins WHERE id IN"
    " (SELECT id FROM sign_ins WHERE expires_at < :now ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
)

_DELETE_COUNTERS = text(
    "DELETE FROM rate_counters WHERE name IN"
    " (SELECT name FROM rate_counters WHERE ends_at < now() LIMIT :batch FOR UPDATE SKIP LOCKED)"
)

_DELETE_IMPORTS = text(
    "DELETE FROM imports WHERE id = (SELECT id FROM imports WHERE created_at < :before"
    " ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
)

_DELETE_LINKS = text(
    "DELETE FROM password_links WHERE id IN"
    " (SELECT id FROM password_links WHERE expires_at < :now ORDER BY expires_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
)

_DELETE_ANSWERS = text(
    "DELETE FROM kept_answers WHERE ctid = ANY(ARRAY("
    "SELECT ctid FROM kept_answers WHERE created_at < :before ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_DELETE_MINUTES = text(
    "DELETE FROM gateway_minutes WHERE ctid = ANY(ARRAY(SELECT ctid FROM gateway_minutes WHERE minute < :before"
    " ORDER BY minute LIMIT :batch FOR UPDATE SKIP LOCKED))"
)
_DELETE_ACCOUNT_COUNTS = text(
    "DELETE FROM sending_account_counts WHERE ctid = ANY(ARRAY(SELECT ctid FROM sending_account_counts"
    " WHERE starts_at < :before ORDER BY starts_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)
_DELETE_RECEIPTS = text(
    "DELETE FROM gateway_receipts WHERE ctid = ANY(ARRAY(SELECT ctid FROM gateway_receipts WHERE received_at < :before"
    " ORDER BY received_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_DELETE_TEXT_RECEIPTS = text(
    "DELETE FROM text_receipts WHERE ctid = ANY(ARRAY(SELECT ctid FROM text_receipts WHERE received_at < :before"
    " ORDER BY received_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_DELETE_WEBHOOKS = text(
    "DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhook_deliveries WHERE id < :oldest"
    " ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_DELETE_HITS = text(
    "DELETE FROM tracking_hits WHERE ctid = ANY(ARRAY(SELECT ctid FROM tracking_hits WHERE id < :oldest"
    " ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_DELETE_SCORES = text(
    "DELETE FROM lead_score_changes WHERE ctid = ANY(ARRAY(SELECT ctid FROM lead_score_changes WHERE id < :oldest"
    " ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED))"
)

_DELETE_RAW_EMAILS = text(
    "DELETE FROM inbound_raw_emails WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbound_raw_emails"
    " WHERE received_at < :before ORDER BY received_at LIMIT :batch FOR UPDATE SKIP LOCKED))"
)


def delete_old_steps(session: Session) -> int:
    """Delete one batch of finished steps past their retention. Failed steps stay. Returns the number deleted."""
    before = clock.now() - timedelta(days=get_settings().keep_finished_days)
    merge_stale_rows(session, clock.now() - IDLE_PROCESS_AFTER)
    result = session.execute(_DELETE, {"oldest": first_id_at(before), "before": before, "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_events(session: Session) -> int:
    """Delete one batch of events past their retention, with the decisions of rules. Returns the number deleted."""
    before = clock.now() - timedelta(days=get_settings().keep_finished_days)
    result = session.execute(_DELETE_EVENTS, {"oldest": first_id_at(before), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_jobs(session: Session) -> int:
    """Delete one bulk job past its retention, with its items."""
    return forget_old_job(session, clock.now() - timedelta(days=get_settings().keep_finished_days))


def delete_old_sign_ins(session: Session) -> int:
    """Delete one batch of expired sign-ins."""
    result = session.execute(_DELETE_SIGN_INS, {"now": clock.now(), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_imports(session: Session) -> int:
    """Delete one import past its retention, with its rows."""
    result = session.execute(_DELETE_IMPORTS, {"before": clock.now() - IMPORTS_RETENTION})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_links(session: Session) -> int:
    """Delete one batch of expired password links."""
    result = session.execute(_DELETE_LINKS, {"now": clock.now(), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_counters(session: Session) -> int:
    """Delete one batch of rate counters whose window has ended."""
    result = session.execute(_DELETE_COUNTERS, {"batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_answers(session: Session) -> int:
    """Delete one batch of idempotency records past their retention."""
    result = session.execute(_DELETE_ANSWERS, {"before": clock.now() - KEPT_FOR, "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_gateway_calls(session: Session) -> int:
    """Delete one batch each of old usage of gateways and accounts, and of receipts of gateways and text messages."""
    usage = {_DELETE_MINUTES: MINUTES_RETENTION, _DELETE_ACCOUNT_COUNTS: ACCOUNT_COUNTS_RETENTION}
    ages = {**usage, _DELETE_RECEIPTS: RECEIPT_RETENTION, _DELETE_TEXT_RECEIPTS: RECEIPT_RETENTION}
    results = [session.execute(forget, {"before": clock.now() - age, "batch": BATCH}) for forget, age in ages.items()]
    return sum(result.rowcount for result in results)  # type: ignore[attr-defined]


def delete_old_webhooks(session: Session) -> int:
    """Delete one batch of webhook deliveries past their retention, in any state. Returns the number deleted."""
    oldest = first_id_at(clock.now() - DELIVERY_RETENTION)
    result = session.execute(_DELETE_WEBHOOKS, {"oldest": oldest, "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_hits(session: Session) -> int:
    """Delete one batch of hits on tracked e-mails past their retention. The counts of the messages stay."""
    result = session.execute(_DELETE_HITS, {"oldest": first_id_at(clock.now() - HIT_RETENTION), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_scores(session: Session) -> int:
    """Delete one batch of changes of scores past their retention. The present scores stay."""
    result = session.execute(_DELETE_SCORES, {"oldest": first_id_at(clock.now() - HISTORY_RETENTION), "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def delete_old_raw_emails(session: Session) -> int:
    """Delete one batch of raw mails past their retention. Their rows in `inbound_emails` stay."""
    before = clock.now() - timedelta(days=get_settings().raw_email_days)
    result = session.execute(_DELETE_RAW_EMAILS, {"before": before, "batch": BATCH})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]
