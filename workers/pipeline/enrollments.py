"""Apply the enrollments and exits that the steps of a batch ask for, in a few statements."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from app.automation.handlers.support.changes import Enroll, Unenroll
from app.automation.handlers.support.context import StepContext
from app.automation.sequences.enrollments.enroll import enroll
from app.automation.sequences.enrollments.exit import exit_sequence
from app.engine.outcomes import BaseOutcome
from workers.pipeline.lead_changes import changes_of

Wanted = TypeVar("Wanted", Enroll, Unenroll)
Group: TypeAlias = Sequence[tuple[StepContext, Wanted]]


def apply_enrollments(session: Session, decided: Sequence[tuple[StepContext, BaseOutcome]]) -> None:
    """Apply exits first, because a lead may leave one sequence and enter the next."""
    for exits in _grouped(changes_of(decided, Unenroll)):
        _take_out(session, exits)
    for entries in _grouped(changes_of(decided, Enroll)):
        for turn in _turns(entries):
            _put_in(session, turn)


def _grouped(wanted: Iterable[tuple[StepContext, Wanted]]) -> Iterable[Group[Wanted]]:
    """Group changes by clinic, sequence and reason."""
    groups: dict[object, list[tuple[StepContext, Wanted]]] = defaultdict(list)
    for context, change in wanted:
        groups[context.clinic.id, change.sequence, getattr(change, "reason", None)].append((context, change))
    return groups.values()


def _turns(entries: Group[Enroll]) -> Iterable[Group[Enroll]]:
    """Divide entries into groups in which each lead is once: it may enter for several invoices, one after the other."""
    turns: list[list[tuple[StepContext, Enroll]]] = []
    number: Counter[UUID] = Counter()
    for entry in entries:
        lead_id = entry[0].lead.id
        if number[lead_id] == len(turns):
            turns.append([])
        turns[number[lead_id]].append(entry)
        number[lead_id] += 1
    return turns


def _take_out(session: Session, exits: Group[Unenroll]) -> None:
    context, first = exits[0]
    leads = [(context.lead.id, change.keys) for context, change in exits]
    left = exit_sequence(session, context.clinic, first.sequence, leads, reason=first.reason, at=context.now)
    for context, change in exits:
        change.made["result"] = "left" if context.lead.id in left else "not_in"


def _put_in(session: Session, entries: Group[Enroll]) -> None:
    context, first = entries[0]
    causes = {context.lead.id: context.step.cause for context, _ in entries}
    keys = {context.lead.id: change.key for context, change in entries if change.key}
    came = enroll(session, context.clinic, first.sequence, causes, at=context.now, keys=keys)
    for context, change in entries:
        change.made["result"] = came[context.lead.id]
