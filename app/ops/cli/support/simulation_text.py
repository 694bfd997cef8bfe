"""A simulation as lines of text, for the terminal and for golden files."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from app.automation.simulation.timeline import Entry, EntryKind, Planned, Simulation

_LABELS: Final[Mapping[EntryKind, str]] = {
    EntryKind.DONE: "done",
    EntryKind.SKIPPED: "skipped",
    EntryKind.FAILED: "failed",
    EntryKind.PUT_OFF: "put off",
    EntryKind.CANCELLED: "cancelled",
    EntryKind.ENROLLED: "the lead is enrolled",
    EntryKind.NEXT: "goes on",
    EntryKind.LEFT: "the lead has left:",
    EntryKind.REFUSED: "cannot be",
}


def lines(simulation: Simulation) -> Iterator[str]:
    """Yield the lines. Times are in the clinic's time zone, with the lead's local time beside them if it differs."""
    clinic, lead = simulation.zones
    clock = _Clock(simulation)
    elsewhere = "" if lead == clinic else f", the lead in {lead.key}"
    yield f"{simulation.name}: {clock(simulation.start)} to {clock(simulation.until)}"
    yield f"the clinic in {clinic.key}{elsewhere}"
    yield ""
    for entry in simulation.timeline:
        yield clock.line(entry.at, _describe(entry, clock))
        for step in entry.planned:
            yield clock.line(None, f"  -> {step.name}: {step.kind}, {_due(step, entry.at, clock)}")
    yield from _ahead(simulation, clock)


def _ahead(simulation: Simulation, clock: "_Clock") -> Iterator[str]:
    if simulation.pending:
        yield ""
        yield "still to come"
    for step in simulation.pending:
        yield clock.line(step.due_at, f"{step.name}: {step.kind}")
    if not simulation.is_complete:
        yield ""
        yield "and more: there was too much to run"


class _Clock:
    """Formats times in the time zones of a simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._clinic, self._lead = simulation.zones
        self._width = len("Tue 2026-03-10 11:00:20  ") + (len(" (Tue 17:00)") if self._clinic != self._lead else 0)

    def __call__(self, at: datetime) -> str:
        here, there = at.astimezone(self._clinic), at.astimezone(self._lead)
        seconds = f":{here:%S}" if here.second else ""
        beside = f" ({there:%a %H:%M})" if here.utcoffset() != there.utcoffset() else ""
        return f"{here:%a %Y-%m-%d %H:%M}{seconds}{beside}"

    def line(self, at: datetime | None, words: str) -> str:
        """Return a line of the timeline; without a time it continues the line before."""
        return f"{self(at) if at else '':{self._width}}{words}"


def _describe(entry: Entry, clock: _Clock) -> str:
    about = ", ".join(f"{name} {_format_value(value, clock)}" for name, value in entry.details.items())
    details = f" ({about})" if about else ""
    if entry.what is EntryKind.EVENT:
        return f"{entry.name}{details}"
    kind = f": {entry.kind}" if entry.kind else ""
    reason = f" {entry.reason}" if entry.reason else ""
    return f"{entry.name}{kind} {_LABELS[entry.what]}{reason}{details}"


def _due(step: Planned, now: datetime, clock: _Clock) -> str:
    due = "now" if step.due_at == now else clock(step.due_at)
    if step.wanted_at is None:
        return due
    moved = ", ".join(str(move["by"]) for move in step.moves)
    return f"{due} (not {clock(step.wanted_at)}: {moved})"


def _format_value(value: Any, clock: _Clock) -> str:
    if isinstance(value, datetime):
        return clock(value)
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_format_value(part, clock)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
