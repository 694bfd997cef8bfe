"""With 30,000 leads and 300,000 steps, the statements of the engine, the services and the API use indexes.

The tests record the statements that public functions execute, with their values, and read PostgreSQL's plans.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.api.automation.nurture_schemas import NurtureIn
from app.audit import search as audit
from app.automation.lead_view.steps import automation_of
from app.automation.nurtures import service as nurtures
from app.automation.nurtures.dashboard import dashboard as dashboard_of_nurtures
from app.automation.nurtures.models import Nurture
from app.automation.nurtures.runs import process_run_batch
from app.automation.nurtures.tracking import leads_of
from app.automation.rules.backfill import preview_backfill, start_backfill
from app.automation.sequences.enrollments.bulk import enroll_many
from app.automation.sequences.enrollments.enroll import EnrollmentResult, enroll
from app.automation.sequences.enrollments.pause import resume_waiting_enrollments
from app.automation.sequences.enrollments.service import list_enrollments, list_enrollments_of_lead
from app.automation.sequences.enrollments.transitions import lock_enrollments
from app.automation.sequences.event_listeners import follow_events
from app.automation.sequences.facts import enrollment_facts
from app.automation.sequences.models import LIVE, Enrollment
from app.automation.sequences.performance.report import performance
from app.automation.sequences.versions.move_plan import plan_move
from app.automation.sequences.versions.version_moves import move_to_version
from app.core import db, row_security
from app.core.date_range import DateRange
from app.core.db import APP_ROLE, new_id, transaction
from app.engine import failed_steps as steps
from app.engine.jobs import service as jobs
from app.engine.jobs.chunks import process_chunk
from app.engine.models import Kind
from app.engine.sequences.models import SequenceRow, SequenceVersion
from app.engine.service import add_steps, step_row, steps_of
from app.engine.steps.lateness_report import lateness_report
from app.identity.actor import Actor
from app.identity.models import Role, SignIn, Team, User
from app.identity.permissions import Scope
from app.identity.sign_in.tokens import write_access
from app.leads.activities.service import timeline
from app.leads.assignment.assignment_history import list_assignments
from app.leads.assignment.choose import load_roster
from app.leads.assignment.rules.rules import least_loaded_rule
from app.leads.assignment.unassigned import list_unassigned
from app.leads.attribution.touches import list_touches
from app.leads.capture.capture import capture_lead
from app.leads.duplicates.merge import merge
from app.leads.duplicates.search import duplicates_of
from app.leads.events import lead_event
from app.leads.facts.condition_facts import load_facts
from app.leads.models import Lead
from app.leads.pipeline.board import board
from app.leads.pipeline.closing import convert
from app.leads.search.listing import list_leads
from app.leads.search.next_follow_up import with_next_follow_ups
from app.leads.search.person_search import search
from app.leads.search.without_next_action import without_next_action
from app.messaging import notifications
from app.messaging.contact_policy.history import HistoryQuery, load_histories
from app.messaging.contact_policy.opt_outs import opt_out
from app.messaging.delivery import retry
from app.messaging.gateways import service as gateways
from app.messaging.gateways import status_events
from app.messaging.gateways.models import ReceiptStatus
from app.messaging.gateways.throttle import count_calls, lock_usage, minute_row
from app.messaging.models import MessageTemplate
from app.messaging.rendering.variants import Variant
from app.messaging.templates import missing_field_report, statistics
from app.ops.embedded import Postgres, Valkey
from app.tasks import service as tasks
from app.tasks.lead_activities import service as lead_activities
from app.tasks.lifecycle.closing import complete_all
from app.tasks.models import OPEN_TASKS, TaskStatus
from app.tasks.queue.calendar import calendar
from app.tasks.queue.dashboard import dashboard
from app.tasks.queue.kanban import kanban
from app.tasks.templates import preview
from app.tasks.templates.models import TaskTemplate
from app.tasks.workload.handover import hand_over
from app.tasks.workload.workload import workload
from tests.support import large_database
from tests.support.desk import Caller, the_app
from tests.support.environment import database_url
from tests.support.plans import Statement, explain, explain_prepared, listening
from tests.support.practice import Practice, _open_practice, _person, set_settings, settings_kept
from tests.support.servers import copy_template
from workers.pipeline.claim import claim, lock_unclaimed
from workers.pipeline.context import load
from workers.sweeps.run import SWEEPS

PAGE = {"limit": 50}
A_FEW_HUNDRED_ROWS = 800  # in the planner's units, in which reading the leads of a clinic costs thousands


@dataclass
class LargeClinic:
    """The largest clinic of the database, one of its coordinators and ids of sample rows."""

    database: str
    practice: Practice
    actor: Actor
    lead: UUID
    other: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def large(postgres: Postgres, valkey: Valkey) -> Iterator[LargeClinic]:
    name = "large_database"
    copy_template(postgres, name)
    with settings_kept():
        set_settings(database_url=database_url("relance_web", name))
        db.dispose()
        with postgres.connect(name) as owner:
            owner.execute("SET session_replication_role = replica")
            practices = [_a_large_practice(owner) for _ in range(5)]
            owner.execute("RESET session_replication_role")
            large_database.fill(owner)
        yield _read_samples(name, practices[0])
        db.dispose()
    db.dispose()
    with postgres.connect() as owner:
        owner.execute("DROP DATABASE large_database WITH (FORCE)")


def _a_large_practice(owner: psycopg.Connection[Any]) -> Practice:
    practice = _open_practice(owner)
    with transaction() as session:
        for number in range(20):
            address = f"coordinator{number}@{practice.clinic_id}.example"
            session.add(_person(practice.clinic_id, Role.TREATMENT_COORDINATOR, address))
    return practice


def _read_samples(database: str, practice: Practice) -> LargeClinic:
    one = (
        "SELECT l.id, l.assigned_to_id, l.source_id FROM leads l"
        " JOIN lead_tasks t ON t.lead_id = l.id AND t.status = 'PENDING'"
        " WHERE l.clinic_id = :clinic AND l.status = 'ACTIVE' LIMIT 1 OFFSET 1000"
    )
    with transaction() as session:
        lead, coordinator, practice.source_id = session.execute(text(one), {"clinic": practice.clinic_id}).one()
        note = session.scalar(
            text("SELECT id FROM notifications WHERE clinic_id = :clinic AND state = 'failed' LIMIT 1"),
            {"clinic": practice.clinic_id},
        )
        failed = session.scalar(
            text("SELECT id FROM steps WHERE clinic_id = :clinic AND state = 'failed' AND kind <> 'deliver' LIMIT 1"),
            {"clinic": practice.clinic_id},
        )
        task = session.scalar(
            text("SELECT id FROM lead_tasks WHERE lead_id = :lead AND status = 'PENDING' LIMIT 1"), {"lead": lead}
        )
        due = session.scalars(text("SELECT id FROM steps WHERE state = 'published' AND due_at < now() LIMIT 50")).all()
        team = Team(clinic_id=practice.clinic_id, name="North", created_at=now(), updated_at=now())
        session.add(team)
        session.flush()
        session.execute(update(User).where(User.id == coordinator).values(team_id=team.id))
        reached = session.get_one(Lead, lead)
        reached.email, reached.phone = "mia7@lead.example", "+12125550143"
        external = session.scalar(text("SELECT external_id FROM leads WHERE id = :lead"), {"lead": lead})
        duplicate = session.scalar(
            text("SELECT id FROM leads WHERE clinic_id = :clinic AND status = 'ACTIVE' AND id <> :lead LIMIT 1"),
            {"clinic": practice.clinic_id, "lead": lead},
        )
    admin = practice.actor()
    role, held = Role.CLINIC_ADMIN, admin.permissions
    actor = Actor(admin.clinic, coordinator, "Somebody", role, permissions=held, team_id=team.id)
    with transaction() as session:
        gateway = session.scalar(
            text("SELECT min(id::text)::uuid FROM gateways WHERE clinic_id = :c"), {"c": practice.clinic_id}
        )
        session.execute(text("UPDATE notifications SET gateway_id = :g WHERE id = :n"), {"g": gateway, "n": note})
        enrolled = session.execute(
            text("SELECT id, lead_id, sequence_id FROM enrollments WHERE clinic_id = :c AND state = 'active' LIMIT 1"),
            {"c": practice.clinic_id},
        ).one()
    known = {
        "note": note,
        "failed": failed,
        "task": task,
        "due": list(due),
        "external": external,
        "twin": duplicate,
        "gateway": gateway,
        "enrolled": enrolled,
    }
    return LargeClinic(database, practice, actor, lead, known)


def now() -> datetime:
    return datetime.now(UTC)


def sweep(name: str) -> Callable[[Session, LargeClinic], object]:
    return lambda session, _: SWEEPS[name](session)


def page_of(list_them: Callable[..., Any], **query: Any) -> Callable[[Session, LargeClinic], object]:
    """Read the first two pages."""

    def turn(session: Session, large: LargeClinic) -> None:
        given = {**PAGE, **{name: value(large) if callable(value) else value for name, value in query.items()}}
        first = list_them(session, large, given)
        assert first.items
        if first.next_cursor:
            list_them(session, large, {**given, "cursor": first.next_cursor})

    return turn


def all_leads(session: Session, large: LargeClinic, query: Any) -> Any:
    return list_leads(session, large.actor, query)


def idle_leads(session: Session, large: LargeClinic, query: Any) -> Any:
    return without_next_action(session, large.actor, query)


def look_for(**data: str) -> Callable[[Session, LargeClinic], object]:
    return lambda session, large: search(session, large.actor, {"limit": 20, **data})


def all_notes(session: Session, large: LargeClinic, query: Any) -> Any:
    return notifications.list_notifications(session, large.actor, query)


def all_trouble(session: Session, large: LargeClinic, query: Any) -> Any:
    return steps.list_steps(session, large.actor.clinic.id, query)


def my_notes(session: Session, large: LargeClinic, query: Any) -> Any:
    return notifications.list_my_notifications(session, large.actor, query)


def my_tasks(session: Session, large: LargeClinic, query: Any) -> Any:
    return tasks.my_tasks(session, large.actor, query)


def overdue_tasks(session: Session, large: LargeClinic, query: Any) -> Any:
    return tasks.overdue_tasks(session, large.actor, query)


def trail(session: Session, large: LargeClinic, query: Any) -> Any:
    return audit.list_entries(session, large.actor, {"from_": now() - timedelta(days=31), "to": now(), **query})


def leads_within(scope: Scope) -> Callable[[Session, LargeClinic, Any], Any]:
    return lambda session, large, query: list_leads(session, replace(large.actor, scope=scope), query)


def queue(session: Session, large: LargeClinic, query: Any) -> Any:
    return tasks.list_tasks(session, large.actor, {"sort": "due_at", **query})


def all_lead_activities(session: Session, large: LargeClinic, query: Any) -> Any:
    return lead_activities.list_all(session, large.actor, query)


def claim_and_load(kind: str, *, own: bool) -> Callable[[Session, LargeClinic], object]:
    def take(session: Session, large: LargeClinic) -> None:
        rows = claim(session, kind, large.other["due"] if own else [], now=now(), most=100)
        assert own or rows
        load(session, rows, now=now())

    return take


def past_of_leads(session: Session, large: LargeClinic) -> None:
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


def a_lead(session: Session, large: LargeClinic) -> None:
    person = {"first_name": "A", "last_name": "B", "phone": "+12125550143", "source_id": large.practice.source_id}
    capture_lead(session, large.actor, person)


def everybodys_load(session: Session, large: LargeClinic) -> None:
    team = session.scalars(text("SELECT id FROM users WHERE clinic_id = :c"), {"c": large.practice.clinic_id}).all()
    roster = load_roster(session, large.actor.clinic, [least_loaded_rule(team)], at=now())
    assert sum(person.open_leads for person in roster.people.values()) > 2_500


A_YEAR = DateRange(now() - timedelta(days=366), now() + timedelta(days=1))
A_MONTH = DateRange(now() - timedelta(days=31), now() + timedelta(days=1))
NEEDY = Variant(None, None, "{{ lead.value }}", "{{ custom.school }} {{ coordinator.name }}")


def how_it_did(session: Session, large: LargeClinic, *, scope: Scope = Scope.ALL) -> None:
    of_clinic = MessageTemplate.clinic_id == large.practice.clinic_id
    template = session.scalars(select(MessageTemplate).where(of_clinic, MessageTemplate.slug == "task-reminder")).one()
    held = dict.fromkeys(large.actor.permissions, scope)
    shown = statistics.statistics(session, replace(large.actor, permissions=held), template, A_YEAR)
    assert shown["written"] > (25_000 if scope is Scope.ALL else 250)


def how_a_sequence_did(session: Session, large: LargeClinic, *, scope: Scope = Scope.ALL) -> None:
    of_clinic = SequenceRow.clinic_id == large.practice.clinic_id
    sequence = session.scalars(select(SequenceRow).where(of_clinic, SequenceRow.slug == "sequence-3")).one()
    held = dict.fromkeys(large.actor.permissions, scope)
    told = performance(session, replace(large.actor, permissions=held), sequence.id, A_MONTH, version=None)
    assert told["steps"][0]["came"] > (300 if scope is Scope.ALL else 0)


def a_move(session: Session, large: LargeClinic, *, leads: int) -> None:
    """Move `leads` enrollments to a version that renames their current step."""
    sequence = session.scalars(select(SequenceRow).where(*_the_fifth(large))).one()
    steps = [{"name": "two", "create_task": {"type": "CALL", "title": "Call"}}]
    given = {"id": new_id(), "clinic_id": sequence.clinic_id, "sequence_id": sequence.id, "number": 2}
    text = {**(sequence.definition or {}), "steps": steps}
    session.add(SequenceVersion(**given, definition=text, created_at=now(), created_by=None))
    alike = Enrollment.sequence_id == sequence.id, Enrollment.state.in_(LIVE)
    some = select(Enrollment.id).where(*alike).order_by(Enrollment.id).limit(leads)
    session.execute(update(Enrollment).where(*alike, Enrollment.id.not_in(some)).values(sequence_version=2))
    session.flush()
    plan = plan_move(session, large.actor, sequence.id, 2)
    assert plan.total == leads
    move_to_version(
        session,
        large.actor,
        sequence.id,
        {"to": 2, "fingerprint": plan.fingerprint, "steps": {"one": "two"} if plan.total else {}},
    )


def _the_fifth(large: LargeClinic) -> tuple[Any, ...]:
    return SequenceRow.clinic_id == large.practice.clinic_id, SequenceRow.slug == "sequence-5"


def enrolled_by_a_job(session: Session, large: LargeClinic) -> None:
    sequence = session.scalars(select(SequenceRow).where(*_the_fifth(large))).one()
    job = enroll_many(session, large.actor, sequence.id, {"filter": {"tag": "tag 7"}})
    assert job.total > 10
    process_chunk(session, {"job_id": job.id, "first": 0, "last": 499, "clinic": large.actor.clinic})


def a_gateways_hour(session: Session, large: LargeClinic) -> None:
    gateway = large.other["gateway"]
    used = lock_usage(session, [gateway], now=now())
    assert sum(used[gateway].sent.values()) > 50
    count_calls(session, [minute_row(gateway, now(), sent=1)])


def what_a_gateway_tells(session: Session, large: LargeClinic) -> None:
    gateway = status_events.find_gateway(session, large.other["gateway"])
    delivered = {"message_id": large.other["note"], "status": ReceiptStatus.DELIVERED, "at": now()}
    assert status_events.process_events(session, gateway, "a call", [delivered])["taken"] == 1


def a_rule(session: Session, large: LargeClinic) -> UUID:
    """Return the id of a rule on new leads that planned no step yet."""
    slug = "SELECT id FROM rules WHERE clinic_id = :c AND slug = 'speed-to-lead'"
    return session.scalars(text(slug), {"c": large.practice.clinic_id}).one()


def a_backfill(session: Session, large: LargeClinic) -> UUID:
    job = start_backfill(session, large.actor, a_rule(session, large), per_hour=200)
    assert job.total > 9_000
    session.flush()
    return job.id


def a_chunk_of_a_backfill(session: Session, large: LargeClinic) -> None:
    chunk = {"job_id": a_backfill(session, large), "first": 0, "last": 499, "clinic": large.actor.clinic}
    process_chunk(session, chunk)
    found = session.execute(text("SELECT count(*) FROM job_items WHERE job_id = :job_id AND status = 'done'"), chunk)
    assert found.scalar_one() == 500


def a_cancelled_backfill(session: Session, large: LargeClinic) -> None:
    jobs.cancel(session, large.actor, a_backfill(session, large))


def a_reply(session: Session, large: LargeClinic) -> None:
    lead = session.get_one(Lead, large.other["enrolled"].lead_id)
    follow_events(session, large.actor.clinic, [lead_event("lead.replied", lead, now())])


def many_enrolled(session: Session, large: LargeClinic) -> None:
    ids = session.scalars(
        text("SELECT id FROM leads WHERE clinic_id = :c ORDER BY id LIMIT 500"), {"c": large.practice.clinic_id}
    )
    came = enroll(session, large.actor.clinic, "sequence-1", {id_: {} for id_ in ids.all()}, at=now())
    assert EnrollmentResult.ENROLLED in came.values()


def a_nurture(session: Session, large: LargeClinic) -> UUID:
    data = {"name": "nurture", "sequence": "sequence-1", "score_from": 2, "score_to": 60}
    return nurtures.create_nurture(session, large.actor, NurtureIn().read(data)).id


def a_batch_of_a_run(session: Session, large: LargeClinic) -> None:
    nurtures.run_now(session, large.actor, a_nurture(session, large))
    assert process_run_batch(session) > 1


def a_dashboard(session: Session, large: LargeClinic, *, days: int) -> None:
    a_nurture(session, large)
    month = DateRange(now() - timedelta(days=days), now())
    assert dashboard_of_nurtures(session, large.actor, month)["sent"] > 0


def followed_leads(session: Session, large: LargeClinic, query: Any) -> Any:
    [known] = session.scalars(select(Nurture.id)).all() or [a_nurture(session, large)]
    return leads_of(session, large.actor, known, query)


def all_enrolled(session: Session, large: LargeClinic, query: Any) -> Any:
    return list_enrollments(session, large.actor, large.other["enrolled"].sequence_id, query)


# Statements of workers and sweeps, which read all clinics. All others run with the role of one clinic.
ENGINE: dict[str, tuple[Callable[[Session, LargeClinic], object], set[str]]] = {
    # the runner
    "claim: the message's own": (claim_and_load(Kind.CREATE_TASK, own=True), {"pk_steps", "pk_leads"}),
    "claim: neighbours": (claim_and_load(Kind.ESCALATE, own=False), {"ix_steps_due", "pk_leads"}),
    "claim: chunks of jobs": (lambda s, _: claim(s, Kind.IMPORT_CHUNK, [], now=now(), most=1), {"ix_steps_due"}),
    "what went to leads, and what is to go": (past_of_leads, {"ix_notifications_touches", "ix_steps_lead"}),
    "what is left of a message": (lambda s, large: lock_unclaimed(s, large.other["due"]), {"pk_steps"}),
    "a chunk of a backfill": (a_chunk_of_a_backfill, {"ix_steps_lead", "ix_leads_clinic"}),
    # the sweeps
    "pause failing rules": (sweep("pause_failing_rules"), {"ix_series_hours_trouble", "pk_series_hours"}),
    "assign orphans": (sweep("assign_orphans"), {"ix_leads_open_of"}),
    "cover absences": (sweep("cover_absences"), {"ix_lead_tasks_mine"}),
    "publish what is due": (sweep("publish_due_steps"), {"ix_steps_due"}),
    "rescue leases": (sweep("rescue_expired_leases"), {"ix_steps_lease", "pk_notifications"}),
    "forget a gateway's calls": (
        sweep("forget_old_gateway_calls"),
        {"ix_gateway_minutes_minute", "ix_gateway_receipts_received_at"},
    ),
    "what a gateway had in the hour": (a_gateways_hour, {"pk_gateway_minutes"}),
    "mark overdue tasks": (sweep("mark_overdue_tasks"), {"ix_lead_tasks_falling_due"}),
    "detect stale leads": (sweep("detect_stale_leads"), {"ix_leads_going_stale"}),
    "detect time in stage": (sweep("detect_time_in_stage"), {"ix_leads_in_stage"}),
    "date rotting leads": (sweep("date_rotting_leads"), {"ix_leads_rotting"}),
    "find leads without next action": (
        sweep("find_leads_without_next_action"),
        {"ix_leads_rotting", "ix_lead_tasks_lead", "ix_steps_lead"},
    ),
    "empty archived stages": (sweep("empty_archived_stages"), {"ix_leads_stage"}),
    "seal who saw what": (sweep("seal_audit"), {"ix_audit_entries_clinic"}),
    "forget old steps": (sweep("forget_old_steps"), {"pk_steps"}),
    # sequences
    "what is known of an enrollment's messages": (
        lambda s, large: enrollment_facts(s, [str(large.other["enrolled"].id)]),
        {"pk_enrollments", "ix_enrollment_steps_enrollment"},
    ),
    "a batch of a nurture's run": (a_batch_of_a_run, {"ix_leads_scored", "ix_enrollments_lead"}),
    "an enrollment goes on": (lambda s, large: lock_enrollments(s, [large.other["enrolled"].id]), {"pk_enrollments"}),
}
WORK: dict[str, tuple[Callable[[Session, LargeClinic], object], set[str]]] = {
    # whose leads are whose
    "how much everybody has, before a lead is given out": (everybodys_load, {"ix_leads_open_of"}),
    "the workload": (lambda s, large: workload(s, large.actor), {"ix_leads_open_of", "ix_lead_tasks_mine"}),
    "everything of somebody is handed over": (
        lambda s, large: hand_over(s, large.actor, large.actor.user_id, to=None, reason=None),
        {"ix_leads_open_of", "ix_lead_tasks_mine", "pk_leads", "ix_lead_tasks_lead"},
    ),
    # what rules ask of leads, and do to their tasks
    "when the next follow-up of leads is due": (
        lambda s, large: load_facts(s, [large.lead], ["next_follow_up_at"]),
        {"pk_leads", "ix_lead_tasks_lead"},
    ),
    "tasks of a type are done by themselves": (
        lambda s, large: complete_all(s, large.actor, s.get_one(Lead, large.lead), types=["CALL"]),
        {"ix_lead_tasks_lead"},
    ),
    # what stops steps
    "a lead is captured": (a_lead, {"ix_leads_phone", "ix_leads_phone_alt", "ix_leads_name"}),
    "a lead is merged": (
        lambda s, large: merge(s, large.actor, large.lead, duplicate_id=large.other["twin"]),
        {
            "pk_leads",
            "ix_leads_merged",
            "ix_steps_lead",
            "ix_lead_tasks_lead",
            "ix_lead_activities_timeline",
            "ix_notifications_lead",
            "ix_lead_touches_lead",
        },
    ),
    "a lead opts out": (
        lambda s, large: opt_out(s, large.actor, large.lead),
        {"ix_steps_lead", "pk_leads", "ix_notifications_touches"},
    ),
    # a rule for leads that were there before
    "a backfill begins": (
        lambda s, large: start_backfill(s, large.actor, a_rule(s, large), per_hour=200),
        {"ix_leads_clinic"},
    ),
    "a backfill is looked at": (
        lambda s, large: preview_backfill(s, large.actor, a_rule(s, large), per_hour=200),
        {"ix_leads_clinic", "ix_steps_lead"},
    ),
    "a backfill is cancelled": (a_cancelled_backfill, {"ix_steps_lead"}),
    "what ran late": (
        lambda s, large: lateness_report(s, large.actor.clinic),
        {"ix_steps_finished", "ix_steps_due", "ix_steps_put_off"},
    ),
    "a lead opts out of a channel": (
        lambda s, large: opt_out(s, large.actor, large.lead, channel="email"),
        {"ix_steps_lead", "ix_notifications_unsent"},  # by their state while few wait, else by the lead
    ),
    "a lead converts": (
        lambda s, large: convert(s, large.actor, large.lead),
        {"ix_steps_lead", "ix_lead_tasks_lead", "pk_leads"},
    ),
    "a task is done": (
        lambda s, large: tasks.complete(s, large.actor, large.other["task"]),
        {"ix_steps_lead", "pk_lead_tasks", "pk_leads"},
    ),
    # who goes through sequences
    "what a nurture's run would take": (
        lambda s, large: nurtures.preview(s, large.actor, a_nurture(s, large)),
        {"ix_leads_scored"},
    ),
    "what follow-ups come to": (
        lambda s, large: a_dashboard(s, large, days=7),
        {"ix_enrollment_steps_written", "pk_notifications"},
    ),
    "leads are enrolled": (many_enrolled, {"pk_leads", "ix_enrollments_lead"}),
    "a reply ends enrollments": (a_reply, {"uq_enrollments_live", "ix_enrollments_colleagues"}),
    "a sequence is switched on": (
        lambda s, large: resume_waiting_enrollments(
            s, large.actor.clinic, large.other["enrolled"].sequence_id, at=now()
        ),
        {"ix_enrollments_state", "pk_enrollments"},
    ),
    # what counts: every entry of the clinic's leads in an index, and no row
    "the board": (lambda s, large: board(s, large.actor, {"cards": 20}), {"ix_leads_stage", "ix_lead_tasks_lead"}),
    "my board": (
        lambda s, large: board(s, large.actor, {"cards": 20, "assigned_to_id": "me"}),
        {"ix_leads_assigned", "ix_lead_tasks_lead"},
    ),
    "a gateway tells what became of a message": (what_a_gateway_tells, {"pk_notifications", "pk_leads"}),
    "who saw a lead": (
        lambda s, large: trail(s, large, {**PAGE, "subject_id": large.lead}),
        {"ix_audit_entries_clinic"},
    ),
    # the work queue at a glance
    "the dashboard": (
        lambda s, large: dashboard(s, large.actor, {}),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status", "ix_lead_activities_timeline"},
    ),
    "my dashboard": (
        lambda s, large: dashboard(s, large.actor, {"assigned_to_id": "me"}),
        {"ix_lead_tasks_mine", "ix_leads_assigned"},
    ),
    "the queue as a board": (
        lambda s, large: kanban(s, large.actor, {"cards": 20}),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"},
    ),
    "the queue by days": (
        lambda s, large: calendar(s, large.actor, {"per_day": 20}),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"},
    ),
    "leads due within a week": (
        page_of(all_leads, next_follow_up_from=now(), next_follow_up_to=now() + timedelta(days=7)),
        {"ix_lead_tasks_falling_due", "ix_leads_clinic", "ix_lead_tasks_lead"},
    ),
    "leads due within an hour, of which there are few": (
        page_of(all_leads, next_follow_up_from=now(), next_follow_up_to=now() + timedelta(hours=1)),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_lead"},
    ),
    "my leads by next follow-up": (
        page_of(all_leads, assigned_to_id="me", sort="next_follow_up_at"),
        {"ix_lead_tasks_lead"},
    ),
    "the queue of rotting leads": (page_of(queue, rotting=True), set()),
    "the queue of fresh leads": (page_of(queue, rotting=False), {"ix_leads_rotting", "ix_lead_tasks_lead"}),
    # two looks at each task: at the lead's others, and at the lead
    "leads by next follow-up": (
        page_of(all_leads, sort="next_follow_up_at"),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status", "ix_lead_tasks_lead"},
    ),
    "leads by next follow-up, last first": (
        page_of(all_leads, sort="-next_follow_up_at"),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status", "ix_lead_tasks_lead"},
    ),
    # which are marked, and still have none: two looks at each
    "leads without a next action": (page_of(idle_leads), {"ix_leads_without_next_action", "ix_lead_tasks_lead"}),
    "mine without a next action": (page_of(idle_leads, assigned_to_id="me"), {"ix_leads_without_next_action"}),
    # what is searched for in the queue, and is rare: it costs more than a page
    "the queue of a type": (page_of(queue, type=["SMS"], status=OPEN_TASKS), {"ix_lead_tasks_falling_due"}),
    "the queue of a priority": (page_of(queue, priority=["URGENT"]), {"ix_lead_tasks_falling_due"}),
    "what has a tag": (page_of(queue, tag="vip"), {"pk_lead_tasks"}),
    "what says a rare word": (page_of(queue, q="invoice"), {"pk_lead_tasks"}),
    "what says a frequent word": (page_of(queue, q="call", status=OPEN_TASKS), {"ix_lead_tasks_falling_due"}),
    "what says a rule's words": (
        page_of(queue, q="initial contact or call", status=OPEN_TASKS),
        {"ix_lead_tasks_falling_due"},
    ),
    # how templates did, of all messages of a year, and what leads lack for them
    "how a message template did": (
        how_it_did,
        {"ix_notifications_made_from", "ix_lead_activities_timeline", "pk_leads"},
    ),
    "how a message template did with the leads of a team": (
        lambda s, large: how_it_did(s, large, scope=Scope.TEAM),
        {"ix_lead_activities_timeline"},
    ),
    "a few are moved to another version": (
        lambda s, large: a_move(s, large, leads=300),
        {"ix_enrollments_state", "uq_enrollments_live", "pk_steps", "pk_leads"},
    ),
    "many are moved to another version": (lambda s, large: a_move(s, large, leads=600), {"ix_enrollments_state"}),
    "many are enrolled by a job": (enrolled_by_a_job, {"pk_job_items", "ix_leads_clinic", "ix_enrollments_lead"}),
    "how a sequence did": (
        how_a_sequence_did,
        {"ix_enrollments_enrolled", "pk_notifications", "ix_lead_activities_timeline", "pk_leads"},
    ),
    "how a sequence did with the leads of a team": (
        lambda s, large: how_a_sequence_did(s, large, scope=Scope.TEAM),
        {"ix_lead_activities_timeline"},
    ),
    "how much a task template is used": (
        lambda s, large: preview.statistics(s, large.actor, TaskTemplate(id=large_database.TASK_TEMPLATE), A_YEAR),
        {"ix_lead_tasks_made_from"},
    ),
    "what leads lack for a template": (
        lambda s, large: missing_field_report.report_missing_fields(s, large.actor, [NEEDY]),
        {"ix_leads_clinic"},
    ),
    # what admins do about trouble
    "a notification is retried": (
        lambda s, large: retry.retry(s, large.actor, large.other["note"]),
        {"pk_notifications"},
    ),
    "a step is retried": (
        lambda s, large: steps.retry(s, large.actor.clinic.id, large.other["failed"]),
        {"pk_steps"},
    ),
    "steps are retried": (
        lambda s, large: steps.retry_many(s, large.actor.clinic.id, {"kind": "escalate"}, spread=timedelta(hours=1)),
        {"ix_steps_trouble"},
    ),
}
PAGES: dict[str, tuple[Callable[[Session, LargeClinic], object], set[str]]] = {
    "a lead's steps": (lambda s, large: steps_of(s, large.actor.clinic.id, large.lead), {"ix_steps_lead"}),
    "a lead's automation": (
        page_of(lambda s, large, query: automation_of(s, large.actor, large.lead, query), limit=3),
        {"ix_steps_lead"},
    ),
    "a lead's timeline": (
        page_of(lambda s, large, query: timeline(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_activities_timeline"},
    ),
    "a lead's tasks": (
        page_of(lambda s, large, query: tasks.tasks_of_lead(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_tasks_lead"},
    ),
    "a lead's touches": (
        page_of(lambda s, large, query: list_touches(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_touches_lead"},
    ),
    "a lead's duplicates": (
        lambda s, large: duplicates_of(s, large.actor, large.lead),
        {"ix_leads_phone", "ix_leads_email", "ix_leads_name"},
    ),
    "who has this phone": (look_for(phone="212-555-0143"), {"ix_leads_phone", "ix_leads_phone_alt"}),
    "who has this address": (look_for(email="MIA7@lead.example"), {"ix_leads_email"}),
    "who is called so": (look_for(name="mia keller"), {"ix_leads_name"}),
    "leads by tag": (page_of(all_leads, tag="tag 7"), {"ix_leads_clinic"}),
    "leads by external id": (
        page_of(all_leads, external_id=lambda large: large.other["external"]),
        {"uq_leads_external"},
    ),
    "leads by language": (page_of(all_leads, language="fr"), {"ix_leads_language"}),
    "leads by value": (page_of(all_leads, value_from=Decimal(8990)), set()),
    "leads by channel": (page_of(all_leads, channel="MANUAL"), {"ix_leads_clinic"}),
    "leads": (page_of(all_leads), {"ix_leads_clinic"}),
    "leads by status": (page_of(all_leads, status="CONVERTED"), {"ix_leads_status"}),
    "leads by stage": (page_of(all_leads, stage="pending_decision"), {"ix_leads_stage"}),
    "leads by source": (page_of(all_leads, source_id=lambda large: large.practice.source_id), {"ix_leads_source"}),
    "leads by coordinator": (page_of(all_leads, assigned_to_id="me"), {"ix_leads_assigned"}),
    "leads, the oldest first": (page_of(all_leads, sort="created_at"), {"ix_leads_clinic"}),
    "leads by their value": (page_of(all_leads, sort="-lead_value"), {"ix_leads_value"}),
    "leads by when they rot": (page_of(all_leads, sort="rots_at"), {"ix_leads_rotting"}),
    "leads by when they rot, last first": (page_of(all_leads, sort="-rots_at"), {"ix_leads_rotting"}),
    "leads that rot, the worst first": (page_of(all_leads, sort="rots_at", rotting=True), {"ix_leads_rotting"}),
    "leads that do not rot yet": (page_of(all_leads, sort="rots_at", rotting=False), {"ix_leads_rotting"}),
    "what is next for leads": (
        lambda s, large: with_next_follow_ups(s, [{"id": large.lead}]),
        {"ix_lead_tasks_lead", "pk_steps"},
    ),
    "leads of mine alone": (page_of(leads_within(Scope.ASSIGNED)), {"ix_leads_assigned"}),
    "leads of my team": (page_of(leads_within(Scope.TEAM)), set()),
    "who saw what": (page_of(trail), {"ix_audit_entries_clinic"}),
    "leads of a period": (
        page_of(all_leads, created_from=now() - timedelta(days=200), created_to=now() - timedelta(days=190)),
        {"ix_leads_clinic"},
    ),
    "leads by all of these": (
        page_of(all_leads, status="ACTIVE", stage="contacted", created_to=now() - timedelta(days=100)),
        set(),
    ),
    "leads that nobody has": (lambda s, large: list_unassigned(s, large.actor, PAGE), {"ix_leads_open_of"}),
    "assignments of a lead": (lambda s, large: list_assignments(s, large.actor, large.lead, PAGE), set()),
    "a task": (
        lambda s, large: tasks.read_task(s, large.actor, large.other["task"]),
        {"pk_lead_tasks"},
    ),
    "my tasks": (page_of(my_tasks), {"ix_lead_tasks_mine"}),
    "my tasks until tomorrow": (page_of(my_tasks, due_before=now() + timedelta(days=1)), {"ix_lead_tasks_mine"}),
    "my tasks that are done": (page_of(my_tasks, status="COMPLETED"), {"ix_lead_tasks_mine_by_status"}),
    "my tasks that are begun": (page_of(my_tasks, status="OVERDUE"), {"ix_lead_tasks_mine"}),
    "overdue tasks": (page_of(overdue_tasks), {"ix_lead_tasks_by_status"}),
    "my overdue tasks": (page_of(overdue_tasks, assigned_to_id="me"), {"ix_lead_tasks_mine"}),
    "the queue": (page_of(queue), {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"}),
    "the queue, last first": (page_of(queue, sort="-due_at"), {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status"}),
    "the queue, newest first": (page_of(queue, sort="-created_at"), {"ix_lead_tasks_made"}),
    "the queue's open tasks": (page_of(queue, status=OPEN_TASKS), {"ix_lead_tasks_falling_due"}),
    "the queue's begun tasks": (page_of(queue, status=[TaskStatus.IN_PROGRESS]), {"ix_lead_tasks_by_status"}),
    "the queue's done tasks": (page_of(queue, status=[TaskStatus.COMPLETED]), {"ix_lead_tasks_by_status"}),
    "the queue of a person": (page_of(queue, assigned_to_id="me"), {"ix_lead_tasks_mine"}),
    "the queue by its maker": (page_of(queue, created_by="me"), {"ix_lead_tasks_made_by"}),
    "the queue of a week": (
        page_of(queue, due_from=now(), due_to=now() + timedelta(days=7), status=OPEN_TASKS),
        {"ix_lead_tasks_falling_due"},
    ),
    "the queue of a stage": (page_of(queue, stage="contacted"), set()),
    "the queue of a source": (page_of(queue, source_id=lambda large: large.practice.source_id), set()),
    "what is pinned": (page_of(queue, pinned=True), {"ix_lead_tasks_pinned"}),
    "lead activities": (page_of(all_lead_activities), {"ix_lead_tasks_made", "ix_lead_activities_clinic"}),
    "a lead's activities": (
        page_of(lambda s, large, query: lead_activities.of_lead(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_tasks_lead", "ix_lead_activities_timeline"},
    ),
    "a lead's enrollments": (
        page_of(
            lambda s, large, query: list_enrollments_of_lead(s, large.actor, large.other["enrolled"].lead_id, query)
        ),
        {"ix_enrollments_lead"},
    ),
    "the leads of a nurture": (
        page_of(followed_leads),
        {"ix_enrollments_sequence", "ix_enrollment_steps_enrollment", "pk_notifications", "pk_leads"},
    ),
    "who is or was in a sequence": (page_of(all_enrolled), {"ix_enrollments_sequence"}),
    "who is in a sequence": (page_of(all_enrolled, state="active"), {"ix_enrollments_state"}),
    "gateways": (
        page_of(lambda s, large, query: gateways.list_gateways(s, large.actor.clinic.id, query), limit=3),
        set(),
    ),
    "my notifications": (page_of(my_notes), {"ix_notifications_inbox"}),
    "my unread notifications": (page_of(my_notes, unread=True), {"ix_notifications_inbox"}),
    "notifications": (page_of(all_notes), {"ix_notifications_clinic"}),
    "failed notifications": (page_of(all_notes, state="failed"), {"ix_notifications_unsent"}),
    "unknown e-mails of a week": (
        page_of(all_notes, state="unknown", channel="email", since=now() - timedelta(days=100)),
        {"ix_notifications_unsent"},
    ),
    "sent notifications": (page_of(all_notes, state="sent"), {"ix_notifications_clinic"}),
    "a notification and its tries": (
        lambda s, large: notifications.get_notification(s, large.actor, large.other["note"]),
        {"pk_notifications", "ix_deliveries_notification_id"},
    ),
    "failed steps": (page_of(all_trouble, state="failed"), {"ix_steps_trouble"}),
    "unknown steps of a kind": (page_of(all_trouble, state="unknown", kind="remind"), {"ix_steps_trouble"}),
}


def role_of(question: str) -> str:
    return APP_ROLE if question in ENGINE else row_security.ROLE


@pytest.fixture
def planner(large: LargeClinic, postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    with postgres.connect(large.database) as connection:
        yield connection


def asked(
    large: LargeClinic, planner: psycopg.Connection[Any], act: Callable[[Session, LargeClinic], object], *, role: str
) -> list[Statement]:
    """Return the statements that `act` executes, then roll back. Also set the planner's role and clinic."""
    planner.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    with transaction() as session:
        if role == row_security.ROLE:
            row_security.restrict_to_clinic(session, large.practice.clinic_id)
        with listening() as heard:
            act(session, large)
        session.rollback()
    return [statement for statement in heard if statement.is_explainable]


# Paths of lists and their queries; `{lead}` is a lead's id.
API_LISTS: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("", {"status": "NEW"}),
    ("", {"stage": "contacted"}),
    ("", {"source_id": "{source}"}),
    ("", {"assigned_to_id": "me"}),
    ("", {"created_to": "{now}"}),
    ("/{lead}/tasks", {}),
    ("/{lead}/activities", {}),
    ("/tasks/my-tasks", {}),
    ("/tasks/my-tasks", {"due_before": "{now}"}),
    ("/tasks/overdue", {}),
    ("/tasks/overdue", {"assigned_to_id": "me"}),
]


@pytest.mark.parametrize("question", [*ENGINE, *WORK, *PAGES])
def test_no_large_table_is_read_whole(large: LargeClinic, planner: psycopg.Connection[Any], question: str):
    act, expected = {**ENGINE, **WORK, **PAGES}[question]
    statements = asked(large, planner, act, role=role_of(question))
    plans = [explain(planner, statement) for statement in statements]

    assert [plan.read_whole for plan in plans if plan.read_whole] == []
    assert expected <= set().union(*(plan.indexes for plan in plans))
    # Also with a generic plan, as for a prepared statement.
    for statement in statements:
        assert not explain_prepared(planner, statement).read_whole, statement.sql


@pytest.mark.parametrize("question", PAGES)
def test_page_cost_is_bounded(large: LargeClinic, planner: psycopg.Connection[Any], question: str):
    for statement in asked(large, planner, PAGES[question][0], role=role_of(question)):
        assert explain(planner, statement).cost < A_FEW_HUNDRED_ROWS, statement.sql


FINDERS = {
    "leads_tagged": ("tag 7", "ix_leads_tags"),
    "tasks_tagged": ("vip", "ix_lead_tasks_tags"),
    "tasks_saying": ("invoice", "ix_lead_tasks_words"),
}


@pytest.mark.parametrize("finder", FINDERS)
def test_search_functions_use_their_index(large: LargeClinic, planner: psycopg.Connection[Any], finder: str):
    wanted, index = FINDERS[finder]
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    [[body]] = planner.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [finder]).fetchall()
    asked_for = re.sub(r"\b(wanted|most)\b", r"%(\1)s", body)
    plan = explain(planner, Statement(asked_for, {"wanted": wanted, "most": row_security.FEW_IDS + 1}))

    assert index in plan.indexes
    assert not plan.read_whole


def test_census_reads_no_large_table(large: LargeClinic, planner: psycopg.Connection[Any]):
    [census, *_] = asked(large, planner, sweep("take_census"), role=APP_ROLE)

    assert not explain(planner, census).read_whole


def test_planning_many_steps_is_one_statement(large: LargeClinic, planner: psycopg.Connection[Any]):
    rows = [
        step_row(
            large.actor.clinic.id, large.lead, kind=Kind.CREATE_TASK, name="call", params={}, cause={},
            due_at=now(), dedupe_key=f"call:{number}",
        )
        for number in range(200)
    ]  # fmt: skip
    statements = asked(large, planner, lambda session, _: add_steps(session, rows), role=row_security.ROLE)

    assert len(statements) == 1
    assert not explain(planner, statements[0]).read_whole


@pytest.fixture(scope="module")
def caller(large: LargeClinic) -> Caller:
    """The sample coordinator, signed in to the API."""
    user_id, until = large.actor.user_id, now() + timedelta(days=1)
    sign_in = SignIn(user_id=user_id, refresh_id=new_id(), created_at=now(), expires_at=until)
    with transaction() as session:
        session.add(sign_in)
        session.flush()
        token = write_access(user_id, sign_in.id, new_id())
    return Caller(the_app().test_client(), token, large.actor)


@pytest.mark.parametrize(("path", "query"), API_LISTS)
def test_api_lists_use_indexes(
    large: LargeClinic, planner: psycopg.Connection[Any], caller: Caller, path: str, query: dict[str, str]
):
    values = {"lead": large.lead, "source": large.practice.source_id, "now": now().isoformat()}
    path, query = path.format_map(values), {name: value.format_map(values) for name, value in query.items()}
    with listening() as heard:
        first = caller.get(f"/api/leads{path}", limit=2, **query)
        assert first.status == 200, first.body
        if cursor := first.body["next_cursor"]:
            caller.get(f"/api/leads{path}", limit=2, cursor=cursor, **query)
    planner.execute(f"SET ROLE {row_security.ROLE}")  # type: ignore[arg-type]
    planner.execute("SELECT set_config('relance.clinic', %s, false)", [str(large.practice.clinic_id)])
    pages = [statement for statement in heard if _reads_a_list(statement)]
    plans = [explain(planner, statement) for statement in pages]

    assert plans
    assert [plan.read_whole for plan in plans if plan.read_whole] == []
    assert all(plan.indexes for plan in plans)


def _reads_a_list(statement: Statement) -> bool:
    return statement.sql.startswith("SELECT") and " LIMIT " in statement.sql and "FROM lead" in statement.sql
