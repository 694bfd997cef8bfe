"""The timeline of a simulation: one entry for each event, step or enrollment change. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType, SimpleNamespace
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from app.core.type_aliases import JsonDict, JsonObject

_NOTHING: Final[JsonObject] = MappingProxyType({})


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


class Planned(NamedTuple):
    """A pending step. `wanted_at`: the due time by the rule's wait alone; `moves`: the reasons that changed it."""

    name: str
    kind: str
    due_at: datetime
    wanted_at: datetime | None = None
    moves: tuple[JsonObject, ...] = ()

    @classmethod
    def of(cls, step: SimpleNamespace) -> "Planned":
        """Return the entry of a step, with what moved its due time when it was planned."""
        moves = [{"by": move["by"], "to": datetime.fromisoformat(move["to"])} for move in step.moves or ()]
        wanted_at = datetime.fromisoformat(step.moves[0]["from"]) if step.moves else None
        return cls(step.name, step.kind, step.due_at, wanted_at, tuple(moves))


class Entry(NamedTuple):
    """One entry of the timeline. `name`: of the event, of the step's rule, or of the sequence."""

    at: datetime
    what: EntryKind
    name: str
    kind: str | None = None
    reason: str | None = None
    details: JsonObject = _NOTHING
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
        planned = [self._planned_json(step) for step in entry.planned]
        return {**entry._asdict(), **self._local_times(entry.at), "details": dict(entry.details), "planned": planned}

    def _planned_json(self, step: Planned) -> JsonDict:
        return {**step._asdict(), **self._local_times(step.due_at)}

    def _local_times(self, at: datetime) -> dict[str, str]:
        clinic, lead = (at.astimezone(zone).isoformat() for zone in self.zones)
        return {"local_time": clinic, "lead_time": lead}
