"""Moving all who are in a sequence to another version: what would become of them, shown before it is done."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.automation.sequences.models import IS_LIVE
from app.automation.sequences.service import find_sequence
from app.automation.sequences.versions.version_mapping import EXIT, UNDER_WAY, Landing, Lands, Obstacle, land
from app.engine.sequences.definitions import sequence_versions
from app.engine.sequences.sequence import Sequence as SequenceText
from app.errors import FieldError, Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.leads.lookup import visible_to
from app.leads.models import Lead

SAMPLES: Final = 5  # leads of each group that are named

_GROUPS: Final = text(
    "SELECT e.sequence_version, e.step, e.waits_for_task_id IS NOT NULL AS waits,"  # noqa: S608  (of the models)
    " s.state IS NOT NULL AND s.state NOT IN ('planned', 'published') AS is_under_way, count(*) AS leads,"
    f" (array_agg(e.lead_id ORDER BY e.id))[1:{SAMPLES}] AS samples"
    " FROM enrollments e LEFT JOIN steps s ON s.id = e.step_id"
    f" WHERE e.sequence_id = :sequence AND e.{IS_LIVE} AND e.sequence_version <> :to"
    " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Leads at one step of one version, and what becomes of all of them."""

    version: int
    step: str
    waits_for_task: bool
    lands: Lands
    leads: int
    samples: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class MovePlan:
    """What would become of everybody who is in the sequence, and not in the version `to` yet."""

    to: int
    groups: Sequence[Group]

    def count(self, *landings: Landing) -> int:
        """How many leads land so."""
        return sum(group.leads for group in self.groups if group.lands.how in landings)

    @property
    def total(self) -> int:
        """How many leads there are."""
        return sum(group.leads for group in self.groups)

    @property
    def fingerprint(self) -> str:
        """The same as long as the plan holds.

        Leads go on meanwhile: how many of them stay and jump is no matter, where they do and who cannot is.
        """
        lasting = [group for group in self.groups if group.lands.why is not Obstacle.UNDER_WAY]
        told = [
            (one.version, one.step, one.waits_for_task, one.lands.how, one.lands.to, _matters(one)) for one in lasting
        ]
        return hashlib.sha256(json.dumps([self.to, told]).encode()).hexdigest()


def _matters(group: Group) -> int | None:
    return group.leads if group.lands.how is Landing.CANNOT else None


def plan_move(session: Session, actor: Actor, sequence_id: UUID, to: int | None) -> MovePlan:
    """What would become of them; None: in the version in force.

    Raises NotFound; Invalid for a version that is not there.
    """
    sequence = find_sequence(session, actor, sequence_id)
    new = version_of(session, sequence.id, to or sequence.published or 0)
    to = new.version
    found = session.execute(_GROUPS, {"sequence": sequence.id, "to": to}).all()
    old = sequence_versions(session, {(sequence.id, row.sequence_version) for row in found})
    return MovePlan(to, [_group(row, old[sequence.id, row.sequence_version], new) for row in found])


def version_of(session: Session, sequence_id: UUID, number: int) -> SequenceText:
    """The published text of that number. Raises Invalid."""
    text = sequence_versions(session, {(sequence_id, number)}).get((sequence_id, number))
    if text is None:
        raise Invalid.at("/to", "There is no such version.")
    return text


def require_wanted(plan: MovePlan, new: SequenceText, steps: Mapping[str, str]) -> None:
    """Each is a step that leads cannot leave otherwise, and goes to one of the new text, or out. Raises Invalid."""
    stuck = {group.step for group in plan.groups if group.lands.how is Landing.CANNOT}
    names = {step.name for step in new.steps}
    mistakes = [FieldError(f"/steps/{step}", "Nobody who cannot be moved is there.") for step in steps.keys() - stuck]
    mistakes += [
        FieldError(f"/steps/{step}", f"Must be {EXIT}, or one of {', '.join(sorted(names))}.")
        for step, to in steps.items()
        if to not in names and to != EXIT
    ]
    if mistakes:
        raise Invalid(*sorted(mistakes, key=lambda mistake: mistake.pointer))


def shown(session: Session, actor: Actor, plan: MovePlan) -> dict[str, Any]:
    """What `MovePlanOut` writes; leads are named as far as the actor may see them."""
    named = {lead_id for group in plan.groups for lead_id in group.samples}
    seen = set(
        session.scalars(select(Lead.id).where(Lead.id.in_(named), *visible_to(actor.within(Permission.LEAD_READ))))
    )
    audit_log.note_read(session, "lead", sorted(seen))
    return {
        "to": plan.to,
        "total": plan.total,
        **counted(Counter({how: plan.count(how) for how in Landing})),
        "fingerprint": plan.fingerprint,
        "groups": [_group_shown(group, seen) for group in plan.groups],
    }


def counted(landings: Mapping[Landing, int]) -> dict[str, int]:
    """What `LandingsOut` writes."""
    return {
        "stay": landings.get(Landing.STAY, 0),
        "jump": landings.get(Landing.JUMP, 0) + landings.get(Landing.MOVE, 0),
        "exit": landings.get(Landing.EXIT, 0),
        "cannot": landings.get(Landing.CANNOT, 0),
    }


def _group(row: Row[Any], old: SequenceText, new: SequenceText) -> Group:
    lands = UNDER_WAY if row.is_under_way else land(old, new, row.step, waits=row.waits, steps={})
    return Group(row.sequence_version, row.step, row.waits, lands, row.leads, row.samples)


def _group_shown(group: Group, seen: set[UUID]) -> dict[str, Any]:
    return {
        "version": group.version,
        "step": group.step,
        "waits_for_task": group.waits_for_task,
        "lands": group.lands.how,
        "to_step": group.lands.to,
        "why": group.lands.why,
        "leads": group.leads,
        "lead_ids": [lead_id for lead_id in group.samples if lead_id in seen],
    }
