"""Days of the steps of a sequence, if every task is completed when it is due. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from app.core.calendar.durations import Wait, parse_duration
from app.engine.sequences.sequence import Sequence, SequenceStep

_A_MONTH = timedelta(days=30)


def days_of(sequence: Sequence) -> Mapping[str, int]:
    """Return the day of each step by its name. The first day is 0; of several paths to a step the shortest counts."""
    since = {sequence.first.name: _waited(sequence.first)}
    for step in sequence.steps:  # a step names later ones only
        for way in step.ways or (None,):
            following = sequence.after(step.name, way)
            if following and step.name in since:
                then = since[step.name] + _held(step) + _waited(following)
                since[following.name] = min(then, since.get(following.name, then))
    return {name: waited.days for name, waited in since.items()}


def _waited(step: SequenceStep) -> timedelta:
    wait: Wait = step.timing.wait
    return wait.time + wait.months * _A_MONTH


def _held(step: SequenceStep) -> timedelta:
    due = step.settings.get("due", {}).get("after") if step.waits_for_task else None
    return parse_duration(due) if due else timedelta()
