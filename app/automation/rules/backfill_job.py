"""Backfill job: process one chunk of existing leads.

Each lead is locked while the rule is evaluated, so that it gets the rule's steps once: from here or from an event. Each
lead that starts takes a turn; the rate sets the interval between turns. The job's row stores the next turn.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.automation.rules.existing_leads import COLUMNS_SQL, ExistingLead, past_events
from app.automation.rules.late_start import LateStart, decide_late_start, plan_at_turn
from app.clock import now
from app.core.type_aliases import JsonObject
from app.engine.events.events import OF_MANY
from app.engine.jobs.items import ItemResults, Position, lock_pending, write_results
from app.engine.jobs.kinds import JobKind, JobRow, ProcessSpan
from app.engine.jobs.models import ItemReason
from app.engine.jobs.split import Span
from app.engine.models import BegunBy, Reason
from app.engine.plan.plan import Plan
from app.engine.rules.event_log import BACKFILL, event_row
from app.engine.rules.models import RuleVersion
from app.engine.rules.rules import Rule, read_rule
from app.engine.service import add_steps, planned_row
from app.identity.clinic_context import ClinicContext
from app.leads.facts.condition_facts import load_facts
from app.tasks.bulk.create_tasks import REASON_BY_STATUS
from app.tasks.workload.first_calls import counted_from_call, open_calls

MAKES: Final = "backfill"  # in the job's spec
HOUR: Final = timedelta(hours=1)

_WANTED: Final = (
    "FROM job_items i JOIN leads l ON l.id = i.lead_id WHERE i.job_id = :job"
    " AND i.position BETWEEN :first AND :last AND i.status = 'pending' AND l.clinic_id = :clinic"
    " AND l.deleted_at IS NULL"
)
_LOCK: Final = text(f"SELECT i.position, {COLUMNS_SQL} {_WANTED} FOR NO KEY UPDATE OF l SKIP LOCKED")
_WHICH_EXIST: Final = text(f"SELECT i.position {_WANTED}")
_HAVE_STEPS: Final = text(
    "SELECT DISTINCT lead_id FROM steps WHERE lead_id = ANY(:leads) AND cause ->> 'rule_id' = :rule"  # noqa: S608
    f" AND reason IS DISTINCT FROM '{Reason.JOB_CANCELLED}'"
)
_TURNS: Final = text(
    "UPDATE jobs SET next_at = greatest(next_at, :now) + :length WHERE id = :job RETURNING next_at - :length"
)
# Without their deduplication keys another backfill can plan the cancelled steps again.
_CANCEL_PLANNED: Final = text(
    f"UPDATE steps SET state = 'cancelled', reason = '{Reason.JOB_CANCELLED}', finished_at = :now, dedupe_key = NULL"  # noqa: S608
    " WHERE id IN (SELECT s.id FROM job_items i JOIN steps s ON s.lead_id = i.lead_id"
    " WHERE i.job_id = :job AND i.status = 'done' AND s.state IN ('planned', 'published')"
    " AND s.cause ->> 'job_id' = CAST(:job AS text) FOR UPDATE OF s SKIP LOCKED)"
)


@dataclass(frozen=True, slots=True)
class Work:
    """Backfill data for its chunks."""

    job_id: UUID
    clinic: ClinicContext
    rule: Rule
    events: Sequence[str]  # event names of the rule, as in its definition
    per_hour: int


def work_on(session: Session, job: JobRow, clinic: ClinicContext) -> ProcessSpan:
    """Load the data that all chunks share. Return the function that processes a chunk."""
    spec = job.spec
    of_rule = (RuleVersion.rule_id == UUID(spec["rule_id"]), RuleVersion.number == spec["version"])
    definition = session.scalars(select(RuleVersion.definition).where(*of_rule)).one()
    rule = read_rule(definition, id=UUID(spec["rule_id"]), version=spec["version"])
    return partial(_process_span, work=Work(job.id, clinic, rule, event_names(definition), spec["per_hour"]))


def event_names(definition: JsonObject) -> list[str]:
    """Return the event names of a rule, as in its definition."""
    on: str | list[str] = definition["on"]
    return [on] if isinstance(on, str) else on


def _cancel_planned(session: Session, job_id: UUID) -> int:
    """Cancel the pending steps of a backfill, except those that a worker is running. Return their number."""
    result = session.execute(_CANCEL_PLANNED, {"job": job_id, "now": now()})
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


def _process_span(session: Session, span: Span, *, work: Work) -> ItemResults:
    at, results = now(), ItemResults()
    leads = _open_ones(_lock_leads(session, work, span, results), results)
    have = leads_with_steps(session, work.rule, leads.values())
    starts = decide_late_starts(
        session, work, {place: lead for place, lead in leads.items() if lead.id not in have}, at=at
    )
    _plan(session, work, starts.values(), at=at)
    for place, lead in leads.items():
        results.succeed(place, lead_id=lead.id, reason=_reason(lead, have, starts.get(place)))
    write_results(session, work.job_id, results)
    return results


def _lock_leads(session: Session, work: Work, span: Span, results: ItemResults) -> dict[Position, ExistingLead]:
    """Lock the leads that exist and are not locked elsewhere. Mark the other items as unknown or busy."""
    wanted = {item.position for item in lock_pending(session, work.job_id, span)}
    given = {"job": work.job_id, "first": span.first, "last": span.last, "clinic": work.clinic.id}
    taken = {place: ExistingLead(*row) for place, *row in session.execute(_LOCK, given)}
    if missing := wanted - taken.keys():
        busy = missing & set(session.scalars(_WHICH_EXIST, given))
        results.left += busy
        for place in missing - busy:
            results.fail(place, ItemReason.UNKNOWN_LEAD)
    return taken


def _open_ones(leads: Mapping[Position, ExistingLead], results: ItemResults) -> dict[Position, ExistingLead]:
    """Return the leads that are still open and not restricted. Mark the others as failed."""
    open_ones = {}
    for place, lead in leads.items():
        if reason := ItemReason.LEAD_IS_RESTRICTED if lead.restricted_at else REASON_BY_STATUS.get(lead.status):
            results.fail(place, reason)
        else:
            open_ones[place] = lead
    return open_ones


def leads_with_steps(session: Session, rule: Rule, leads: Iterable[ExistingLead]) -> set[UUID]:
    """Return the ids of the leads that already have steps of the rule, of any version and state."""
    given = {"leads": [lead.id for lead in leads], "rule": str(rule.id)}
    return set(session.scalars(_HAVE_STEPS, given))


def decide_late_starts(
    session: Session, work: Work, leads: Mapping[Position, ExistingLead], *, at: datetime
) -> dict[Position, LateStart]:
    """Return the rule's decision about each lead. Leads without a matching past event are left out."""
    more = (
        load_facts(session, [lead.id for lead in leads.values()], work.rule.required_facts)
        if work.rule.required_facts
        else {}
    )
    found = {}
    for place, lead in leads.items():
        known = [
            past._replace(event=past.event.with_facts(more.get(lead.id, {})))
            for past in past_events(lead, work.events, at)
        ]
        if start := decide_late_start(work.rule, known, work.clinic.calendar):
            found[place] = start
    return found


def _plan(session: Session, work: Work, starts: Collection[LateStart], *, at: datetime) -> None:
    """Insert the steps, and the events with the decisions about them."""
    waiting = [start for start in starts if start.needs_turn]
    turns = dict(zip(map(id, waiting), _take_turns(session, work, len(waiting), at=at), strict=True))
    steps, events = [], []
    calls = open_calls(session, work.rule, [start.past_event.event.lead_id for start in starts])
    for start in starts:
        planned = plan_late_start(start, work, turns.get(id(start), at), calls)
        event = start.past_event.event
        of_job = {BACKFILL: {"job_id": str(work.job_id)}}
        decisions = planned.decisions if planned else [start.decision]
        events.append(event_row(work.clinic.id, replace(event, facts={**event.facts, **of_job}), decisions))
        for step in planned.steps if planned else ():
            cause = {**step.cause, OF_MANY: True, "job_id": str(work.job_id)}
            named = replace(step, cause=cause, begun_by=BegunBy.BACKFILL)
            steps.append(planned_row(work.clinic.id, event.lead_id, named))
    add_steps(session, steps, event_rows=events)


def plan_late_start(start: LateStart, work: Work, turn: datetime, calls: Mapping[UUID, datetime]) -> Plan | None:
    """Return the plan of a late start; None if the rule does not match.

    `calls`: when the first call of each lead is due, from which its steps that wait for a contact count.
    """
    calendar = work.clinic.calendar
    planned = plan_at_turn(start, work.rule, turn, calendar) if start.needs_turn else start.planned
    call_at = calls.get(start.past_event.event.lead_id)
    if planned is None or call_at is None:
        return planned
    zone = start.past_event.event.facts["lead"].get("timezone")
    steps = (counted_from_call(step, work.rule, call_at, calendar, zone=zone) for step in planned.steps)
    return replace(planned, steps=tuple(steps))


def _take_turns(session: Session, work: Work, leads: int, *, at: datetime) -> list[datetime]:
    """Take this many turns, and return their times. The job's row is locked until the commit."""
    if not leads:
        return []
    apart = HOUR / work.per_hour
    first = session.scalars(_TURNS, {"job": work.job_id, "now": at, "length": leads * apart}).one()
    return [first + place * apart for place in range(leads)]


def _reason(lead: ExistingLead, have: set[UUID], start: LateStart | None) -> ItemReason | None:
    if lead.id in have:
        return ItemReason.HAS_STEPS
    return None if start is not None and start.is_matched else ItemReason.UNMATCHED


KIND: Final = JobKind(MAKES, work_on, _cancel_planned)
