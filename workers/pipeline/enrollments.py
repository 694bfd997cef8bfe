"""Into sequences, and out of them: what steps of rules want, for a whole batch in a few statements."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.enroll import enroll
from app.automation.sequences.enrollments.exit import leave
from app.engine.sequences.sequence import ExitReason
from workers.pipeline.context import StepContext


@dataclass(frozen=True, slots=True)
class Entry:
    """A lead that is to be enrolled. What comes of it is written into `made`, before the step's end is recorded."""

    context: StepContext
    made: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Departure:
    """A lead that is to leave a sequence; `made` as above."""

    context: StepContext
    made: dict[str, Any]


def carry_out_enrolments(session: Session, wanted: Sequence[Entry | Departure]) -> None:
    """Those who leave first: one sequence may end where the next begins."""
    for departures in _together(wanted, Departure):
        _let_go(session, departures)
    for entries in _together(wanted, Entry):
        _let_in(session, entries)


def _together(wanted: Sequence[Any], which: type[Any]) -> Iterable[Sequence[Any]]:
    """By clinic, sequence and reason."""
    together: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for one in wanted:
        if isinstance(one, which):
            together[one.context.clinic.id, one.made["sequence"], one.context.params.get("reason")].append(one)
    return together.values()


def _let_go(session: Session, departures: Sequence[Departure]) -> None:
    first = departures[0]
    clinic, slug = first.context.clinic, first.made["sequence"]
    reason = ExitReason(first.context.params.get("reason", ExitReason.UNENROLLED))
    leads = [one.context.lead.id for one in departures]
    left = leave(session, clinic, slug, leads, reason=reason, at=first.context.now)
    for one in departures:
        one.made["result"] = "left" if one.context.lead.id in left else "not_in"


def _let_in(session: Session, entries: Sequence[Entry]) -> None:
    first = entries[0]
    causes = {one.context.lead.id: one.context.step.cause for one in entries}
    came = enroll(session, first.context.clinic, first.made["sequence"], causes, at=first.context.now)
    for one in entries:
        one.made["result"] = came[one.context.lead.id]
