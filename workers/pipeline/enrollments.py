"""Apply the enrollments and exits that the steps of a batch ask for, in a few statements."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

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
        _put_in(session, entries)


def _grouped(wanted: Iterable[tuple[StepContext, Wanted]]) -> Iterable[Group[Wanted]]:
    """Group changes by clinic, sequence and reason."""
    groups: dict[object, list[tuple[StepContext, Wanted]]] = defaultdict(list)
    for context, change in wanted:
        groups[context.clinic.id, change.sequence, getattr(change, "reason", None)].append((context, change))
    return groups.values()


def _take_out(session: Session, exits: Group[Unenroll]) -> None:
    context, first = exits[0]
    leads = [context.lead.id for context, _ in exits]
    left = exit_sequence(session, context.clinic, first.sequence, leads, reason=first.reason, at=context.now)
    for context, change in exits:
        change.made["result"] = "left" if context.lead.id in left else "not_in"


def _put_in(session: Session, entries: Group[Enroll]) -> None:
    context, first = entries[0]
    causes = {context.lead.id: context.step.cause for context, _ in entries}
    came = enroll(session, context.clinic, first.sequence, causes, at=context.now)
    for context, change in entries:
        change.made["result"] = came[context.lead.id]
