"""Replay the script of a simulation in a real clinic.

The clock advances to each instant at which a step, a sweep or an entry is due. Workers and sweeps are real. A sweep
runs at the instants at which it finds something; tests/workers/test_sweeps.py tests that it finds nothing earlier.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.clock import now
from app.core.db import transaction
from app.errors import Conflict
from app.leads.changes import update_lead
from app.leads.pipeline.reopening import reopen
from app.leads.search.without_next_action import TO_PLAN, has_step, has_task
from app.tasks import service as tasks
from tests.support.practice import Practice, Watch, sql
from workers.sweeps.run import sweep

SWEEPS = {
    "mark_overdue_tasks": 20,
    "find_leads_without_next_action": 20,
    "detect_stale_leads": 300,
    "detect_time_in_stage": 300,
    "run_nurtures": 30,
    "score_changed_leads": 30,
    "rescore_leads": 86_400,
}
SENT = {"deliver", "deliver_to_user", "deliver_account_email"}
OPEN = ("NEW", "ACTIVE")


def replay(
    practice: Practice, watch: Watch, lead_id: UUID, script: list[Mapping[str, Any]], *, until: datetime
) -> None:
    """Run the clinic until `until`, with the script's entries at their instants."""
    acts = sorted(script, key=lambda entry: entry["at"])
    while (at := _next(lead_id, acts)) <= until:
        watch.set(at)
        while acts and acts[0]["at"] <= at:
            act(practice, lead_id, acts.pop(0))
        practice.run_all()
        if due := _due_sweeps(lead_id):
            for name in due:
                sweep(name)
            practice.run_all()


def finished_and_pending_steps(practice: Practice, lead_id: UUID) -> list[tuple[Any, ...]]:
    """Return the lead's steps except deliveries: due time, kind, name, final state and reason."""
    steps = [step for step in practice.steps(lead_id) if step.kind not in SENT]
    return sorted((step.due_at, step.kind, step.name, *_end(step)) for step in steps)


def simulated_steps(simulated: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the steps of a simulation, as `finished_and_pending_steps` does."""
    ended = [
        (entry["details"].get("due_at") if entry["what"] == "cancelled" else entry["at"], entry)
        for entry in simulated["timeline"]
        if entry["what"] in {"done", "skipped", "cancelled"}
    ]
    over = [(at, entry["kind"], entry["name"], str(entry["what"]), entry["reason"] or "") for at, entry in ended]
    return sorted(over + [(step["due_at"], step["kind"], step["name"], "pending", "") for step in simulated["pending"]])


def _end(step: Any) -> tuple[str, str]:
    return ("pending", "") if step.state in {"planned", "published"} else (step.state, step.reason or "")


def _next(lead_id: UUID, acts: list[Mapping[str, Any]]) -> datetime:
    state = _state(lead_id)
    moments = [_tick(since, SWEEPS[name]) for name, since in _awaited_sweeps(state)]
    moments += [entry["at"] for entry in acts[:1]]
    moments += [max(state.step_due_at, now())] if state.step_due_at else []
    return min(moments, default=datetime.max.replace(tzinfo=UTC))


def _due_sweeps(lead_id: UUID) -> list[str]:
    """Return the sweeps that run now and will find something. The others would find nothing."""
    at = now()
    if all(at.timestamp() % every for every in SWEEPS.values()):
        return []
    awaited = dict(_awaited_sweeps(_state(lead_id)))
    return [name for name, every in SWEEPS.items() if at.timestamp() % every == 0 and awaited.get(name, at) < at]


def _awaited_sweeps(state: Any) -> Iterator[tuple[str, datetime]]:
    """Yield each sweep that will find something, with the instant after which it does."""
    if state.task_due_at:
        yield "mark_overdue_tasks", state.task_due_at
    if state.nurture_due_at:
        yield "run_nurtures", state.nurture_due_at - timedelta(microseconds=1)
    if state.status in OPEN:
        yield from _awaited_by_lead(state)


def _awaited_by_lead(lead: Any) -> Iterator[tuple[str, datetime]]:
    if lead.has_next is bool(lead.without_next_action_since):
        yield "find_leads_without_next_action", lead.last_activity_at + TO_PLAN
    if lead.stale_since is None:
        yield "detect_stale_leads", lead.last_activity_at + timedelta(days=lead.stale_after_days)
    if lead.event_at and (lead.scored_at is None or lead.event_at >= lead.scored_at):
        yield "score_changed_leads", lead.event_at
    elif lead.scored_at:
        yield "rescore_leads", lead.scored_at
    if lead.max_days_in_stage and lead.stage_overdue_since is None:
        yield "detect_time_in_stage", lead.stage_entered_at + timedelta(days=lead.max_days_in_stage)


def _state(lead_id: UUID) -> Any:
    """Read what the lead waits for. This runs at each moment: one statement, and few columns."""
    [state] = sql(_STATE, lead=lead_id, sent=sorted(SENT))
    return state


_STATE = f"""
SELECT l.status, l.stale_since, l.last_activity_at, l.stage_overdue_since, l.stage_entered_at,
    l.without_next_action_since, s.max_days_in_stage, c.stale_after_days,
    {has_task("l")} OR {has_step("l")} AS has_next,
    (SELECT min(due_at) FROM steps
        WHERE lead_id = l.id AND state IN ('planned', 'published') AND kind <> ALL(:sent)) AS step_due_at,
    (SELECT min(due_at) FROM lead_tasks
        WHERE lead_id = l.id AND status IN ('PENDING', 'IN_PROGRESS')) AS task_due_at,
    (SELECT max(occurred_at) FROM events WHERE lead_id = l.id AND name <> 'lead.scored') AS event_at,
    (SELECT max(started_at) FROM sweep_runs WHERE name IN ('score_changed_leads', 'rescore_leads')) AS scored_at,
    (SELECT min(next_run_at) FROM nurtures WHERE clinic_id = l.clinic_id AND is_active) AS nurture_due_at
FROM leads l
JOIN clinics c ON c.id = l.clinic_id
JOIN pipeline_stages s ON s.clinic_id = l.clinic_id AND s.slug = l.pipeline_stage
WHERE l.id = :lead
"""


def _is_open(task: Any) -> bool:
    return task.status in {"PENDING", "IN_PROGRESS", "OVERDUE"}


def _tick(since: datetime, seconds: int) -> datetime:
    """Return the next multiple of `seconds` after `since` and after the current time."""
    after = max(since, now())
    return datetime.fromtimestamp((after.timestamp() // seconds + 1) * seconds, UTC)


def act(practice: Practice, lead_id: UUID, entry: Mapping[str, Any]) -> None:
    """Perform an entry of the script with the services of the API."""
    about = {path.partition(".")[2]: value for path, value in entry.get("facts", {}).items()}
    with suppress(Conflict):  # the lead is closed; the simulation reports the same
        ACTS[entry["event"]](practice, lead_id, about)


def _complete(practice: Practice, lead_id: UUID, about: Mapping[str, Any]) -> None:
    if task := _first(practice, lead_id):
        with transaction() as session:
            tasks.complete(session, practice.actor(), task.id, dict(about))


def _retime(practice: Practice, lead_id: UUID, about: Mapping[str, Any]) -> None:
    if task := _first(practice, lead_id):
        practice.retime(task.id, about["due_at"])


def _cancel(practice: Practice, lead_id: UUID, _: Mapping[str, Any]) -> None:
    if task := _first(practice, lead_id):
        practice.cancel(task.id)


def _first(practice: Practice, lead_id: UUID) -> Any:
    mine = [task for task in practice.rows("lead_tasks", lead_id=lead_id) if _is_open(task)]
    return min(mine, key=lambda task: (task.due_at, task.id), default=None)


def _update(practice: Practice, lead_id: UUID, about: Mapping[str, Any]) -> None:
    with transaction() as session:
        update_lead(session, practice.actor(), lead_id, dict(about))


def _reopen(practice: Practice, lead_id: UUID, _: Mapping[str, Any]) -> None:
    with transaction() as session:
        reopen(session, practice.actor(), lead_id, {"reason": "They called."})


Act = Callable[[Practice, UUID, Mapping[str, Any]], None]

ACTS: Mapping[str, Act] = {
    "lead.replied": lambda practice, lead_id, _: practice.hear_from(lead_id),
    "lead.contacted": lambda practice, lead_id, _: practice.speak_with(lead_id),
    "lead.attempt_failed": lambda practice, lead_id, _: practice.fail_to_reach(lead_id, times=1),
    "lead.opted_out": lambda practice, lead_id, _: practice.opt_out(lead_id),
    "lead.converted": lambda practice, lead_id, _: practice.convert(lead_id),
    "lead.lost": lambda practice, lead_id, _: practice.lose(lead_id),
    "lead.reopened": _reopen,
    "lead.updated": _update,
    "lead.stage_changed": lambda practice, lead_id, about: practice.move(lead_id, about["stage"]),
    "consultation.scheduled": lambda practice, lead_id, about: practice.log(lead_id, "CONSULTATION_SCHEDULED", **about),
    "consultation.completed": lambda practice, lead_id, _: practice.log(lead_id, "CONSULTATION_COMPLETED"),
    "quote.sent": lambda practice, lead_id, _: practice.log(lead_id, "QUOTE_SENT"),
    "task.completed": _complete,
    "task.retimed": _retime,
    "task.cancelled": _cancel,
}
