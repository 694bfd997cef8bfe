"""The timeline of a simulation: one entry for each event, step or enrollment change. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.core.type_aliases import JsonDict, JsonObject


class EntryKind(StrEnum):
    """The kind of an entry."""

    EVENT = "event"  # an event; the steps it led to are in `planned`
    DONE = "done"  # a step was done
    SKIPPED = "skipped"  # a step was due, but a guard or the contact policy refused it
    FAILED = "failed"  # a step was due, and its handler failed
    PUT_OFF = "put_off"  # the contact policy postponed a step
    CANCELLED = "cancelled"  # an event stopped a step before it was due
    ENROLLED = "enrolled"  # the lead was enrolled in a sequence
    NEXT = "next"  # the next step of a sequence is in `planned`
    LEFT = "left"  # the lead completed or left a sequence; `reason` says why
    REFUSED = "refused"  # a script event was not possible: the lead is closed, no task is open


@dataclass(frozen=True, slots=True)
class Planned:
    """A pending step. `wanted_at`: the due time by the rule's wait alone; `moves`: the reasons that changed it."""

    name: str
    kind: str
    due_at: datetime
    wanted_at: datetime | None = None
    moves: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline. `name`: of the event, of the step's rule, or of the sequence."""

    at: datetime
    what: EntryKind
    name: str
    kind: str | None = None
    reason: str | None = None
    details: JsonObject = field(default_factory=dict)
    planned: tuple[Planned, ...] = ()
    decisions: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Simulation:
    """The timeline from `start` to `until`, and the pending steps. `zones`: of the clinic and of the lead.

    It is incomplete when it reached a limit of simulations.
    """

    name: str
    start: datetime
    until: datetime
    zones: tuple[ZoneInfo, ZoneInfo]
    is_complete: bool
    timeline: tuple[Entry, ...]
    pending: tuple[Planned, ...]

    def as_json(self) -> JsonDict:
        """Return the simulation with the keys of `SimulationOut`."""
        clinic, lead = self.zones
        return {
            "name": self.name,
            "start": self.start,
            "until": self.until,
            "timezone": clinic.key,
            "lead_timezone": lead.key,
            "is_complete": self.is_complete,
            "timeline": [self._entry_json(entry) for entry in self.timeline],
            "pending": [self._planned_json(step) for step in self.pending],
        }

    def _entry_json(self, entry: Entry) -> JsonDict:
        return {
            **self._times("at", entry.at),
            "what": entry.what,
            "name": entry.name,
            "kind": entry.kind,
            "reason": entry.reason,
            "details": dict(entry.details),
            "planned": [self._planned_json(step) for step in entry.planned],
            "decisions": [dict(decision) for decision in entry.decisions],
        }

    def _planned_json(self, step: Planned) -> JsonDict:
        return {
            "name": step.name,
            "kind": step.kind,
            **self._times("due_at", step.due_at),
            "wanted_at": step.wanted_at,
            "moves": [dict(move) for move in step.moves],
        }

    def _times(self, name: str, at: datetime) -> JsonDict:
        clinic, lead = (at.astimezone(zone).isoformat() for zone in self.zones)
        return {name: at, "local_time": clinic, "lead_time": lead}
