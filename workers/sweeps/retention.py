"""Retention: delete old finished rows, so that the cost of a step does not grow with history."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import AnyRow, first_id_at
from app.core.idempotency_records import KEPT_FOR
from app.core.type_aliases import JsonObject
from app.engine.jobs.retention import forget_old_job
from app.engine.statistics.metrics_store import merge_stale_rows
from app.leads.capture.imports.models import RETENTION as IMPORTS_RETENTION
from app.leads.scoring.models import HISTORY_RETENTION
from app.messaging.gateways.status_events import RECEIPT_RETENTION
from app.messaging.tracking.settle import HIT_RETENTION
from app.messaging.webhooks.deliveries import DELIVERY_RETENTION
from app.tasks import old_history
from app.tasks.old_history import FIRST, Place
from workers.sweeps.scan import load_position, store_position

BATCH = 2000
HISTORY: Final = "forget_old_history"
_POSITION: Final = f"{HISTORY}: walk"
LEADS_AT_ONCE: Final = 10_000  # closed leads that are looked at with one statement
MOST_LOOKS: Final = 20  # of one call, if nothing is found
MINUTES_RETENTION = timedelta(hours=3)  # the throttle uses one hour
ACCOUNT_COUNTS_RETENTION = timedelta(days=3)  # the limits of sending accounts use one local day
IDLE_PROCESS_AFTER = timedelta(hours=1)  # a process that counted nothing for this long has ended, or starts a new row

# The next clinic that does not keep the history of closed leads for ever.
_NEXT_CLINIC = text(
    "SELECT id, keep_history_days FROM clinics WHERE keep_history_days IS NOT NULL"
    " AND (id > :clinic OR id = :clinic AND NOT :is_done) ORDER BY id LIMIT 1"
)

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


def delete_old_history(session: Session) -> int:
    """Delete one batch of old tasks and activities of closed leads, in clinics that have set a time for it.

    A pass goes through the closed leads of each such clinic in the order in which they were closed. Returns the number
    deleted: 0 after a pass, or after looking at many leads in vain. Then the next call goes on there.
    """
    position = load_position(session, _POSITION) or {}
    clinic_id, after = UUID(position.get("clinic", str(FIRST.id))), _place(position)
    for _ in range(MOST_LOOKS):
        clinic = session.execute(_NEXT_CLINIC, {"clinic": clinic_id, "is_done": after is None}).one_or_none()
        if clinic is None:
            store_position(session, _POSITION, {})
            return 0
        after = after if clinic.id == clinic_id and after else FIRST
        clinic_id = clinic.id
        deleted, after = _delete_history_of(session, clinic, after)
        reached = {"closed_at": str(after.closed_at), "id": str(after.id)} if after else {}
        store_position(session, _POSITION, {"clinic": str(clinic_id), **reached})
        if deleted:
            return deleted
    return 0


def _place(position: JsonObject) -> Place | None:
    return Place(position["closed_at"], UUID(position["id"])) if "id" in position else None


def _delete_history_of(session: Session, clinic: AnyRow, after: Place) -> tuple[int, Place | None]:
    """Delete a batch of one clinic. Returns the number deleted, and the place where to go on; None: at its end."""
    kept_since = old_history.kept_since(clinic.keep_history_days)
    closed = old_history.ClosedLeads(clinic.id, kept_since, after)
    until = old_history.next_closed_leads(session, closed, most=LEADS_AT_ONCE)
    leads = old_history.lock_leads_with_old_history(session, closed, until=until, most=BATCH)
    if not leads:
        return 0, until
    deleted = old_history.delete_history(session, [one.id for one in leads], kept_since=kept_since, most=BATCH)
    if BATCH in (deleted.tasks, deleted.activities):  # the leads may have more
        return deleted.tasks + deleted.activities, after
    return deleted.tasks + deleted.activities, leads[-1]
