"""Version migration: move enrollments to another version, with a constant number of statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.automation.sequences.enrollments.exit import end_enrollments
from app.automation.sequences.enrollments.labels import add_labels, remove_labels
from app.automation.sequences.enrollments.transitions import sequence_texts
from app.automation.sequences.models import IS_LIVE, Enrollment
from app.automation.sequences.versions.version_mapping import UNDER_WAY, MoveKind, StepMapping, map_step
from app.core.db import AnyRow, update_many
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.engine.models import Reason
from app.engine.rules.rules import IMMEDIATELY
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
_CANCEL_STEPS: Final = text(
    "UPDATE steps SET state = 'cancelled', reason = :reason, finished_at = :now"
    " WHERE id = ANY(:ids) AND state IN ('planned', 'published') RETURNING id, due_at"
)
_PENDING: Final = text("SELECT id FROM steps WHERE id = ANY(:ids) AND state IN ('planned', 'published') FOR UPDATE")
_MIGRATED: Final = ("sequence_version", "step", "step_id", "exit_on", "goal", "label", "colleague_key", "changed_at")


@dataclass(frozen=True, slots=True)
class Migration:
    """Values shared by all enrollments that are migrated; `steps` as in `map_step`."""

    clinic: ClinicContext
    new: SequenceText
    steps: Mapping[str, str]
    at: datetime


class _Migrated(NamedTuple):
    """An enrollment (its locked row), its old version, and its mapping to the new one."""

    row: AnyRow
    old: SequenceText
    lands: StepMapping

    def label(self, new: SequenceText) -> str | None:
        """Return the new version's label; None if the lead has that tag from another source."""
        if self.old.label == new.label:
            return self.row.label  # type: ignore[no-any-return]
        return None if new.label in self.row.tags else new.label


def migrate_enrollments(session: Session, work: Migration, lead_ids: Collection[UUID]) -> dict[UUID, StepMapping]:
    """Migrate the enrollments of these leads to the new version. The leads are locked.

    Return the mapping by lead id of each enrollment that was in another version. A planned step is planned again from
    the new version, for the same time.
    """
    given = {"leads": list(lead_ids), "sequence": work.new.id, "to": work.new.version}
    found = _map_steps(session, work, session.execute(_LOCK, given).all())
    exiting = [one.row.id for one in found if one.lands.how is MoveKind.EXIT]
    end_enrollments(session, exiting, reason=ExitReason.BY_HAND, at=work.at)
    _migrate(session, work, [one for one in found if one.lands.to])
    return {one.row.lead_id: one.lands for one in found}


def _map_steps(session: Session, work: Migration, rows: Sequence[AnyRow]) -> list[_Migrated]:
    """Map each enrollment to the new version. An enrollment with a running or failed step stays."""
    known = sequence_texts(session, rows)
    planned = [row.step_id for row in rows if row.step_id]
    pending = set(session.scalars(_PENDING, {"ids": planned})) if planned else set()
    found = []
    for row in rows:
        old, waits = known[row.sequence_id, row.sequence_version], row.waits_for_task_id is not None
        is_under_way = row.step_id is not None and row.step_id not in pending
        lands = UNDER_WAY if is_under_way else map_step(old, work.new, row.step, waits=waits, steps=work.steps)
        found.append(_Migrated(row, old, lands))
    return found


def _migrate(session: Session, work: Migration, migrated: Sequence[_Migrated]) -> None:
    due = _cancel_steps(session, [one.row.step_id for one in migrated if one.row.step_id], at=work.at)
    steps = {one.row.id: _step(work, one, due[one.row.step_id]) for one in migrated if one.row.step_id}
    if steps:
        add_steps(session, list(steps.values()))
    # An enrollment can lose exclusivity here but not gain it: exclusivity is checked when the lead is enrolled.
    alone = f"is_exclusive = t.is_exclusive AND {str(work.new.is_exclusive).lower()}"
    rows = [_row(work, one, steps.get(one.row.id)) for one in migrated]
    update_many(session, Enrollment, rows, _MIGRATED, also=alone)
    relabelled = {one.row.lead_id: row["label"] for one, row in zip(migrated, rows, strict=True)}
    remove_labels(session, [one.row for one in migrated if one.row.label != relabelled[one.row.lead_id]])
    add_labels(session, {lead_id: label for lead_id, label in relabelled.items() if label})


def _cancel_steps(session: Session, step_ids: Sequence[UUID], *, at: datetime) -> dict[UUID, datetime]:
    """Cancel these planned steps. Return their due times by id."""
    if not step_ids:
        return {}
    cancelled = session.execute(_CANCEL_STEPS, {"ids": step_ids, "reason": Reason.NEW_VERSION, "now": at})
    return {row.id: row.due_at for row in cancelled}


def _step(work: Migration, one: _Migrated, due_at: datetime) -> JsonDict:
    row, step = one.row, replace(work.new.step(one.lands.to or ""), timing=IMMEDIATELY)
    context, calendar = EnrollmentContext(row.id, row.timezone, row.cause), work.clinic.calendar
    planned = plan_step(work.new, step, context, at=due_at, calendar=calendar)
    return planned_row(row.clinic_id, row.lead_id, replace(planned, due_at=due_at, moves=None))


def _row(work: Migration, one: _Migrated, step: JsonObject | None) -> ColumnDict:
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
