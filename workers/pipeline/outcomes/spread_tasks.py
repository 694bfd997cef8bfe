"""Spread the tasks that rules create for many leads at once over the opening hours (`tasks/workload/spreading.py`)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.follow_up_events import task_created
from app.engine.events.events import OF_MANY
from app.engine.outcomes import Done, ExternalCall, Outcome, Row
from app.tasks.workload.spreading import WishedTask, spread
from workers.pipeline.outcomes.follow_calls import Decided, follow_calls


def spread_tasks(session: Session, decided: Sequence[Decided]) -> list[Decided]:
    """Return the outcomes with the due times that the assignees have free. Other steps stay as they are.

    Pending steps that wait for a contact follow their call.
    """
    spread_out = list(decided)
    moved: set[int] = set()
    for places in _by_clinic(decided).values():
        clinic = decided[places[0]][0].clinic
        tasks = [_task(decided[place][1]) for place in places]
        wished = [WishedTask(task["assigned_to_id"], task["due_at"]) for task in tasks]
        for place, due_at in zip(places, spread(session, clinic, wished), strict=True):
            spread_out[place] = _moved(decided[place], due_at)
            if spread_out[place] is not decided[place]:
                moved.add(place)
    follow_calls(session, spread_out, moved)
    return spread_out


def _by_clinic(decided: Sequence[Decided]) -> dict[UUID, list[int]]:
    """Return the places of the steps to spread, in the order in which all workers lock the clinics."""
    places: dict[UUID, list[int]] = defaultdict(list)
    for place, (context, end) in enumerate(decided):
        if context.step.cause.get(OF_MANY) and isinstance(end, Done) and end.effects.tasks:
            places[context.clinic.id].append(place)
    return {clinic_id: places[clinic_id] for clinic_id in sorted(places)}


def _task(end: Outcome | ExternalCall) -> Row:
    [task] = end.effects.tasks
    return task


def _moved(decided: Decided, due_at: datetime) -> Decided:
    context, end = decided
    task = _task(end)
    if due_at == task["due_at"] or not isinstance(end, Done):
        return decided
    moved = {**task, "due_at": due_at}
    effects = replace(end.effects, tasks=(moved,), events=task_created(context, moved))
    return context, replace(end, made={**end.made, "due_before_spreading": task["due_at"].isoformat()}, effects=effects)
