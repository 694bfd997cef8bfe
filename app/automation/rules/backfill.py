"""Having a rule act on the leads that were there before it: as a job, or as a look at what that would be."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.automation.rules.backfill_job import HOUR, MAKES, Work, having_steps, plan_of, starts_of, words_of
from app.automation.rules.errors import CannotBackfill, RuleIsOff
from app.automation.rules.existing_leads import COLUMNS_SQL, TOLD, ExistingLead, untold
from app.automation.rules.gate_preview import held_back
from app.automation.rules.service import find_rule
from app.clock import now
from app.core.db import new_id
from app.engine.jobs.models import Job, JobState
from app.engine.jobs.planning import chunks_of, plan_chunks
from app.engine.plan.plan import PlannedStep
from app.engine.rules.models import RuleRow
from app.engine.rules.rules import read_rule
from app.engine.step_kind import STEP_KINDS
from app.errors import Conflict
from app.identity.actor import Actor

CHUNK: Final = 500  # leads that are held at once
FILLED_AT_ONCE: Final = 10_000  # so many an index walks; of all at once the planner would read the whole table
MOST_LEADS: Final = 500_000
MOST_LOOKED_AT: Final = 10_000  # a preview answers within the call

_OPEN: Final = (
    "FROM leads l WHERE l.clinic_id = :clinic AND l.status IN ('NEW', 'ACTIVE') AND l.deleted_at IS NULL"
    " AND l.restricted_at IS NULL"
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
    """What a backfill would do."""

    leads: int = 0
    is_complete: bool = True
    matched: int = 0
    have_steps: int = 0
    steps: Counter[str] = field(default_factory=Counter)  # by kind
    blocked: Counter[str] = field(default_factory=Counter)  # messages that nobody would get, by reason
    put_off: Counter[str] = field(default_factory=Counter)  # those that would wait when they are due
    last_due_at: datetime | None = None
    turns: int = 0  # places in the rate that are taken


def start_backfill(session: Session, actor: Actor, rule_id: UUID, *, per_hour: int) -> Job:
    """A job over all open leads. Raises NotFound, RuleIsOff, CannotBackfill, Conflict (more than half a million)."""
    rule = _rule_in_force(session, actor, rule_id)
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
    """What a backfill would do with the first 10,000 open leads. Raises NotFound, RuleIsOff, CannotBackfill."""
    row = _rule_in_force(session, actor, rule_id)
    definition: Mapping[str, Any] = row.definition or {}
    rule = read_rule(definition, id=row.id, version=row.published or 1)
    work = Work(row.id, actor.clinic, rule, words_of(definition), per_hour)
    preview, at = Preview(), now()
    for leads in _batches(session, actor.clinic.id):
        preview.leads += len(leads)
        _look(session, work, leads, preview, at=at)
    preview.is_complete = preview.leads < MOST_LOOKED_AT
    return preview


def _rule_in_force(session: Session, actor: Actor, rule_id: UUID) -> RuleRow:
    rule = find_rule(session, actor, rule_id)
    if not rule.active or rule.definition is None:
        raise RuleIsOff
    if unknown := untold(words_of(rule.definition)):
        raise CannotBackfill(
            f"Leads as they are do not tell of {', '.join(unknown)}. A backfill can tell of {', '.join(TOLD)}."
        )
    return rule


def _job(actor: Actor, rule: RuleRow, *, per_hour: int) -> Job:
    """It keeps the version that is in force now, whatever is published meanwhile."""
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
    """Write the job's items on a walk over the open leads; returns how many they are."""
    given = {"job": job.id, "clinic": job.clinic_id, "most": FILLED_AT_ONCE}
    total, after, is_more = 0, UUID(int=0), True
    while is_more:
        filled = session.execute(_FILL, {**given, "first": total, "after": after}).one()
        total, after, is_more = total + filled.n, filled.last, filled.n == FILLED_AT_ONCE
        if total > MOST_LEADS:
            raise Conflict(f"The clinic has more than {MOST_LEADS:,} open leads.")
    return total


def _batches(session: Session, clinic_id: UUID) -> Iterator[list[ExistingLead]]:
    """The first open leads in the order of their ids, a few hundred at a time."""
    after = UUID(int=0)
    for _ in range(0, MOST_LOOKED_AT, CHUNK):
        rows = session.execute(_NEXT, {"clinic": clinic_id, "after": after, "most": CHUNK})
        leads = [ExistingLead(*row) for row in rows]
        if not leads:
            return
        yield leads
        after = leads[-1].id


def _look(session: Session, work: Work, leads: list[ExistingLead], preview: Preview, *, at: datetime) -> None:
    have = having_steps(session, work.rule, leads)
    preview.have_steps += len(have)
    fresh = {place: lead for place, lead in enumerate(leads) if lead.id not in have}
    messages: list[tuple[ExistingLead, PlannedStep]] = []
    for place, start in starts_of(session, work, fresh, at=at).items():
        planned = plan_of(start, work.rule, at + preview.turns * HOUR / work.per_hour, work.clinic)
        preview.turns += start.awaits_its_turn
        for step in planned.steps if planned else ():
            preview.steps[step.kind] += 1
            preview.last_due_at = max(preview.last_due_at or step.due_at, step.due_at)
            if STEP_KINDS[step.kind].writes_to_lead:
                messages.append((fresh[place], step))
        preview.matched += start.is_wanted
    held = held_back(session, work.clinic, messages, at=at)
    preview.blocked += held.blocked
    preview.put_off += held.put_off
