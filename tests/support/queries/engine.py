"""Queries of workers and sweeps, which read all clinics, with the indexes they use."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.transitions import lock_enrollments
from app.automation.sequences.facts import enrollment_facts
from app.engine.models import Kind
from app.engine.steps.waiting import ACCOUNT, outage_of, settled, wake
from app.leads.scoring.basis import Basis
from app.leads.scoring.keep import update_scores
from app.messaging.contact_policy.history import HistoryQuery, load_histories
from app.messaging.gateways.throttle import count_calls, lock_usage, minute_row
from app.messaging.inbound.match import match_reply
from app.messaging.inbound.parsing.parse import parse_email
from app.messaging.outages.store import release_waiting
from app.messaging.sending_accounts.usage import add_counts, count_rows, load_usage
from tests.support.large_clinic import LargeClinic, now
from tests.support.practice import set_settings, settings_kept
from tests.support.queries.automation_calls import process_backfill_chunk, process_nurture_batch
from tests.support.queries.query import Query
from workers.pipeline.claim import claim, claim_turn, lock_unclaimed, prefer_indexes
from workers.pipeline.context import load
from workers.pipeline.due_steps.clinics import clinics_with_steps
from workers.pipeline.due_steps.turns import Turn, Turns
from workers.sweeps.run import SWEEPS


def sweep(name: str) -> Callable[[Session, LargeClinic], object]:
    return lambda session, _: SWEEPS[name](session)


def claim_and_load(kind: str, *, own: bool) -> Callable[[Session, LargeClinic], object]:
    def call(session: Session, large: LargeClinic) -> None:
        prefer_indexes(session)
        turns = Turns([kind])
        turns.look(session, now=now())
        rows = claim(session, kind, large.other["due"] if own else [], now=now(), most=100)
        rows += [] if own else claim_turn(session, turns.share_out(kind, 100), now=now())
        assert own or rows
        load(session, rows, now=now())

    return call


def match_mail(session: Session, large: LargeClinic) -> None:
    mail = parse_email(b"From: mia7@lead.example\r\nReferences: <a@b>\r\n\r\nYes")
    match_reply(session, large.practice.clinic_id, mail, since=now() - timedelta(days=30))


def publish_more_than_the_cap(session: Session, _: LargeClinic) -> None:
    with settings_kept():
        set_settings(publish_cap=50)
        SWEEPS["publish_due_steps"](session)


def load_message_histories(session: Session, large: LargeClinic) -> None:
    some = "SELECT id FROM leads WHERE clinic_id = :clinic AND deleted_at IS NULL ORDER BY id LIMIT 100"
    ids = session.scalars(text(some), {"clinic": large.practice.clinic_id}).all()
    week, series = timedelta(days=8), {(lead_id, "check-in") for lead_id in ids}
    wanted = HistoryQuery(dict.fromkeys(ids, now() - week), series, dict.fromkeys(ids, now() + week), most=5)
    load_histories(
        session,
        wanted,
        exclude_steps=large.other["due"],
        exclude_notifications=[large.other["note"]],
        is_handed_over=False,
    )


def gateway_usage(session: Session, large: LargeClinic) -> None:
    gateway = large.other["gateway"]
    used = lock_usage(session, [gateway], now=now())
    assert sum(used[gateway].sent.values()) > 50
    count_calls(session, [minute_row(gateway, now(), sent=1)])


def account_usage(session: Session, large: LargeClinic) -> None:
    account = large.other["account"]
    used = load_usage(session, [account], now=now())
    assert sum(used[account].sent_minutes.values()) > 50
    add_counts(session, count_rows(account, now(), large.actor.clinic.calendar.zone, sent=1))


def forget_old_history(session: Session, large: LargeClinic) -> None:
    days = {"days": 365, "clinic": large.practice.clinic_id}
    session.execute(text("UPDATE clinics SET keep_history_days = :days WHERE id = :clinic"), days)
    closed = "UPDATE leads SET lost_at = now() - interval '3 years' WHERE clinic_id = :clinic AND status = 'LOST'"
    aged = "SET {} WHERE lead_id IN (SELECT id FROM leads WHERE clinic_id = :clinic AND status = 'LOST' LIMIT 100)"
    session.execute(text(closed), days)
    old = "now() - interval '2 years'"
    session.execute(text(f"UPDATE lead_tasks {aged.format(f'completed_at = {old}')} AND status = 'COMPLETED'"), days)
    session.execute(text(f"UPDATE lead_activities {aged.format(f'occurred_at = {old}, created_at = {old}')}"), days)
    assert SWEEPS["forget_old_history"](session) > 0


def release_waiting_messages(session: Session, _: LargeClinic) -> None:
    given = {"now": now()}
    session.execute(text("INSERT INTO channel_outages (target, failures, failing_since, closed_at)"
        " VALUES ('email', 0, :now, :now)"), given)  # fmt: skip
    release_waiting(session)


def store_scores(session: Session, large: LargeClinic) -> None:
    some = "SELECT id FROM leads WHERE clinic_id = :clinic AND status = 'ACTIVE' AND deleted_at IS NULL LIMIT 100"
    ids = session.scalars(text(some), {"clinic": large.practice.clinic_id}).all()
    update_scores(session, large.actor.clinic, Basis(), ids, after_event=True)


ENGINE: dict[str, Query] = {
    "claim: steps of the message": (
        claim_and_load(Kind.CREATE_TASK, own=True),
        {"pk_steps", "pk_leads", "ix_steps_due"},
    ),
    "claim: turns of clinics": (
        claim_and_load(Kind.ESCALATE, own=False),
        {"ix_steps_due", "ix_steps_due_by_clinic", "pk_leads"},
    ),
    "claim: chunks of jobs": (
        lambda s, large: claim_turn(s, Turn(Kind.IMPORT_CHUNK, [large.practice.clinic_id], 1), now=now()),
        {"ix_steps_due_by_clinic"},
    ),
    "claim: clinics with due steps": (
        lambda s, _: clinics_with_steps(s, Kind.CREATE_TASK, due_by=now()),
        {"ix_steps_due_by_clinic"},
    ),
    "load message histories": (load_message_histories, {"ix_notifications_touches", "ix_steps_lead"}),
    "lock unclaimed steps": (lambda s, large: lock_unclaimed(s, large.other["due"]), {"pk_steps"}),
    "process a chunk of a backfill": (process_backfill_chunk, {"ix_steps_lead", "ix_leads_clinic"}),
    "pause failing rules": (sweep("pause_failing_rules"), {"ix_series_hours_trouble", "pk_series_hours"}),
    "roll up leads": (
        sweep("roll_up_leads"),
        {"ix_leads_analytics", "pk_lead_rollup_counts", "pk_lead_rollup_stays", "pk_lead_rollup_entries"},
    ),
    "roll up tasks": (sweep("roll_up_tasks"), {"ix_lead_tasks_due", "pk_task_rollup_days", "ix_leads_deleted"}),
    "assign orphans": (sweep("assign_orphans"), {"ix_leads_open_of"}),
    "cover absences": (sweep("cover_absences"), {"ix_lead_tasks_mine"}),
    "publish due steps": (sweep("publish_due_steps"), {"ix_steps_due"}),
    "publish more than the cap": (publish_more_than_the_cap, {"ix_steps_due", "ix_steps_due_by_clinic"}),
    "release waiting messages": (release_waiting_messages, {"ix_steps_waiting", "pk_steps"}),
    "wake what waits for a message": (
        lambda s, large: wake(s, [settled(large.other["note"])]),
        {"ix_steps_waiting", "pk_steps"},
    ),
    "wake what waits for a sending account": (
        lambda s, large: wake(s, [ACCOUNT, outage_of("email")], clinic_id=large.practice.clinic_id),
        {"ix_steps_waiting", "pk_steps"},
    ),
    "rescue expired leases": (sweep("rescue_expired_leases"), {"ix_steps_lease", "pk_notifications"}),
    "forget old gateway calls": (
        sweep("forget_old_gateway_calls"),
        {"ix_gateway_minutes_minute", "ix_gateway_receipts_received_at", "ix_sending_account_counts_starts_at"},
    ),
    "match a mail with its lead": (match_mail, {"ix_leads_email", "ix_notifications_lead"}),
    "count the calls of a gateway": (gateway_usage, {"pk_gateway_minutes"}),
    "count the messages of an account": (account_usage, {"pk_sending_account_counts"}),
    "mark overdue tasks": (sweep("mark_overdue_tasks"), {"ix_lead_tasks_falling_due"}),
    "begin follow-ups": (sweep("begin_follow_ups"), {"ix_leads_rules_begin"}),
    "detect stale leads": (sweep("detect_stale_leads"), {"ix_leads_going_stale"}),
    "detect time in stage": (sweep("detect_time_in_stage"), {"ix_leads_in_stage"}),
    "date rotting leads": (sweep("date_rotting_leads"), {"ix_leads_rotting"}),
    "find leads without next action": (
        sweep("find_leads_without_next_action"),
        {"ix_leads_rotting", "ix_lead_tasks_lead", "ix_steps_lead"},
    ),
    "empty archived stages": (sweep("empty_archived_stages"), {"ix_leads_stage"}),
    "extend the hash chain of the audit log": (sweep("seal_audit"), {"ix_audit_entries_clinic"}),
    "forget old steps": (sweep("forget_old_steps"), {"pk_steps"}),
    "forget old history": (
        forget_old_history,
        {"ix_leads_closed", "ix_lead_tasks_lead", "ix_lead_activities_timeline", "pk_lead_tasks", "pk_lead_activities"},
    ),
    "forget old scores": (sweep("forget_old_scores"), {"pk_lead_score_changes"}),
    "store scores of leads": (store_scores, {"pk_leads"}),
    "load facts of an enrollment": (
        lambda s, large: enrollment_facts(s, [str(large.other["enrolled"].id)]),
        {"pk_enrollments", "ix_enrollment_steps_enrollment"},
    ),
    "process a batch of a nurture run": (process_nurture_batch, {"ix_leads_scored", "ix_enrollments_lead"}),
    "lock an enrollment": (lambda s, large: lock_enrollments(s, [large.other["enrolled"].id]), {"pk_enrollments"}),
}
