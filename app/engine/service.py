"""Engine service: record events, plan steps and list steps.

`record` is the entry point for all domains. It cancels the steps that an event stops and plans the steps of matching
rules.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import insert_many, new_id
from app.core.live_events.changes import note, note_leads
from app.core.live_events.entries import About, LiveKind
from app.core.ports import Listeners
from app.core.telemetry.logs import request_id
from app.core.telemetry.traces import trace_of_request
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict
from app.engine.active_rules import load_active_rules
from app.engine.events.chains import with_current_chain
from app.engine.events.events import Event
from app.engine.models import EventRecord, Reason, Step, StepState
from app.engine.plan.plan import Plan, PlannedStep, plan
from app.engine.rules.event_log import event_row
from app.engine.rules.lead_facts import fetch_lead_facts
from app.engine.rules.rules import RuleSet
from app.engine.steps.cancel import cancel_stopped_steps
from app.engine.steps.publish import MAX_PUBLISHED_AT_ONCE, WakeUp, after_commit, horizon
from app.identity.clinic_context import ClinicContext

_NO_RULES: Final = RuleSet()
_ONLY_NEW = "ON CONFLICT DO NOTHING"  # ignore a step that is already planned

# Called in the same transaction: after steps are cancelled, before rules plan new steps.
events_recorded: Listeners[[Session, ClinicContext, Sequence[Event]]] = Listeners("events_recorded")
# Called in the same transaction: after the events were added to the event log, with their ids there.
events_logged: Listeners[[Session, ClinicContext, Sequence[Event]]] = Listeners("events_logged")


def record(session: Session, clinic: ClinicContext, *events: Event, of_many: bool = False) -> None:
    """Record events in the caller's transaction: cancel the steps they stop and plan the steps of matching rules.

    Rules plan nothing for a lead whose rules wait, unless one of its events ends that. `of_many`: the events have one
    cause, such as an import or a sweep; tasks that they lead to are spread over the opening hours.

    The caller must lock the lead's row if an event may stop steps. Recording the same event (name, subject and key)
    twice plans its steps once.
    """
    if not events:
        return
    cancel_stopped_steps(session, events)
    events_recorded(session, clinic, events)
    plans = plan_events(session, clinic, events, of_many=of_many)
    steps = [planned_row(clinic.id, event.lead_id, step) for event, found in plans for step in found.steps]
    _note_live(session, clinic.id, events)
    add_steps(session, steps, event_rows=[event_row(clinic.id, event, found.decisions) for event, found in plans])
    events_logged(session, clinic, [event for event, _ in plans])


def plan_events(
    session: Session, clinic: ClinicContext, events: Sequence[Event], *, of_many: bool = False
) -> list[tuple[Event, Plan]]:
    """Return what the clinic's rules plan for each event, as `record` does. Writes nothing."""
    rules = load_active_rules(session, clinic)
    known = _with_what_is_asked(session, rules, [with_current_chain(session, event) for event in _in_order(events)])
    known = [replace(event, of_many=True) for event in known] if of_many else known
    waiting = {event.lead_id for event in known if event.rules_wait} - occasions_of(known)
    return [(event, plan(_NO_RULES if event.lead_id in waiting else rules, event, clinic.calendar)) for event in known]


def occasions_of(events: Iterable[Event]) -> set[UUID]:
    """Return the leads to which something happened, so that their rules wait no longer."""
    return {event.lead_id for event in events if event.is_occasion}


def _note_live(session: Session, clinic_id: UUID, events: Sequence[Event]) -> None:
    """Note the events for live updates. An event of a task or a message also changes its lead."""
    note_leads(session, clinic_id, LiveKind.LEAD_CHANGED, (event.lead_id for event in events))
    for event in events:
        if event.is_about_a_task:
            note(session, clinic_id, LiveKind.TASK_CHANGED, [(event.subject_id, About(event.lead_id))])


def _in_order(events: Sequence[Event]) -> list[Event]:
    """Give the events ids in recording order. An event may be built before an event that is recorded earlier."""
    ids = sorted(event.id for event in events)
    return [replace(event, id=own) for event, own in zip(events, ids, strict=True)] if len(ids) > 1 else [*events]


def _with_what_is_asked(session: Session, rules: RuleSet, events: Sequence[Event]) -> Sequence[Event]:
    """Add the lead facts that rules need and that events do not carry. Runs at most one query."""
    asking = [event for event in events if rules.required_facts_of(event.name)]
    if not asking:
        return events
    names = frozenset().union(*(rules.required_facts_of(event.name) for event in asking))
    known = fetch_lead_facts(session, {event.lead_id for event in asking}, names)
    return [event.with_facts(known.get(event.lead_id, {})) for event in events]


def step_row(clinic_id: UUID, lead_id: UUID | None, *, due_at: datetime, **given: Any) -> ColumnDict:
    """Return the row of a planned step with every column, so that all kinds can be inserted with one statement.

    `begun_by` (a BegunBy) is required: `/why` shows how each step began.
    """
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": lead_id,
        "kind": given["kind"],
        "name": given["name"],
        "cause": given["cause"] | {"begun_by": given["begun_by"]} | _request(),
        "params": given["params"],
        "guard": given.get("guard"),
        "stop_on": list(given.get("stop_on", ())),
        "lateness": given.get("lateness"),
        "due_at": due_at,
        "moves": given.get("moves"),
        "state": StepState.PLANNED,
        "attempts": 0,
        "published_at": None,
        "dedupe_key": given.get("dedupe_key"),
        "created_at": clock.now(),
    }


def planned_row(clinic_id: UUID, lead_id: UUID | None, step: PlannedStep) -> ColumnDict:
    """Return the row of a step that a rule planned."""
    return step_row(clinic_id, lead_id, **step.columns)


def add_steps(session: Session, rows: list[ColumnDict], *, event_rows: Sequence[ColumnValues] = ()) -> None:
    """Insert steps and publish those due within the horizon after the commit.

    At most `MAX_PUBLISHED_AT_ONCE` steps are published; the sweep publishes the rest. `event_rows` are rows of the
    event log. They are inserted with the same statement.
    """
    now = clock.now()
    soon = horizon(now)
    for row in sorted(rows, key=lambda row: row["due_at"])[:MAX_PUBLISHED_AT_ONCE]:
        if row["due_at"] <= soon:
            row["state"], row["published_at"] = StepState.PUBLISHED, now
    wake_ups = [
        WakeUp(row["id"], row["kind"], row["name"], row["due_at"], row["clinic_id"])
        for row in rows
        if row["state"] is StepState.PUBLISHED
    ]
    tail = _ONLY_NEW + (" RETURNING id" if wake_ups else "")
    inserted = insert_many(session, Step, rows, tail=tail, besides=(EventRecord, event_rows))
    fresh = {row.id for row in inserted}
    after_commit(session, [wake_up for wake_up in wake_ups if wake_up.id in fresh])


def skip_failed_steps(
    session: Session,
    clinic_id: UUID,
    kinds: Collection[str],
    *,
    param: str,
    ids: Collection[UUID],
    reason: Reason = Reason.BY_HAND,
) -> None:
    """Skip the failed and unknown steps of these kinds with a parameter `param` in `ids`."""
    found = {"clinic": clinic_id, "kinds": list(kinds), "param": param, "ids": [str(id) for id in ids]}  # noqa: A001
    session.execute(_SET_ASIDE, {**found, "reason": reason})


_SET_ASIDE = text(
    "UPDATE steps SET state = 'skipped', reason = :reason WHERE clinic_id = :clinic"
    " AND state IN ('failed', 'unknown') AND kind = ANY(:kinds) AND params ->> :param = ANY(:ids)"
)


def steps_of(
    session: Session,
    clinic_id: UUID,
    lead_id: UUID,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> Sequence[object]:
    """Return a lead's steps, past and pending, ordered by due time (rows of `steps`).

    `after` is the due time and id of the last row of the previous page.
    """
    return session.execute(_STEPS_OF, {"clinic": clinic_id, "lead": lead_id, "limit": limit, **_cursor(after)}).all()


_STEPS_OF = text(
    "SELECT * FROM steps WHERE lead_id = :lead AND clinic_id = :clinic"
    " AND (CAST(:due AS timestamptz) IS NULL OR (due_at, id) > (:due, CAST(:id AS uuid)))"
    " ORDER BY due_at, id LIMIT :limit"
)


def _cursor(after: tuple[datetime, UUID] | None) -> JsonDict:
    return {"due": after and after[0], "id": after and after[1]}


def _request() -> JsonDict:
    """Return the part of a step's cause that names the current request. Steps planned by the step inherit it."""
    current = request_id()
    return {"request_id": current, **trace_of_request()} if current else {}
