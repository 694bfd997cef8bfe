"""Rows of the generated leads: their journeys up to the present, applied with the functions of the services."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from app.core.type_aliases import ColumnDict, JsonDict
from app.identity.actor import Actor
from app.leads.activities.effects import apply_contact, is_answer
from app.leads.assignment.history_rows import history_row
from app.leads.assignment.models import AssignmentReason
from app.leads.attribution.touch_rows import first_touch_columns, first_touch_row
from app.leads.capture.capture import NEW_LEAD
from app.leads.capture.capture_statement import COLUMNS
from app.leads.enums import OPEN_STATUSES
from app.leads.models import Lead
from app.leads.pipeline import transitions
from app.leads.pipeline.lead_state import mark_activity
from app.leads.pipeline.rotting import Limits, rotting_date
from app.leads.timeline.models import ActivityType, CountsAs
from app.leads.timeline.rows import activity_row
from app.leads.timeline.vocabulary import DEFAULT_CHANNELS
from app.messaging.models import NotificationState
from app.ops.demo.history.journey import LOSE, MOVE, REOPEN, Chore, Happening, Journey, Message
from app.security.encrypted_fields import encrypted_fields_of
from app.tasks.models import TaskStatus
from app.tasks.rows import task_row

_COLUMNS: Final = (*COLUMNS, *encrypted_fields_of(Lead))
_BY_TIME: Final = attrgetter("at")
_TIMES: Final = ("created_at", "updated_at", "stage_entered_at", "last_activity_at", "assigned_at")
_SUBJECTS: Final[Mapping[str, str]] = {
    "welcome": "Thank you for asking us",
    "break-up-email": "Shall we close your enquiry?",
    "consultation-confirmation": "Your consultation is booked",
}


@dataclass
class Rows:
    """Rows to insert, by table."""

    leads: list[ColumnDict] = field(default_factory=list)
    touches: list[ColumnDict] = field(default_factory=list)
    assignments: list[ColumnDict] = field(default_factory=list)
    activities: list[ColumnDict] = field(default_factory=list)
    tasks: list[ColumnDict] = field(default_factory=list)
    notifications: list[ColumnDict] = field(default_factory=list)


class Writer:
    """Turns journeys into rows. Ids are ordered by time, and the same for the same seed."""

    def __init__(self, dice: Random, actor: Actor, limits: Mapping[str, int | None], until: datetime) -> None:
        self.dice, self._actor, self._limits, self._until = dice, actor, limits, until
        self.rows = Rows()

    def new_id(self, at: datetime) -> UUID:
        """Return a UUIDv7 of this time."""
        milliseconds = int(at.timestamp() * 1000)
        rest = self.dice.getrandbits(74)
        high, low = rest >> 62, rest & ((1 << 62) - 1)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)

    def add(self, columns: JsonDict, at: datetime, journey: Journey) -> SimpleNamespace:
        """Add the rows of a lead created at `at`. Returns the lead as it is now."""
        lead = self._new_lead(columns, at)
        self._add_capture(lead)
        for one in sorted((one for one in journey.happenings if one.at < self._until), key=_BY_TIME):
            self._apply(lead, one)
        open_tasks = sum(self._add_task(lead, chore) for chore in journey.chores if chore.at < self._until)
        self._add_messages(lead, journey.messages)
        self._set_flags(lead, has_task=open_tasks > 0)
        self.rows.leads.append(vars(lead))
        return lead

    def merge(self, survivor: SimpleNamespace, columns: JsonDict, at: datetime) -> None:
        """Add a duplicate that was merged into the survivor an hour after it was created."""
        duplicate, merged_at = self._new_lead(columns, at), at + timedelta(hours=1)
        self._add_capture(duplicate)
        self.rows.touches[-1]["lead_id"] = self.rows.assignments[-1]["lead_id"] = survivor.id
        duplicate.merged_into_id, duplicate.deleted_at, duplicate.version = survivor.id, merged_at, 2
        self.rows.leads.append(vars(duplicate))
        notes = f"Merged with a duplicate, {duplicate.id}."
        self._add_activity(survivor, Happening(merged_at, ActivityType.NOTE, {"notes": notes}))

    def _new_lead(self, columns: JsonDict, at: datetime) -> SimpleNamespace:
        touch = first_touch_columns(self.new_id(at), columns["source_id"], at)
        times = dict.fromkeys(_TIMES, at)
        empty: JsonDict = dict.fromkeys(_COLUMNS)
        fixed = {"id": self.new_id(at), "clinic_id": self._actor.clinic.id, "pipeline_stage": "new_lead", "custom": {}}
        lists: JsonDict = {"tags": [], "past_stages": [], "opted_out_channels": []}
        return SimpleNamespace(**{**empty, **NEW_LEAD, **lists, **touch, **times, **fixed, **columns})

    def _add_capture(self, lead: SimpleNamespace) -> None:
        self.rows.touches.append(first_touch_row(vars(lead)))
        why = {"to_id": lead.assigned_to_id, "why": AssignmentReason.DEFAULT, "id": self.new_id(lead.created_at)}
        self.rows.assignments.append(history_row(lead.clinic_id, lead.id, at=lead.created_at, **why))

    def _apply(self, lead: SimpleNamespace, one: Happening) -> None:
        """Apply a happening to the lead, as the service would, and add its entry of the timeline."""
        if one.type not in {MOVE, LOSE, REOPEN}:
            entry = self._add_activity(lead, one)
            if is_answer(lead, entry):
                entry.counts_as = self.rows.activities[-1]["counts_as"] = CountsAs.ANSWER
            mark_activity(lead, one.at)
            apply_contact(lead, entry, {}, at=one.at)
            return
        before = lead.pipeline_stage
        if one.type == LOSE:
            transitions.lose(lead, self._actor, one.values["reason"], at=one.at)
        elif one.type == REOPEN:
            transitions.reopen(lead, self._actor, one.values["stage"], at=one.at, is_contact=True)
        else:
            transitions.move(lead, self._actor, one.values["stage"], at=one.at, is_contact=True)
        stages = {"previous_stage": before, "new_stage": lead.pipeline_stage}
        self._add_activity(lead, Happening(one.at, ActivityType.STAGE_CHANGE, stages))

    def _add_activity(self, lead: SimpleNamespace, one: Happening) -> SimpleNamespace:
        is_inbound = one.values.get("direction") == "INBOUND"
        common = {"id": self.new_id(one.at), "type": one.type, "channel": DEFAULT_CHANNELS.get(one.type)}
        by = {"created_by": None if is_inbound else lead.assigned_to_id}
        row = activity_row(lead.clinic_id, lead.id, at=one.at, **{**common, **by, **one.values})
        self.rows.activities.append(row)
        return SimpleNamespace(**row)

    def _add_task(self, lead: SimpleNamespace, chore: Chore) -> bool:
        """Add a task. Returns whether it is open."""
        is_done, is_closed = chore.done_at < self._until, lead.status not in OPEN_STATUSES
        if is_done:
            state = {"status": TaskStatus.COMPLETED, "completed_at": chore.done_at, "completed_by": lead.assigned_to_id}
        elif is_closed:
            state = {"status": TaskStatus.CANCELLED, "cancelled_reason": "lost"}
        else:
            state = {"status": TaskStatus.OVERDUE if chore.due_at < self._until else TaskStatus.PENDING}
        empty: JsonDict = {"completed_at": None, "completed_by": None, "cancelled_reason": None}
        outcome = {"outcome": chore.outcome if is_done else None, "id": self.new_id(chore.at), "title": chore.title}
        about = {"type": "CALL", "assigned_to_id": lead.assigned_to_id, "due_at": chore.due_at}
        self.rows.tasks.append(
            task_row(lead.clinic_id, lead.id, at=chore.at, **{**empty, **about, **outcome, **state, "own_words": False})
        )
        return not is_done and not is_closed

    def _add_messages(self, lead: SimpleNamespace, messages: Sequence[Message]) -> None:
        for one in messages:
            if one.at < self._until and lead.email:
                self.rows.notifications.append(self._message_row(lead, one))

    def _message_row(self, lead: SimpleNamespace, one: Message) -> ColumnDict:
        sent = one.at if one.error is None else None
        return {
            "id": self.new_id(one.at),
            "clinic_id": lead.clinic_id,
            "lead_id": lead.id,
            "channel": one.channel,
            "template": one.template,
            "series": one.template,
            "address": lead.email,
            "subject": _SUBJECTS[one.template],
            "body": f"Dear {lead.first_name},\n\nwe look forward to hearing from you.",
            "state": NotificationState.FAILED if one.error else NotificationState.SENT,
            "error": one.error,
            "attempts": 1,
            "created_at": one.at,
            "handed_over_at": one.at,
            "sent_at": sent,
        }

    def _set_flags(self, lead: SimpleNamespace, *, has_task: bool) -> None:
        """Set what sweeps would have set on an open lead, so that they do not act on old leads at once."""
        lead.updated_at = max(lead.updated_at, lead.last_activity_at)
        if lead.status not in OPEN_STATUSES:
            return
        limits = Limits(self._actor.clinic.stale_after_days, self._limits[lead.pipeline_stage])
        last = max(at for at in (lead.created_at, lead.contacted_at, lead.replied_at) if at)
        lead.rots_at, lead.rotting_reason = rotting_date(last, lead.stage_entered_at, limits)
        lead.stale_since = self._past(lead.last_activity_at, limits.without_contact)
        lead.stage_overdue_since = self._past(lead.stage_entered_at, limits.in_stage)
        if not has_task:
            lead.without_next_action_since = lead.last_activity_at

    def _past(self, since: datetime, days: int | None) -> datetime | None:
        at = None if days is None else since + timedelta(days=days)
        return at if at is not None and at < self._until else None


def value_near(dice: Random, usual: int) -> Decimal | None:
    """Return a value near the usual one, in whole tens; one lead in ten has none."""
    return None if dice.random() < 0.1 else Decimal(round(usual * dice.lognormvariate(0, 0.2) / 10) * 10)  # noqa: PLR2004


def opted_out(rows: Iterable[Any], dice: Random, share: float) -> None:
    """Let a share of the leads with a message opt out of all channels."""
    for lead in rows:
        if dice.random() < share and lead["status"] in OPEN_STATUSES:
            lead["opted_out_at"] = lead["last_activity_at"]
