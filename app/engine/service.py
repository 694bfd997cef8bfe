"""What the other domains ask of the engine: record a fact, stop what it ends, plan a step, retry one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import insert_many, new_id
from app.core.ports import Listeners
from app.engine.events.chains import linked
from app.engine.events.event_log import kept
from app.engine.events.events import Event
from app.engine.models import KeptEvent, Reason, Step, StepState
from app.engine.plan.plan import PlannedStep, plan
from app.engine.rules.lead_facts import look_up
from app.engine.rules.rules import RuleSet
from app.engine.rules.ruleset import rules_of
from app.engine.steps.cancel import stop
from app.engine.steps.publish import WakeUp, after_commit
from app.identity.clinic_context import ClinicContext

MOST_PUBLISHED = 1000  # steps of one transaction that are published right away; the sweep has the rest
_ONLY_NEW = "ON CONFLICT DO NOTHING"  # the same step planned again

# Called in the same transaction, after the events cancelled what they stop and before rules plan anything.
events_recorded: Listeners[[Session, ClinicContext, Sequence[Event]]] = Listeners("events_recorded")


def record(session: Session, clinic: ClinicContext, *events: Event) -> None:
    """Take note of what happened, in the caller's transaction: stop what it ends, plan what the rules want.

    The lead's row must be locked by the caller when an event may stop something. The same event (name, subject
    and key) recorded twice plans once.
    """
    if not events:
        return
    stop(session, events)
    events_recorded(session, clinic, events)
    rules = rules_of(session, clinic)
    known = _with_what_is_asked(session, rules, [linked(session, event) for event in _in_order(events)])
    plans = [(event, plan(rules, event, clinic.calendar)) for event in known]
    steps = [planned_row(clinic.id, event.lead_id, step) for event, found in plans for step in found.steps]
    add_steps(session, steps, noting=[kept(clinic.id, event, found.decisions) for event, found in plans])


def _in_order(events: Sequence[Event]) -> list[Event]:
    """With ids in the order in which they are said: the facts of one may have waited for another's conclusions."""
    ids = sorted(event.id for event in events)
    return [replace(event, id=own) for event, own in zip(events, ids, strict=True)] if len(ids) > 1 else [*events]


def _with_what_is_asked(session: Session, rules: RuleSet, events: Sequence[Event]) -> Sequence[Event]:
    """The events, with the facts of their leads that rules ask for and that they do not carry: one query at most."""
    asking = [event for event in events if rules.asked_of(event.name)]
    if not asking:
        return events
    names = frozenset().union(*(rules.asked_of(event.name) for event in asking))
    known = look_up(session, {event.lead_id for event in asking}, names)
    return [event.knowing(known.get(event.lead_id, {})) for event in events]


def plan_step(  # noqa: PLR0913  (a step has this many sides, each named by the caller)
    session: Session,
    clinic_id: UUID,
    *,
    kind: str,
    name: str,
    params: Mapping[str, Any],
    cause: Mapping[str, Any],
    due_at: datetime,
    lead_id: UUID | None = None,
    stop_on: Sequence[str] = (),
    dedupe_key: str | None = None,
) -> None:
    """Plan one step that no rule asked for: a delivery, a chunk of a job."""
    add_steps(
        session,
        [
            step_row(
                clinic_id,
                lead_id,
                kind=kind,
                name=name,
                params=dict(params),
                cause=dict(cause),
                due_at=due_at,
                stop_on=list(stop_on),
                dedupe_key=dedupe_key,
            )
        ],
    )


def step_row(clinic_id: UUID, lead_id: UUID | None, *, due_at: datetime, **given: Any) -> dict[str, Any]:
    """The row of a planned step, every column named, so that rows of all kinds go in together."""
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "lead_id": lead_id,
        "kind": given["kind"],
        "name": given["name"],
        "cause": given["cause"] | _request(),
        "params": given["params"],
        "guard": given.get("guard"),
        "stop_on": list(given.get("stop_on", ())),
        "lateness": given.get("lateness"),
        "due_at": due_at,
        "state": StepState.PLANNED,
        "attempts": 0,
        "published_at": None,
        "dedupe_key": given.get("dedupe_key"),
        "created_at": clock.now(),
    }


def planned_row(clinic_id: UUID, lead_id: UUID, step: PlannedStep) -> dict[str, Any]:
    """The row of a step that a rule wants."""
    return step_row(
        clinic_id,
        lead_id,
        kind=step.kind,
        name=step.name,
        params=step.params,
        cause=step.cause,
        guard=step.guard,
        stop_on=step.stop_on,
        lateness=step.lateness,
        due_at=step.due_at,
        dedupe_key=step.key,
    )


def add_steps(session: Session, rows: list[dict[str, Any]], *, noting: Sequence[Mapping[str, Any]] = ()) -> None:
    """Insert steps; those due inside the horizon go to the broker after the commit, as far as the bound allows.

    `noting` are the rows of the events that led to them: they go along in the same statement.
    """
    now = clock.now()
    soon = horizon(now)
    for row in sorted(rows, key=lambda row: row["due_at"])[:MOST_PUBLISHED]:
        if row["due_at"] <= soon:
            row["state"], row["published_at"] = StepState.PUBLISHED, now
    wake_ups = [
        WakeUp(row["id"], row["kind"], row["name"], row["due_at"])
        for row in rows
        if row["state"] is StepState.PUBLISHED
    ]
    tail = _ONLY_NEW + (" RETURNING id" if wake_ups else "")
    inserted = insert_many(session, Step, rows, tail=tail, besides=(KeptEvent, noting))
    fresh = {row.id for row in inserted}
    after_commit(session, [wake_up for wake_up in wake_ups if wake_up.id in fresh])


def set_aside(session: Session, clinic_id: UUID, kind: str, *, param: str, ids: Collection[UUID]) -> None:
    """Skip the clinic's steps in trouble of a kind that name one of these ids in a param: a person decided."""
    found = {"clinic": clinic_id, "kind": kind, "param": param, "ids": [str(id) for id in ids]}  # noqa: A001
    session.execute(_SET_ASIDE, {**found, "reason": Reason.BY_HAND})


_SET_ASIDE = text(
    "UPDATE steps SET state = 'skipped', reason = :reason WHERE clinic_id = :clinic"
    " AND state IN ('failed', 'unknown') AND kind = :kind AND params ->> :param = ANY(:ids)"
)


def horizon(now: datetime) -> datetime:
    """Up to when a due time lies inside the horizon: such a step is published at once."""
    return now + timedelta(seconds=get_settings().horizon_seconds)


def steps_of(
    session: Session,
    clinic_id: UUID,
    lead_id: UUID,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """A lead's steps, past and pending, in the order they are due (rows of `steps`)."""
    return session.execute(_STEPS_OF, {"clinic": clinic_id, "lead": lead_id, "limit": limit, **_cursor(after)}).all()


_STEPS_OF = text(
    "SELECT * FROM steps WHERE lead_id = :lead AND clinic_id = :clinic"
    " AND (CAST(:due AS timestamptz) IS NULL OR (due_at, id) > (:due, CAST(:id AS uuid)))"
    " ORDER BY due_at, id LIMIT :limit"
)


def _cursor(after: tuple[datetime, UUID] | None) -> dict[str, Any]:
    return {"due": after and after[0], "id": after and after[1]}


def _request() -> dict[str, Any]:
    """The request that caused it, so that a worker's log lines can be found by it, even after a restart."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {"request_id": request_id} if request_id else {}


def wake_ups_of(rows: Iterable[Any]) -> list[WakeUp]:
    """The wake-ups of published rows."""
    return [WakeUp(row.id, row.kind, row.name, row.due_at) for row in rows]
