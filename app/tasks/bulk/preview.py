"""Preview of a bulk follow-up: the number of leads and tasks, before anything is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, cast, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.type_aliases import JsonObject
from app.engine.jobs.models import ItemReason
from app.identity.actor import Actor
from app.identity.users.lookup import ActiveUser, active_users
from app.leads.capture.bulk.known_people import match_rows
from app.leads.capture.bulk.new_leads import load_capture_context, read_new_leads
from app.leads.enums import OnDuplicate
from app.leads.models import Lead
from app.leads.search.lookup import visible_to
from app.tasks.bulk.assignees import Assign, choose_strategy
from app.tasks.bulk.create_tasks import refusal_of
from app.tasks.bulk.fill import leads_of_filter, require_few
from app.tasks.bulk.service import check_job, spec_of
from app.tasks.bulk.spec import Spec

_COLUMNS: Final = (Lead.id, Lead.status, Lead.restricted_at, Lead.assigned_to_id)


@dataclass(slots=True)
class BulkPreview:
    """Counts of a bulk follow-up. `left_out`: the leads that get no task, by reason."""

    leads: int = 0
    tasks: int = 0
    new_leads: int = 0
    updated_leads: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first_due_at: datetime | None = None
    last_due_at: datetime | None = None


def preview_job(session: Session, actor: Actor, data: JsonObject) -> BulkPreview:
    """Return the counts of a job for `data` that would begin now. Raises Forbidden, Invalid."""
    check_job(session, actor, data)
    spec, staff = spec_of(session, actor, data, at=now()), active_users(session, actor.clinic.id)
    counting = _Counting(session, actor, spec, staff, choose_strategy(spec, staff))
    if "leads" in data:
        counting.count_new(data["leads"])
    elif "filter" in data:
        counting.count_matching(data["filter"])
    else:
        counting.count_named(data["lead_ids"])
    return counting.preview


@dataclass(frozen=True, slots=True)
class _Counting:
    session: Session
    actor: Actor
    spec: Spec
    staff: Mapping[UUID, ActiveUser]
    assign: Assign
    preview: BulkPreview = field(default_factory=BulkPreview)

    def count_matching(self, tests: JsonObject) -> None:
        """Count the leads of a filter. Raises Invalid (when they are too many for a job)."""
        matching = leads_of_filter(self.actor, tests).order_by(Lead.id).with_only_columns(*_COLUMNS)
        found = self.session.execute(matching).all()
        require_few(len(found))
        self.preview.leads = len(found)
        for place, lead in enumerate(found):
            self._count(place, refusal_of(lead, self.assign(place, lead)))

    def count_named(self, ids: Sequence[str]) -> None:
        """Count the leads with these ids. Repeated and unknown ids are left out."""
        places: dict[UUID, int] = {}
        for place, lead_id in enumerate(ids):
            places.setdefault(UUID(lead_id), place)
        named = Lead.id == cast([*places], ARRAY(Uuid)).any_()
        found = self.session.execute(select(*_COLUMNS).where(named, *visible_to(self.actor))).all()
        self.preview.leads = len(ids)
        self._leave_out(ItemReason.DUPLICATE, len(ids) - len(places))
        self._leave_out(ItemReason.UNKNOWN_LEAD, len(places) - len(found))
        for lead in found:
            self._count(places[lead.id], refusal_of(lead, self.assign(places[lead.id], lead)))

    def count_new(self, given: Sequence[JsonObject]) -> None:
        """Count new leads, and those whose person exists as `on_duplicate` says."""
        clinic, policy = self.actor.clinic, self.spec.on_duplicate
        may_assign = self.spec.may_assign
        into = load_capture_context(self.session, clinic, self.staff, by=self.actor.user_id, may_assign=may_assign)
        rows, mistakes = read_new_leads(enumerate(given), into, at=now())
        creates_all = policy is OnDuplicate.CREATE
        matches = match_rows(self.session, clinic.id, rows, creates_all=creates_all)
        self.preview.leads = len(given)
        self._leave_out(ItemReason.INVALID, len(mistakes))
        for place, row in rows.items():
            if creates_all or place not in matches:
                self.preview.new_leads += 1
                nobody = None if self.assign(place, row.to_object()) else ItemReason.NOBODY_TO_ASSIGN
                self._count(place, nobody)
        if policy is OnDuplicate.UPDATE:
            self._count_updated(matches)
        elif not creates_all:
            refused = policy is OnDuplicate.REFUSE
            self._leave_out(ItemReason.DUPLICATE_LEAD if refused else ItemReason.SKIPPED, len(matches))

    def _count_updated(self, matches: Mapping[int, UUID]) -> None:
        """Count the existing leads of matched rows. A person who is listed twice gets one task."""
        first: dict[UUID, int] = {}
        for place, lead_id in matches.items():
            first.setdefault(lead_id, place)
        for lead in self.session.execute(select(*_COLUMNS).where(Lead.id == cast([*first], ARRAY(Uuid)).any_())):
            refusal = refusal_of(lead, self.assign(first[lead.id], lead))
            self.preview.updated_leads += refusal is None
            self._count(first[lead.id], refusal)

    def _count(self, place: int, refusal: ItemReason | None) -> None:
        if refusal is not None:
            self._leave_out(refusal, 1)
            return
        due_at, preview = self.spec.due_at_place(place), self.preview
        preview.tasks += 1
        preview.first_due_at = min(preview.first_due_at or due_at, due_at)
        preview.last_due_at = max(preview.last_due_at or due_at, due_at)

    def _leave_out(self, reason: ItemReason, leads: int) -> None:
        if leads:
            self.preview.left_out[reason] += leads
