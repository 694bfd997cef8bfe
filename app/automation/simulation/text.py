"""A simulation in words: lines that can be read aloud, kept, and compared."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from app.automation.simulation.timeline import Entry, Planned, Simulation, What

_SAYS: Final[Mapping[What, str]] = {
    What.DONE: "done",
    What.SKIPPED: "skipped",
    What.FAILED: "failed",
    What.PUT_OFF: "put off",
    What.CANCELLED: "cancelled",
    What.ENROLLED: "the lead is enrolled",
    What.NEXT: "goes on",
    What.LEFT: "the lead has left:",
    What.REFUSED: "cannot be",
}


def lines(simulation: Simulation) -> Iterator[str]:
    """Times on the clinic's wall; those on the lead's beside them where that is another."""
    clinic, lead = simulation.zones
    wall = _Wall(simulation)
    elsewhere = "" if lead == clinic else f", the lead in {lead.key}"
    yield f"{simulation.name}: {wall(simulation.start)} to {wall(simulation.until)}"
    yield f"the clinic in {clinic.key}{elsewhere}"
    yield ""
    for entry in simulation.timeline:
        yield wall.line(entry.at, _told(entry, wall))
        for step in entry.planned:
            yield wall.line(None, f"  -> {step.name}: {step.kind}, {_due(step, entry.at, wall)}")
    yield from _ahead(simulation, wall)


def _ahead(simulation: Simulation, wall: "_Wall") -> Iterator[str]:
    if simulation.pending:
        yield ""
        yield "still to come"
    for step in simulation.pending:
        yield wall.line(step.due_at, f"{step.name}: {step.kind}")
    if not simulation.is_complete:
        yield ""
        yield "and more: there was too much to run"


class _Wall:
    """Writes times as the clocks of a simulation show them."""

    def __init__(self, simulation: Simulation) -> None:
        self._clinic, self._lead = simulation.zones
        self._width = len("Tue 2026-03-10 11:00:20  ") + (len(" (Tue 17:00)") if self._clinic != self._lead else 0)

    def __call__(self, at: datetime) -> str:
        here, there = at.astimezone(self._clinic), at.astimezone(self._lead)
        seconds = f":{here:%S}" if here.second else ""
        beside = f" ({there:%a %H:%M})" if here.utcoffset() != there.utcoffset() else ""
        return f"{here:%a %Y-%m-%d %H:%M}{seconds}{beside}"

    def line(self, at: datetime | None, words: str) -> str:
        """A line of the timeline; of nothing, one that goes on with the line before."""
        return f"{self(at) if at else '':{self._width}}{words}"


def _told(entry: Entry, wall: _Wall) -> str:
    about = ", ".join(f"{name} {_said(value, wall)}" for name, value in entry.details.items())
    details = f" ({about})" if about else ""
    if entry.what is What.EVENT:
        return f"{entry.name}{details}"
    kind = f": {entry.kind}" if entry.kind else ""
    reason = f" {entry.reason}" if entry.reason else ""
    return f"{entry.name}{kind} {_SAYS[entry.what]}{reason}{details}"


def _due(step: Planned, now: datetime, wall: _Wall) -> str:
    due = "now" if step.due_at == now else wall(step.due_at)
    if step.wanted_at is None:
        return due
    moved = ", ".join(str(move["by"]) for move in step.moves)
    return f"{due} (not {wall(step.wanted_at)}: {moved})"


def _said(value: Any, wall: _Wall) -> str:
    if isinstance(value, datetime):
        return wall(value)
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_said(part, wall)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
