"""Random histories of leads, replayed through the services, and kept beside as plain objects for an oracle."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import text

from app.core.db import transaction
from app.identity.models import Role
from app.leads.duplicates.merge import merge
from app.leads.pipeline import closing, reopening
from app.leads.privacy.service import erase_lead
from tests.support.practice import Practice, Watch

STAGES = [
    *("new_lead", "contacted", "consultation_scheduled", "consultation_completed"),
    *("pending_decision", "treatment_accepted", "treatment_started"),
]
OPEN = STAGES[:-1]
CAMPAIGNS = [None, "spring", "fall"]
REASONS = ["NO_RESPONSE", "OTHER"]
OWNERS = [Role.TREATMENT_COORDINATOR, Role.MANAGER, None]
ACTS = [
    "capture",
    "capture",
    "capture",
    "move",
    "move",
    "move",
    "call",
    "reply",
    "lose",
    "reopen",
    "convert",
    "merge",
    "erase",
]


@dataclass
class Known:
    """A lead as the oracle knows it."""

    id: UUID
    created: datetime
    source: UUID
    campaign: str | None
    owner: UUID | None
    value: Decimal | None
    is_imported: bool
    entered: datetime
    stage: str = "new_lead"
    changes: list[tuple[str, str, datetime]] = field(default_factory=list)
    status: str = "OPEN"
    ended: datetime | None = None
    reason: str | None = None
    contact: datetime | None = None
    has_answered: bool = False
    is_there: bool = True
    first: str = "new_lead"

    spent: dict[str, timedelta] = field(default_factory=dict)  # in stages that it has left
    touches: list[tuple[datetime, UUID]] = field(default_factory=list)  # with their sources

    @property
    def past(self) -> set[str]:
        return {previous for previous, _, _ in self.changes}

    @property
    def seen(self) -> set[str]:
        """Stages that it is or was in."""
        return {*self.past, self.stage}

    def meet(self, at: datetime) -> None:
        """Note a contact that a stage tells."""
        self.contact = self.contact or at
        self.has_answered = True

    def enter(self, stage: str, at: datetime) -> None:
        self.spent[self.stage] = self.spent.get(self.stage, timedelta()) + (at - self.entered)
        self.changes.append((self.stage, stage, at))
        self.stage, self.entered = stage, at


Act = tuple[str, int, int, int]  # its name, two numbers that choose, and minutes until it happens

histories = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 11), st.integers(0, 5), st.integers(1, 1500)),
    min_size=6,
    max_size=26,
)


@dataclass
class History:
    """Replays acts in a clinic. Acts that its leads do not allow are left out."""

    practice: Practice
    watch: Watch
    sources: Sequence[UUID]
    leads: list[Known] = field(default_factory=list)

    def replay(self, acts: Sequence[Act], *, begin: datetime) -> None:
        at = begin
        for name, one, other, minutes in acts:
            at += timedelta(minutes=minutes)
            self.watch.set(at)
            if name == "capture":
                self._capture(one, other, at)
            elif living := [lead for lead in self.leads if lead.is_there]:
                getattr(self, f"_{name}")(living[one % len(living)], other, at)

    def _capture(self, one: int, other: int, at: datetime) -> None:
        role = OWNERS[one % len(OWNERS)]
        value = Decimal(100 * other) if other else None
        owner = self.practice.people[role] if role else None
        known = {"source_id": self.sources[other % len(self.sources)], "assigned_to_id": owner, "lead_value": value}
        campaign = CAMPAIGNS[other % len(CAMPAIGNS)]
        channel = "IMPORT" if one % 4 == 0 else "PHONE"
        lead_id = self.practice.capture(**known, source_campaign=campaign, capture_channel=channel)
        if owner is None:
            with transaction() as session:
                session.execute(text("UPDATE leads SET assigned_to_id = NULL WHERE id = :id"), {"id": lead_id})
        imported = channel == "IMPORT"
        lead = Known(lead_id, at, known["source_id"], campaign, owner, value, is_imported=imported, entered=at)
        lead.touches.append((at, lead.source))
        self.leads.append(lead)

    def _move(self, lead: Known, other: int, at: datetime) -> None:
        later = OPEN[OPEN.index(lead.stage) + 1 :] if lead.status == "OPEN" else []
        if later:
            stage = later[other % len(later)]
            self.practice.move(lead.id, stage)
            lead.meet(at)
            lead.enter(stage, at)

    def _call(self, lead: Known, other: int, at: datetime) -> None:
        if lead.status != "CONVERTED":
            self.practice.log(lead.id, outcome=["spoke", "no_answer"][other % 2])
            lead.contact = lead.contact or at
            if other % 2 == 0:
                lead.has_answered = True
                if lead.status == "OPEN" and lead.stage == "new_lead":
                    lead.enter("contacted", at)

    def _reply(self, lead: Known, _: int, __: datetime) -> None:
        if lead.status != "CONVERTED":
            self.practice.hear_from(lead.id)
            lead.has_answered = True

    def _lose(self, lead: Known, other: int, at: datetime) -> None:
        if lead.status == "OPEN":
            lead.reason = REASONS[other % 2]
            with transaction() as session:
                closing.lose(session, self.practice.actor(), lead.id, {"reason": lead.reason})
            self._end(lead, "LOST", "lost", at)

    def _convert(self, lead: Known, _: int, at: datetime) -> None:
        if lead.status == "OPEN":
            self.practice.convert(lead.id)
            lead.meet(at)
            self._end(lead, "CONVERTED", STAGES[-1], at)

    def _end(self, lead: Known, status: str, stage: str, at: datetime) -> None:
        lead.status, lead.ended = status, at
        lead.enter(stage, at)

    def _reopen(self, lead: Known, other: int, at: datetime) -> None:
        if lead.status == "LOST":
            stage = OPEN[other]
            with transaction() as session:
                reopening.reopen(session, self.practice.actor(), lead.id, {"stage": stage, "reason": "They called."})
            lead.status, lead.ended, lead.reason = "OPEN", None, None
            if stage != "new_lead":
                lead.meet(at)
            lead.enter(stage, at)

    def _merge(self, lead: Known, other: int, _: datetime) -> None:
        twins = [one for one in self.leads if one.is_there and one is not lead and one.status == "OPEN"]
        if lead.status != "OPEN" or not twins:
            return
        twin = twins[other % len(twins)]
        with transaction() as session:
            merge(session, self.practice.actor(), lead.id, duplicate_id=twin.id)
        twin.is_there = False
        if not lead.changes and twin.changes:
            lead.first = twin.changes[0][0]
        lead.changes = sorted([*lead.changes, *twin.changes], key=lambda change: change[2])
        lead.contact = min((at for at in (lead.contact, twin.contact) if at), default=None)
        for stage, spent in twin.spent.items():
            lead.spent[stage] = max(lead.spent.get(stage, timedelta()), spent)
        lead.touches = sorted([*lead.touches, *twin.touches])
        lead.has_answered |= twin.has_answered
        lead.owner = lead.owner or twin.owner
        lead.campaign = lead.campaign or twin.campaign
        lead.value = lead.value if lead.value is not None else twin.value

    def _erase(self, lead: Known, other: int, _: datetime) -> None:
        if other == 0:
            with transaction() as session:
                erase_lead(session, self.practice.actor(), lead.id, reason="They asked.")
            lead.is_there = False


def utc(wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=UTC)


def median_and_p90(values: Sequence[float]) -> tuple[Any, Any]:
    """Return both percentiles, interpolated linearly."""
    if not values:
        return None, None
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return at(0.5), at(0.9)
