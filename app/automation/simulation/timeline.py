"""The timeline of a simulation: one entry for each thing that happened, with its time, reason and results. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo


class What(StrEnum):
    """The kind of an entry."""

    EVENT = "event"  # it happened; what it led to is `planned`
    DONE = "done"  # a step did what it was planned for
    SKIPPED = "skipped"  # it was due, but must not or need not happen
    FAILED = "failed"  # it was due, and its handler says that it cannot be done
    PUT_OFF = "put_off"  # the gate said: not now
    CANCELLED = "cancelled"  # an event stopped it before it was due
    ENROLLED = "enrolled"  # the lead is in that sequence from now on
    NEXT = "next"  # what comes next in that sequence is `planned`
    LEFT = "left"  # it is in that sequence no more: through with it, or why
    REFUSED = "refused"  # what the script says could not happen: the lead is over, no task is open


@dataclass(frozen=True, slots=True)
class Planned:
    """A step that is to come, and what moved it from what its rule's wait alone says."""

    name: str
    kind: str
    due_at: datetime
    wanted_at: datetime | None = None
    moves: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `name` is that of the event, of the step's rule, or of the sequence."""

    at: datetime
    what: What
    name: str
    kind: str | None = None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    decisions: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Simulation:
    """All that happened from `start` to `until`, and what is still to come; `zones` are the clinic's and the lead's.

    It is complete unless it had more to run than a simulation may.
    """

    name: str
    start: datetime
    until: datetime
    zones: tuple[ZoneInfo, ZoneInfo]
    is_complete: bool
    timeline: tuple[Entry, ...]
    pending: tuple[Planned, ...]

    def as_json(self) -> dict[str, Any]:
        """As the API answers it."""
        clinic, lead = self.zones
        return {
            "name": self.name,
            "start": self.start,
            "until": self.until,
            "timezone": clinic.key,
            "lead_timezone": lead.key,
            "is_complete": self.is_complete,
            "timeline": [self._shown(entry) for entry in self.timeline],
            "pending": [self._to_come(step) for step in self.pending],
        }

    def _shown(self, entry: Entry) -> dict[str, Any]:
        return {
            **self._times("at", entry.at),
            "what": entry.what,
            "name": entry.name,
            "kind": entry.kind,
            "reason": entry.reason,
            "details": dict(entry.details),
            "planned": [self._to_come(step) for step in entry.planned],
            "decisions": [dict(decision) for decision in entry.decisions],
        }

    def _to_come(self, step: Planned) -> dict[str, Any]:
        return {
            "name": step.name,
            "kind": step.kind,
            **self._times("due_at", step.due_at),
            "wanted_at": step.wanted_at,
            "moves": [dict(move) for move in step.moves],
        }

    def _times(self, name: str, at: datetime) -> dict[str, Any]:
        clinic, lead = (at.astimezone(zone).isoformat() for zone in self.zones)
        return {name: at, "local_time": clinic, "lead_time": lead}
