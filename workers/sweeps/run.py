"""Sweeps, which beat starts: publish due steps, recover lost ones, flag late rows, delete old ones.

A sweep may run twice at once, may be missed, and may be interrupted. It depends on the state of the rows, not on its
last run. It works in bounded batches, each in its own transaction, and skips a batch while another run holds its lock.
"""

import time
import zlib
from collections.abc import Callable

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.analytics.reporting.saved.plans import plan_reports
from app.analytics.statements.rolled_up import roll_up
from app.analytics.training.train import train_next_clinic
from app.analytics.work import roll_up_tasks
from app.automation.sequences.performance import winner
from app.core.db import transaction
from app.engine.steps.holds import IS_HELD
from app.leads.facts.best_time import learn
from app.leads.pipeline import waiting
from app.leads.search.by_text import index
from app.messaging.inbound import questions
from app.messaging.inbound.conversation import subject_index
from app.messaging.mailboxes.failure_notices import notify_of_failures
from app.messaging.tracking import settle
from app.messaging.user_notices.digest import send_digests
from app.messaging.user_notices.digest_plans import plan_digests, plan_weekly_summaries
from workers.error_text import describe_error
from workers.sweeps import (
    assignment,
    audit,
    breaker,
    census,
    channels,
    leads,
    leases,
    next_actions,
    nurtures,
    publishing,
    retention,
    rotting,
    scores,
    tasks,
    webhooks,
)

AT_MOST = 20.0  # seconds for one call, well below the time limit; the next call continues

log = structlog.get_logger()

Batch = Callable[[Session], int]  # process one bounded batch and return the number of rows found

SWEEPS: dict[str, Batch] = {
    "publish_due_steps": publishing.publish_due,
    "rescue_expired_leases": leases.recover_expired,
    "mark_overdue_tasks": tasks.mark_overdue,
    "begin_follow_ups": waiting.begin_due,
    "decide_late_questions": questions.decide_late,
    "detect_stale_leads": leads.detect_stale,
    "detect_time_in_stage": leads.detect_stage_overdue,
    rotting.NAME: rotting.date_rotting,
    index.NAME: index.index_waiting,
    subject_index.NAME: subject_index.index_waiting,
    learn.NAME: learn.learn_next_clinic,
    winner.NAME: winner.choose_winners,
    next_actions.NAME: next_actions.find_leads_without_next_action,
    scores.AFTER_EVENTS: scores.score_changed_leads,
    scores.SCAN: scores.rescore_leads,
    roll_up.NAME: roll_up.roll_up_next_clinic,
    roll_up_tasks.NAME: roll_up_tasks.roll_up_next_clinic,
    "train_scores": train_next_clinic,
    "run_nurtures": nurtures.run_nurtures,
    "empty_archived_stages": leads.empty_archived_stages,
    "assign_orphans": assignment.assign_unassigned_leads,
    "cover_absences": assignment.cover_absences,
    breaker.NAME: breaker.pause_failing_rules,
    channels.NAME: channels.watch_channels,
    "watch_mailboxes": notify_of_failures,
    "send_digests": send_digests,
    "plan_digests": plan_digests,
    "plan_weekly_summaries": plan_weekly_summaries,
    "plan_reports": plan_reports,
    "take_census": census.take_census,
    "seal_audit": audit.extend_audit_chains,
    "forget_old_steps": retention.delete_old_steps,
    "forget_old_events": retention.delete_old_events,
    "forget_old_jobs": retention.delete_old_jobs,
    "forget_old_sign_ins": retention.delete_old_sign_ins,
    "forget_old_imports": retention.delete_old_imports,
    "forget_old_links": retention.delete_old_links,
    "forget_old_counters": retention.delete_old_counters,
    "forget_old_answers": retention.delete_old_answers,
    "forget_old_gateway_calls": retention.delete_old_gateway_calls,
    "forget_old_webhooks": retention.delete_old_webhooks,
    webhooks.NAME: webhooks.call_due_webhooks,
    settle.NAME: settle.settle_hits,
    "forget_old_raw_emails": retention.delete_old_raw_emails,
    "forget_old_tracking_hits": retention.delete_old_hits,
    "forget_old_scores": retention.delete_old_scores,
    retention.HISTORY: retention.delete_old_history,
}

# Calls to other systems. They come before the batches of the sweep, and no transaction is open meanwhile.
CALLS: dict[str, Callable[[], None]] = {
    channels.NAME: channels.probe_channels,
    "take_census": census.count_workers,
}

# While the system is held, the other sweeps find nothing: they would change or delete leads and steps.
RUNS_WHILE_HELD = frozenset({"take_census", "seal_audit", "rescue_expired_leases"})

_LOCK = text(f"SELECT (:while_held OR NOT {IS_HELD}) AND pg_try_advisory_xact_lock(:key)")
_STARTED = text(
    "INSERT INTO sweep_runs AS r (name, started_at, runs) VALUES (:name, :now, 1)"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, runs = r.runs + 1"
)
_FINISHED = text(
    "UPDATE sweep_runs SET finished_at = :now, error = :error,"
    " result = CASE WHEN :found > 0 OR result IS NULL THEN jsonb_build_object('found', :found) ELSE result END"
    " WHERE name = :name"
)


def sweep(name: str) -> int:
    """Run a sweep until nothing is left or its time is over. Returns the number of rows found."""
    until, found = time.monotonic() + AT_MOST, 0
    _note(_STARTED, name=name)
    try:
        if name in CALLS:
            CALLS[name]()
        while batch := _one_batch(name):
            found += batch
            if time.monotonic() > until:
                break
    except Exception as error:
        _note(_FINISHED, name=name, found=found, error=describe_error(error)[:1000])
        raise
    _note(_FINISHED, name=name, found=found, error=None)
    if found:
        log.info("sweep.found", sweep=name, rows=found)
    return found


def _one_batch(name: str) -> int:
    with transaction() as session:
        given = {"key": zlib.crc32(name.encode()), "while_held": name in RUNS_WHILE_HELD}
        locked = session.execute(_LOCK, given).scalar_one()
        return SWEEPS[name](session) if locked else 0


def _note(statement: TextClause, **given: object) -> None:
    with transaction() as session:
        session.execute(statement, {"now": clock.now(), **given})
