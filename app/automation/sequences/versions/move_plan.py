"""Move plan: preview of moving all enrollments of a sequence to another version."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.automation.sequences.definitions import find_sequence
from app.automation.sequences.models import IS_LIVE
from app.automation.sequences.versions.version_mapping import EXIT, UNDER_WAY, MoveKind, Obstacle, StepMapping, map_step
from app.core.db import AnyRow
from app.core.type_aliases import JsonDict
from app.core.validation.json_pointer import pointer
from app.engine.sequences.definitions import sequence_versions
from app.engine.sequences.sequence import Sequence as SequenceText
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.models import Lead
from app.leads.search.lookup import visible_to

SAMPLES: Final = 5  # sample leads of each group

_GROUPS: Final = text(
    "SELECT e.sequence_version, e.step, e.waits_for_task_id IS NOT NULL AS waits,"  # noqa: S608  (of the models)
    " s.state IS NOT NULL AND s.state NOT IN ('planned', 'published') AS is_under_way, count(*) AS leads,"
    " min(s.due_at) FILTER (WHERE s.state IN ('planned', 'published')) AS first_due_at,"
    " max(s.due_at) FILTER (WHERE s.state IN ('planned', 'published')) AS last_due_at,"
    f" (array_agg(e.lead_id ORDER BY e.id))[1:{SAMPLES}] AS samples"
    " FROM enrollments e LEFT JOIN steps s ON s.id = e.step_id"
    f" WHERE e.sequence_id = :sequence AND e.{IS_LIVE} AND e.sequence_version <> :to"
    " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Leads at the same step of the same version, with their common mapping.

    Planned steps keep their time: the first and the last one; None if no lead of the group has a planned step.
    """

    version: int
    step: str
    waits_for_task: bool
    lands: StepMapping
    leads: int
    samples: Sequence[UUID]
    first_due_at: datetime | None
    last_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class MovePlan:
    """Mapping of all enrollments that are not yet in the version `to`."""

    to: int
    groups: Sequence[Group]

    def count(self, *kinds: MoveKind) -> int:
        """Return the number of leads that move in one of these ways."""
        return sum(group.leads for group in self.groups if group.lands.how in kinds)

    @property
    def total(self) -> int:
        """Number of leads."""
        return sum(group.leads for group in self.groups)

    @property
    def fingerprint(self) -> str:
        """Hash that stays the same while the plan is valid.

        Leads advance meanwhile, so the numbers of leads that stay and jump are left out. Their target steps and the
        number of leads that cannot move are included.
        """
        lasting = [group for group in self.groups if group.lands.why is not Obstacle.UNDER_WAY]
        included = [
            (one.version, one.step, one.waits_for_task, one.lands.how, one.lands.to, _number_if_stuck(one))
            for one in lasting
        ]
        return hashlib.sha256(json.dumps([self.to, included]).encode()).hexdigest()


def _number_if_stuck(group: Group) -> int | None:
    return group.leads if group.lands.how is MoveKind.CANNOT else None


def plan_move(session: Session, actor: Actor, sequence_id: UUID, to: int | None) -> MovePlan:
    """Plan the move to the version `to`; None: the published version.

    Raises NotFound, Invalid (the version does not exist).
    """
    sequence = find_sequence(session, actor, sequence_id)
    new = published_version(session, sequence.id, to or sequence.published or 0)
    to = new.version
    found = session.execute(_GROUPS, {"sequence": sequence.id, "to": to}).all()
    old = sequence_versions(session, {(sequence.id, row.sequence_version) for row in found})
    return MovePlan(to, [_group(row, old[sequence.id, row.sequence_version], new) for row in found])


def published_version(session: Session, sequence_id: UUID, number: int) -> SequenceText:
    """Return the published version with this number. Raises Invalid."""
    text = sequence_versions(session, {(sequence_id, number)}).get((sequence_id, number))
    if text is None:
        raise Invalid.at("/to", "This version does not exist.")
    return text


def require_valid_steps(plan: MovePlan, new: SequenceText, steps: Mapping[str, str]) -> None:
    """Check `steps`: from steps with leads that cannot move, to steps of the new version or `exit`. Raises Invalid."""
    stuck = {group.step for group in plan.groups if group.lands.how is MoveKind.CANNOT}
    names = {step.name for step in new.steps}
    errors = [
        FieldError(pointer("steps", step), "No lead that cannot be moved is at this step.")
        for step in steps.keys() - stuck
    ]
    errors += [
        FieldError(pointer("steps", step), f"Must be {EXIT}, or one of {', '.join(sorted(names))}.")
        for step, to in steps.items()
        if to not in names and to != EXIT
    ]
    if errors:
        raise Invalid(*sorted(errors, key=lambda error: error.pointer))


def to_response(session: Session, actor: Actor, plan: MovePlan) -> JsonDict:
    """Return the plan as MovePlanOut, with the ids of leads that the actor may see."""
    named = {lead_id for group in plan.groups for lead_id in group.samples}
    seen = set(
        session.scalars(select(Lead.id).where(Lead.id.in_(named), *visible_to(actor.within(Permission.LEAD_READ))))
    )
    audit_log.note_read(session, "lead", sorted(seen))
    return {
        "to": plan.to,
        "total": plan.total,
        **move_counts(Counter({how: plan.count(how) for how in MoveKind})),
        "fingerprint": plan.fingerprint,
        "groups": [_group_to_response(group, seen) for group in plan.groups],
    }


def move_counts(counts: Mapping[MoveKind, int]) -> dict[str, int]:
    """Return the counts as LandingsOut."""
    return {
        "stay": counts.get(MoveKind.STAY, 0),
        "jump": counts.get(MoveKind.JUMP, 0) + counts.get(MoveKind.MOVE, 0),
        "exit": counts.get(MoveKind.EXIT, 0),
        "cannot": counts.get(MoveKind.CANNOT, 0),
    }


def _group(row: AnyRow, old: SequenceText, new: SequenceText) -> Group:
    lands = UNDER_WAY if row.is_under_way else map_step(old, new, row.step, waits=row.waits, steps={})
    due = row.first_due_at, row.last_due_at
    return Group(row.sequence_version, row.step, row.waits, lands, row.leads, row.samples, *due)


def _group_to_response(group: Group, seen: set[UUID]) -> JsonDict:
    return {
        "version": group.version,
        "step": group.step,
        "waits_for_task": group.waits_for_task,
        "lands": group.lands.how,
        "to_step": group.lands.to,
        "why": group.lands.why,
        "leads": group.leads,
        "first_due_at": group.first_due_at,
        "last_due_at": group.last_due_at,
        "lead_ids": [lead_id for lead_id in group.samples if lead_id in seen],
    }
