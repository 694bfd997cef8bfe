"""Backfill: apply a rule to existing leads, as a job or as a preview."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.automation.rules.backfill_job import (
    HOUR,
    MAKES,
    Work,
    decide_late_starts,
    event_names,
    leads_with_steps,
    plan_late_start,
)
from app.automation.rules.errors import CannotBackfill, RuleIsOff
from app.automation.rules.existing_leads import COLUMNS_SQL, SUPPORTED_EVENTS, ExistingLead, unsupported_events
from app.automation.rules.gate_preview import count_gate_verdicts
from app.automation.rules.service import find_rule
from app.clock import now
from app.core.db import new_id
from app.core.type_aliases import JsonObject
from app.engine.jobs.models import Job, JobState
from app.engine.jobs.split import chunks_of, plan_chunks
from app.engine.plan.plan import PlannedStep
from app.engine.rules.models import RuleRow
from app.engine.rules.rules import read_rule
from app.engine.step_kind import STEP_KINDS
from app.errors import Conflict
from app.identity.actor import Actor
from app.tasks.workload.first_calls import open_calls

CHUNK: Final = 500  # leads locked at once
FILLED_AT_ONCE: Final = 10_000  # read by index; for all at once the planner would scan the whole table
MOST_LEADS: Final = 500_000
MOST_PREVIEWED: Final = 10_000  # the preview runs within the request

_OPEN: Final = (
    "FROM leads l WHERE l.clinic_id = :clinic AND l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL"
    " AND l.restricted_at IS NULL AND l.rules_wait_since IS NULL"
)
_FILL: Final = text(
    f"WITH few AS (SELECT l.id {_OPEN} AND l.id > :after ORDER BY l.id LIMIT :most),"  # noqa: S608
    " filled AS (INSERT INTO job_items (job_id, position, lead_id, status)"
    " SELECT :job, :first + row_number() OVER (ORDER BY id) - 1, id, 'pending' FROM few)"
    " SELECT count(*) AS n, (SELECT id FROM few ORDER BY id DESC LIMIT 1) AS last FROM few"
)
_NEXT: Final = text(f"SELECT {COLUMNS_SQL} {_OPEN} AND l.id > :after ORDER BY l.id LIMIT :most")


@dataclass(slots=True)
class Preview:
    """Preview of a backfill."""

    leads: int = 0
    is_complete: bool = True
    matched: int = 0
    have_steps: int = 0
    steps: Counter[str] = field(default_factory=Counter)  # by kind
    blocked: Counter[str] = field(default_factory=Counter)  # messages that the gate blocks, by reason
    put_off: Counter[str] = field(default_factory=Counter)  # messages that the gate postpones, by reason
    last_due_at: datetime | None = None
    turns: int = 0  # turns of the rate that are taken


def start_backfill(session: Session, actor: Actor, rule_id: UUID, *, per_hour: int) -> Job:
    """Start a job over all open leads.

    Raises NotFound, RuleIsOff, CannotBackfill, Conflict (more than 500,000 open leads).
    """
    rule = _active_rule(session, actor, rule_id)
    job = _job(actor, rule, per_hour=per_hour)
    session.add(job)
    session.flush()
    job.total = _fill(session, job)
    if not job.total:
        job.state, job.finished_at = JobState.DONE, job.created_at
    plan_chunks(session, job.clinic_id, job.id, chunks_of(job.total, CHUNK), at=job.created_at, once=True)
    about = {"backfill": {"job_id": str(job.id), "per_hour": per_hour}}
    audit_log.note_change(session, "rule", [rule.id], act=Act.UPDATE, after=about)
    session.flush()
    session.refresh(job)
    return job


def preview_backfill(session: Session, actor: Actor, rule_id: UUID, *, per_hour: int) -> Preview:
    """Return what a backfill would do with the first 10,000 open leads. Raises NotFound, RuleIsOff, CannotBackfill."""
    row = _active_rule(session, actor, rule_id)
    definition: JsonObject = row.definition or {}
    rule = read_rule(definition, id=row.id, version=row.published or 1)
    work = Work(row.id, actor.clinic, rule, event_names(definition), per_hour)
    preview, at = Preview(), now()
    for leads in _batches(session, actor.clinic.id):
        preview.leads += len(leads)
        _preview_batch(session, work, leads, preview, at=at)
    preview.is_complete = preview.leads < MOST_PREVIEWED
    return preview


def _active_rule(session: Session, actor: Actor, rule_id: UUID) -> RuleRow:
    rule = find_rule(session, actor, rule_id)
    if not rule.active or rule.definition is None:
        raise RuleIsOff
    if unknown := unsupported_events(event_names(rule.definition)):
        raise CannotBackfill(
            f"The state of leads does not show {', '.join(unknown)}. A backfill supports {', '.join(SUPPORTED_EVENTS)}."
        )
    return rule


def _job(actor: Actor, rule: RuleRow, *, per_hour: int) -> Job:
    """Return the job. It uses the version published now, even if another one is published meanwhile."""
    at = now()
    return Job(
        id=new_id(),
        clinic_id=actor.clinic.id,
        spec={"makes": MAKES, "rule_id": str(rule.id), "version": rule.published, "per_hour": per_hour},
        state=JobState.RUNNING,
        total=0,
        created_by=actor.user_id,
        created_at=at,
        next_at=at,
    )


def _fill(session: Session, job: Job) -> int:
    """Insert the job's items in batches of open leads. Return their number. Raises Conflict."""
    given = {"job": job.id, "clinic": job.clinic_id, "most": FILLED_AT_ONCE}
    total, after, is_more = 0, UUID(int=0), True
    while is_more:
        filled = session.execute(_FILL, {**given, "first": total, "after": after}).one()
        total, after, is_more = total + filled.n, filled.last, filled.n == FILLED_AT_ONCE
        if total > MOST_LEADS:
            raise Conflict(f"The clinic has more than {MOST_LEADS:,} open leads.")
    return total


def _batches(session: Session, clinic_id: UUID) -> Iterator[list[ExistingLead]]:
    """Yield the first open leads in batches, ordered by id."""
    after = UUID(int=0)
    for _ in range(0, MOST_PREVIEWED, CHUNK):
        rows = session.execute(_NEXT, {"clinic": clinic_id, "after": after, "most": CHUNK})
        leads = [ExistingLead(*row) for row in rows]
        if not leads:
            return
        yield leads
        after = leads[-1].id


def _preview_batch(session: Session, work: Work, leads: list[ExistingLead], preview: Preview, *, at: datetime) -> None:
    have = leads_with_steps(session, work.rule, leads)
    preview.have_steps += len(have)
    fresh = {place: lead for place, lead in enumerate(leads) if lead.id not in have}
    messages: list[tuple[ExistingLead, PlannedStep]] = []
    calls = open_calls(session, work.rule, [lead.id for lead in fresh.values()])
    for place, start in decide_late_starts(session, work, fresh, at=at).items():
        planned = plan_late_start(start, work, at + preview.turns * HOUR / work.per_hour, calls)
        preview.turns += start.needs_turn
        for step in planned.steps if planned else ():
            preview.steps[step.kind] += 1
            preview.last_due_at = max(preview.last_due_at or step.due_at, step.due_at)
            if STEP_KINDS[step.kind].writes_to_lead:
                messages.append((fresh[place], step))
        preview.matched += start.is_matched
    gate = count_gate_verdicts(session, work.clinic, messages, at=at)
    preview.blocked += gate.blocked
    preview.put_off += gate.put_off
