"""Outlook: the numbers of tasks and messages that rules would plan, for a preview."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.models import Kind
from app.engine.plan.plan import Plan, PlannedStep
from app.engine.rules.models import RuleRow
from app.engine.sequences.sequence import Sequence as SequenceText

Outlook: TypeAlias = dict[str, dict[str, int]]  # numbers by rule and by the names below

TASKS, MESSAGES, ENROLLMENTS = "tasks", "messages", "enrollments"
_COUNTED: Final[Mapping[str, str]] = {
    Kind.CREATE_TASK: TASKS,
    Kind.ESCALATE: TASKS,
    Kind.SEND_MESSAGE: MESSAGES,
    Kind.ENROLL: ENROLLMENTS,
}


def outlook_of(plans: Iterable[Plan], sequences: Mapping[str, SequenceText]) -> Outlook:
    """Return the numbers of steps by rule. An enrollment counts the tasks and messages of its sequence, too.

    Steps that wait count as well, although an event may stop them.
    """
    counts: dict[str, Counter[str]] = {}
    for planned in plans:
        for step in planned.steps:
            counts.setdefault(step.name, Counter()).update(_of_step(step, sequences))
    return {rule: dict(numbers) for rule, numbers in counts.items()}


def _of_step(step: PlannedStep, sequences: Mapping[str, SequenceText]) -> Sequence[str]:
    counted = [_COUNTED[step.kind]] if step.kind in _COUNTED else []
    sequence = sequences.get(step.params["sequence"]) if step.kind == Kind.ENROLL else None
    return [*counted, *(_COUNTED[one.kind] for one in (sequence.steps if sequence else ()) if one.kind in _COUNTED)]


def follow_ups_of(session: Session, clinic_id: UUID, outlook: Outlook) -> list[JsonDict]:
    """Return the fields of FollowUpsOut for each rule."""
    of_rules = select(RuleRow.slug, RuleRow.definition).where(
        RuleRow.clinic_id == clinic_id, RuleRow.slug.in_(outlook), RuleRow.deleted_at.is_(None)
    )
    words = {row.slug: (row.definition or {}).get("description") for row in session.execute(of_rules)}
    none = {TASKS: 0, MESSAGES: 0, ENROLLMENTS: 0}
    return [{**none, **outlook[rule], "rule": rule, "description": words.get(rule)} for rule in sorted(outlook)]


def add_outlooks(one: Outlook, other: Outlook) -> Outlook:
    """Return the sum of both."""
    rules = {**one, **other}
    return {rule: dict(Counter(one.get(rule, {})) + Counter(other.get(rule, {}))) for rule in rules}
