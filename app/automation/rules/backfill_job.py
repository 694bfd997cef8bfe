"""Working off a part of a backfill: what a rule wants of leads that were there before it, as a job's chunk.

A lead's row is held while it is looked at, so that it gets what the rule wants from here or from an event, and once.
Each one that begins has a turn, as far behind the one before as the rate says; the job's row hands them out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.automation.rules.existing_leads import COLUMNS_SQL, ExistingLead, told_by
from app.automation.rules.late_start import LateStart, at_its_turn, look_at
from app.clock import now
from app.engine.jobs.items import ItemResults, Position, lock_pending, write_results
from app.engine.jobs.kinds import JobKind, ProcessSpan
from app.engine.jobs.models import ItemReason
from app.engine.jobs.planning import Span
from app.engine.models import Reason
from app.engine.plan.plan import Plan
from app.engine.rules.event_log import BACKFILL, event_row
from app.engine.rules.models import RuleVersion
from app.engine.rules.rules import Rule, read_rule
from app.engine.service import add_steps, planned_row
from app.identity.clinic_context import ClinicContext
from app.leads.facts.condition_facts import load_facts
from app.tasks.bulk.create_tasks import REASON_BY_STATUS

MAKES: Final = "backfill"  # in the job's spec
HOUR: Final = timedelta(hours=1)

_WANTED: Final = (
    "FROM job_items i JOIN leads l ON l.id = i.lead_id WHERE i.job_id = :job"
    " AND i.position BETWEEN :first AND :last AND i.status = 'pending' AND l.clinic_id = :clinic"
    " AND l.deleted_at IS NULL"
)
_TAKE: Final = text(f"SELECT i.position, {COLUMNS_SQL} {_WANTED} FOR NO KEY UPDATE OF l SKIP LOCKED")
_WHICH_EXIST: Final = text(f"SELECT i.position {_WANTED}")
_HAVE_STEPS: Final = text(
    "SELECT DISTINCT lead_id FROM steps WHERE lead_id = ANY(:leads) AND cause ->> 'rule_id' = :rule"  # noqa: S608
    f" AND reason IS DISTINCT FROM '{Reason.JOB_CANCELLED}'"
)
_TURNS: Final = text(
    "UPDATE jobs SET next_at = greatest(next_at, :now) + :length WHERE id = :job RETURNING next_at - :length"
)
# Their keys go: what was called off here may be planned again by another backfill.
_TAKE_BACK: Final = text(
    f"UPDATE steps SET state = 'cancelled', reason = '{Reason.JOB_CANCELLED}', finished_at = :now, dedupe_key = NULL"  # noqa: S608
    " WHERE id IN (SELECT s.id FROM job_items i JOIN steps s ON s.lead_id = i.lead_id"
    " WHERE i.job_id = :job AND i.status = 'done' AND s.state IN ('planned', 'published')"
    " AND s.cause ->> 'job_id' = CAST(:job AS text) FOR UPDATE OF s SKIP LOCKED)"
)


@dataclass(frozen=True, slots=True)
class Work:
    """A backfill as its chunks need it."""

    job_id: UUID
    clinic: ClinicContext
    rule: Rule
    words: Sequence[str]  # the events that it listens to, as it says them
    per_hour: int


def work_on(session: Session, job: Row[Any], clinic: ClinicContext) -> ProcessSpan:
    """What is the same for all chunks; returns what makes one."""
    spec = job.spec
    of_rule = (RuleVersion.rule_id == UUID(spec["rule_id"]), RuleVersion.number == spec["version"])
    definition = session.scalars(select(RuleVersion.definition).where(*of_rule)).one()
    rule = read_rule(definition, id=UUID(spec["rule_id"]), version=spec["version"])
    return partial(_begin, work=Work(job.id, clinic, rule, words_of(definition), spec["per_hour"]))


def words_of(definition: Mapping[str, Any]) -> list[str]:
    """The events that a rule listens to, as it says them."""
    on: str | list[str] = definition["on"]
    return [on] if isinstance(on, str) else on


def _take_back(session: Session, job_id: UUID) -> int:
    """Call off what a backfill has planned and is not done; what a worker has in hand is left to it."""
    result = session.execute(_TAKE_BACK, {"job": job_id, "now": now()})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def _begin(session: Session, span: Span, *, work: Work) -> ItemResults:
    at, ends = now(), ItemResults()
    leads = _open_ones(_take(session, work, span, ends), ends)
    have = having_steps(session, work.rule, leads.values())
    starts = starts_of(session, work, {place: lead for place, lead in leads.items() if lead.id not in have}, at=at)
    _plan(session, work, starts.values(), at=at)
    for place, lead in leads.items():
        ends.succeed(place, lead_id=lead.id, reason=_reason(lead, have, starts.get(place)))
    write_results(session, work.job_id, ends)
    return ends


def _take(session: Session, work: Work, span: Span, ends: ItemResults) -> dict[Position, ExistingLead]:
    """Lock those that are there and that nobody is changing just now; say of the others which of both it is."""
    wanted = {item.position for item in lock_pending(session, work.job_id, span)}
    given = {"job": work.job_id, "first": span.first, "last": span.last, "clinic": work.clinic.id}
    taken = {place: ExistingLead(*row) for place, *row in session.execute(_TAKE, given)}
    if missing := wanted - taken.keys():
        busy = missing & set(session.scalars(_WHICH_EXIST, given))
        ends.left += busy
        for place in missing - busy:
            ends.fail(place, ItemReason.UNKNOWN_LEAD)
    return taken


def _open_ones(leads: Mapping[Position, ExistingLead], ends: ItemResults) -> dict[Position, ExistingLead]:
    """Those that nothing happened to since the job was made."""
    open_ones = {}
    for place, lead in leads.items():
        if reason := ItemReason.LEAD_IS_RESTRICTED if lead.restricted_at else REASON_BY_STATUS.get(lead.status):
            ends.fail(place, reason)
        else:
            open_ones[place] = lead
    return open_ones


def having_steps(session: Session, rule: Rule, leads: Iterable[ExistingLead]) -> set[UUID]:
    """Those of the leads that got what the rule wants before: of any version, whatever became of it."""
    given = {"leads": [lead.id for lead in leads], "rule": str(rule.id)}
    return set(session.scalars(_HAVE_STEPS, given))


def starts_of(
    session: Session, work: Work, leads: Mapping[Position, ExistingLead], *, at: datetime
) -> dict[Position, LateStart]:
    """What the rule decides about each; those of which it hears nothing are left out."""
    more = (
        load_facts(session, [lead.id for lead in leads.values()], work.rule.required_facts)
        if work.rule.required_facts
        else {}
    )
    found = {}
    for place, lead in leads.items():
        known = [
            told._replace(event=told.event.with_facts(more.get(lead.id, {}))) for told in told_by(lead, work.words, at)
        ]
        if start := look_at(work.rule, known, work.clinic.calendar):
            found[place] = start
    return found


def _plan(session: Session, work: Work, starts: Iterable[LateStart], *, at: datetime) -> None:
    """Write the steps, and the events with what was decided about them."""
    waiting = [start for start in starts if start.awaits_its_turn]
    turns = dict(zip(map(id, waiting), _turns(session, work, len(waiting), at=at), strict=True))
    steps, events = [], []
    for start in starts:
        planned = plan_of(start, work.rule, turns.get(id(start), at), work.clinic)
        event = start.told.event
        of_job = {BACKFILL: {"job_id": str(work.job_id)}}
        decisions = planned.decisions if planned else [start.decision]
        events.append(event_row(work.clinic.id, replace(event, facts={**event.facts, **of_job}), decisions))
        for step in planned.steps if planned else ():
            named = replace(step, cause={**step.cause, "job_id": str(work.job_id)})
            steps.append(planned_row(work.clinic.id, event.lead_id, named))
    add_steps(session, steps, event_rows=events)


def plan_of(start: LateStart, rule: Rule, turn: datetime, clinic: ClinicContext) -> Plan | None:
    """What is planned, where anything is wanted."""
    return at_its_turn(start, rule, turn, clinic.calendar) if start.awaits_its_turn else start.planned


def _turns(session: Session, work: Work, leads: int, *, at: datetime) -> list[datetime]:
    """When each of so many begins; no other chunk of the job gives out turns until the commit."""
    if not leads:
        return []
    apart = HOUR / work.per_hour
    first = session.scalars(_TURNS, {"job": work.job_id, "now": at, "length": leads * apart}).one()
    return [first + place * apart for place in range(leads)]


def _reason(lead: ExistingLead, have: set[UUID], start: LateStart | None) -> ItemReason | None:
    if lead.id in have:
        return ItemReason.HAS_STEPS
    return None if start is not None and start.is_wanted else ItemReason.UNMATCHED


KIND: Final = JobKind(MAKES, work_on, _take_back)
