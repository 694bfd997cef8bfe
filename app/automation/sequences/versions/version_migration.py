"""Carrying enrollments over to another version: any number of them in the same few statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.exit import end
from app.automation.sequences.enrollments.labels import put_on, take_off
from app.automation.sequences.enrollments.transitions import texts
from app.automation.sequences.models import IS_LIVE, Enrollment
from app.automation.sequences.versions.version_mapping import UNDER_WAY, Landing, Lands, land
from app.core.db import update_many
from app.engine.models import Reason
from app.engine.sequences.progression import EnrollmentContext, plan_step
from app.engine.sequences.sequence import ExitReason
from app.engine.sequences.sequence import Sequence as SequenceText
from app.engine.service import add_steps, planned_row
from app.identity.clinic_context import ClinicContext

_LOCK: Final = text(
    "SELECT e.*, l.timezone, l.tags FROM enrollments e JOIN leads l ON l.id = e.lead_id"  # noqa: S608  (of the models)
    f" WHERE e.lead_id = ANY(:leads) AND e.sequence_id = :sequence AND e.{IS_LIVE} AND e.sequence_version <> :to"
    " ORDER BY e.id FOR NO KEY UPDATE OF e"
)
_CALL_OFF: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = ANY(:ids) AND state IN ('planned', 'published') RETURNING id, due_at"
)
_PENDING: Final = text("SELECT id FROM steps WHERE id = ANY(:ids) AND state IN ('planned', 'published') FOR UPDATE")
_CARRIED: Final = ("sequence_version", "step", "step_id", "exit_on", "goal", "label", "colleague_key", "changed_at")


@dataclass(frozen=True, slots=True)
class Carrying:
    """What is the same for all that are carried over; `steps` as `land` takes them."""

    clinic: ClinicContext
    new: SequenceText
    steps: Mapping[str, str]
    at: datetime


class _Carried(NamedTuple):
    """One enrollment (its row, locked), the text that it went through, and what becomes of it."""

    row: Row[Any]
    old: SequenceText
    lands: Lands

    def label(self, new: SequenceText) -> str | None:
        """The new text's, unless the lead has that tag from elsewhere."""
        if self.old.label == new.label:
            return self.row.label  # type: ignore[no-any-return]
        return None if new.label in self.row.tags else new.label


def carry_over(session: Session, work: Carrying, lead_ids: Collection[UUID]) -> dict[UUID, Lands]:
    """Carry these leads, which are locked, over to the new version; what became of each that is in another.

    The step that is planned is planned anew, from the new text, for the same time.
    """
    given = {"leads": list(lead_ids), "sequence": work.new.id, "to": work.new.version}
    found = _landed(session, work, session.execute(_LOCK, given).all())
    leaving = [one.row.id for one in found if one.lands.how is Landing.EXIT]
    end(session, leaving, reason=ExitReason.BY_HAND, at=work.at)
    _carry(session, work, [one for one in found if one.lands.to])
    return {one.row.lead_id: one.lands for one in found}


def _landed(session: Session, work: Carrying, rows: Sequence[Row[Any]]) -> list[_Carried]:
    """One whose step is being done, or failed, stays where it is."""
    known = texts(session, rows)
    planned = [row.step_id for row in rows if row.step_id]
    pending = set(session.scalars(_PENDING, {"ids": planned})) if planned else set()
    found = []
    for row in rows:
        old, waits = known[row.sequence_id, row.sequence_version], row.waits_for_task_id is not None
        is_under_way = row.step_id is not None and row.step_id not in pending
        lands = UNDER_WAY if is_under_way else land(old, work.new, row.step, waits=waits, steps=work.steps)
        found.append(_Carried(row, old, lands))
    return found


def _carry(session: Session, work: Carrying, carried: Sequence[_Carried]) -> None:
    due = _call_off(session, [one.row.step_id for one in carried if one.row.step_id], at=work.at)
    steps = {one.row.id: _step(work, one, due[one.row.step_id]) for one in carried if one.row.step_id}
    if steps:
        add_steps(session, list(steps.values()))
    # Whether it is the only one of its kind was decided when the lead was enrolled: here it can only cease to be.
    alone = f"is_exclusive = t.is_exclusive AND {str(work.new.is_exclusive).lower()}"
    rows = [_row(work, one, steps.get(one.row.id)) for one in carried]
    update_many(session, Enrollment, rows, _CARRIED, also=alone)
    relabelled = {one.row.lead_id: row["label"] for one, row in zip(carried, rows, strict=True)}
    take_off(session, [one.row for one in carried if one.row.label != relabelled[one.row.lead_id]])
    put_on(session, {lead_id: label for lead_id, label in relabelled.items() if label})


def _call_off(session: Session, step_ids: Sequence[UUID], *, at: datetime) -> dict[UUID, datetime]:
    """Cancel these, which are planned; returns when each was due."""
    if not step_ids:
        return {}
    called_off = session.execute(_CALL_OFF, {"ids": step_ids, "reason": Reason.NEW_VERSION, "now": at})
    return {row.id: row.due_at for row in called_off}


def _step(work: Carrying, one: _Carried, due_at: datetime) -> dict[str, Any]:
    row, step = one.row, work.new.step(one.lands.to or "")
    passage, calendar = EnrollmentContext(row.id, row.timezone, row.cause), work.clinic.calendar
    planned = plan_step(work.new, step, passage, at=due_at, calendar=calendar, left=timedelta())
    return planned_row(row.clinic_id, row.lead_id, replace(planned, due_at=due_at))


def _row(work: Carrying, one: _Carried, step: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": one.row.id,
        "sequence_version": work.new.version,
        "step": one.lands.to,
        "step_id": step and step["id"],
        "exit_on": work.new.exit_on,
        "goal": work.new.goal,
        "label": one.label(work.new),
        "colleague_key": work.new.colleague_key,
        "changed_at": work.at,
    }
