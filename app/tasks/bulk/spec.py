"""What a job is to do with each of its leads, as it is kept in the job's row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from app.leads.assignment.staff import Strategy

OF_THE_TASK = ("title", "description", "type", "priority", "reminder_minutes", "tags")


@dataclass(frozen=True, slots=True)
class Spec:
    """A follow-up for many: what, when and by whom.

    `may_assign`: new leads may name their coordinator. `whose`: the users whose leads the asker may work on; None: all.
    """

    task: Mapping[str, Any]
    due_at: datetime
    stagger_per_hour: int | None
    strategy: Strategy
    users: tuple[UUID, ...]
    may_assign: bool
    whose: tuple[UUID, ...] | None

    @classmethod
    def of(
        cls, data: Mapping[str, Any], *, at: datetime, may_assign: bool, whose: tuple[UUID, ...] | None = None
    ) -> Self:
        """From what BulkIn read. `due_in_minutes` counts from `at`, whenever the items are worked off."""
        followup, assignee = data["followup"], data["followup"]["assignee"]
        return cls(
            task={name: followup[name] for name in OF_THE_TASK if name in followup},
            due_at=followup.get("due_at") or at + timedelta(minutes=followup["due_in_minutes"]),
            stagger_per_hour=data.get("stagger_per_hour"),
            strategy=assignee["strategy"],
            users=(assignee["user_id"],) if "user_id" in assignee else tuple(assignee.get("user_ids", ())),
            may_assign=may_assign,
            whose=whose,
        )

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """From the job's row."""
        return cls(
            task=kept["task"],
            due_at=datetime.fromisoformat(kept["due_at"]),
            stagger_per_hour=kept["stagger_per_hour"],
            strategy=Strategy(kept["strategy"]),
            users=tuple(map(UUID, kept["users"])),
            may_assign=kept["may_assign"],
            whose=None if kept.get("whose") is None else tuple(map(UUID, kept["whose"])),
        )

    def to_json(self) -> dict[str, Any]:
        """For the job's row."""
        return {
            "task": self.task,
            "due_at": self.due_at.isoformat(),
            "stagger_per_hour": self.stagger_per_hour,
            "strategy": self.strategy,
            "users": [str(user_id) for user_id in self.users],
            "may_assign": self.may_assign,
            "whose": None if self.whose is None else [str(user_id) for user_id in self.whose],
        }

    def due_at_place(self, position: int) -> datetime:
        """When the item at this place of the list is due. Items that fail leave their place empty."""
        if self.stagger_per_hour is None:
            return self.due_at
        return self.due_at + position * timedelta(hours=1) / self.stagger_per_hour
