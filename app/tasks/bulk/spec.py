"""Specification of a bulk follow-up job, as stored in the job's row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from app.core.type_aliases import JsonDict, JsonObject
from app.leads.enums import OnDuplicate

TASK_FIELDS = ("title", "description", "type", "priority", "reminder_minutes", "tags")


class AssigneeStrategy(StrEnum):
    """Strategy that chooses the assignee of follow-up tasks."""

    KEEP = "keep"  # the lead's coordinator; round robin if it has none
    ROUND_ROBIN = "round_robin"  # the users named, else the clinic's coordinators
    USER = "user"  # the user named


@dataclass(frozen=True, slots=True)
class Spec:
    """Specification of a follow-up for many leads: task, due time and assignees.

    `may_assign`: new leads may name their coordinator. `lead_owners`: the caller may change leads of these users; None:
    all. `on_duplicate`: handling of new leads whose person exists.
    """

    task: JsonObject
    due_at: datetime
    stagger_per_hour: int | None
    strategy: AssigneeStrategy
    users: tuple[UUID, ...]
    may_assign: bool
    lead_owners: tuple[UUID, ...] | None
    on_duplicate: OnDuplicate = OnDuplicate.CREATE

    @classmethod
    def of(
        cls, data: JsonObject, *, at: datetime, may_assign: bool, lead_owners: tuple[UUID, ...] | None = None
    ) -> Self:
        """Build the specification from `BulkIn` data.

        `due_in_minutes` counts from `at`, not from the time of processing.
        """
        followup, assignee = data["followup"], data["followup"]["assignee"]
        return cls(
            task={name: followup[name] for name in TASK_FIELDS if name in followup},
            due_at=followup.get("due_at") or at + timedelta(minutes=followup["due_in_minutes"]),
            stagger_per_hour=data.get("stagger_per_hour"),
            strategy=assignee["strategy"],
            users=(assignee["user_id"],) if "user_id" in assignee else tuple(assignee.get("user_ids", ())),
            may_assign=may_assign,
            lead_owners=lead_owners,
            on_duplicate=data.get("on_duplicate", OnDuplicate.CREATE),
        )

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Read the specification from the job's row."""
        return cls(
            task=stored["task"],
            due_at=datetime.fromisoformat(stored["due_at"]),
            stagger_per_hour=stored["stagger_per_hour"],
            strategy=AssigneeStrategy(stored["strategy"]),
            users=tuple(map(UUID, stored["users"])),
            may_assign=stored["may_assign"],
            lead_owners=None if stored.get("whose") is None else tuple(map(UUID, stored["whose"])),
            on_duplicate=OnDuplicate(stored.get("on_duplicate", OnDuplicate.CREATE)),
        )

    def to_json(self) -> JsonDict:
        """Return the JSON form for the job's row."""
        return {
            "task": self.task,
            "due_at": self.due_at.isoformat(),
            "stagger_per_hour": self.stagger_per_hour,
            "strategy": self.strategy,
            "users": [str(user_id) for user_id in self.users],
            "may_assign": self.may_assign,
            "on_duplicate": self.on_duplicate,
            "whose": None if self.lead_owners is None else [str(user_id) for user_id in self.lead_owners],
        }

    def due_at_place(self, position: int) -> datetime:
        """Return the due time of the item at this position. Failed items leave their time slot empty."""
        if self.stagger_per_hour is None:
            return self.due_at
        return self.due_at + position * timedelta(hours=1) / self.stagger_per_hour
