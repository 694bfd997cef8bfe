"""The script of a simulation: events of users and leads, with their times, and extra holidays. Pure.

- { at: +2 days 3 hours, event: lead.replied }
- { at: 2026-03-20T15:00:00Z, event: task.completed, facts: { event.outcome: no_answer } }
- { holiday: 2026-03-17 }
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from app.automation.simulation.facts import read_facts, read_instant
from app.core.type_aliases import JsonObject
from app.core.validation.validation_errors import Mistake, one_of, place_of
from app.engine.events.events import CUSTOM_NAME, EventName

MOST_ENTRIES: Final = 200

_PARTS: Final = ("at", "event", "facts", "holiday")
# Required facts without a default, by event.
_NEEDS: Final[Mapping[str, str]] = {
    EventName.LEAD_STAGE_CHANGED: "event.stage",
    EventName.TASK_CREATED: "task.due_at",
    EventName.TASK_RETIMED: "task.due_at",
    EventName.TASK_SNOOZED: "task.due_at",
}


@dataclass(frozen=True, slots=True)
class ScriptEvent:
    """An event of the script. `facts` by group: of the event, of its task, and of the lead from then on."""

    at: datetime
    event: str
    facts: Mapping[str, JsonObject]


@dataclass(frozen=True, slots=True)
class Script:
    """The events in order of time, and additional holidays of the clinic."""

    events: tuple[ScriptEvent, ...] = ()
    holidays: frozenset[date] = frozenset()


class InvalidScript(ValueError):
    """The script is not valid. `mistakes` lists every error with its place."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def read_script(written: object, *, start: datetime, until: datetime) -> Script:
    """Parse a script. Raises InvalidScript with the place of every mistake, such as `script[2].at`."""
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise InvalidScript([Mistake("script", "must be a list of events and holidays")])
    if len(written) > MOST_ENTRIES:
        raise InvalidScript([Mistake("script", f"has more than {MOST_ENTRIES} entries")])
    mistakes: list[Mistake] = []
    holidays: list[date] = []
    events: list[ScriptEvent] = []
    for i, entry in enumerate(written):
        place = f"script[{i}]"
        if wrong := list(_shape(entry, place)):
            mistakes += wrong
        elif "holiday" in entry:
            holidays += _holiday(entry["holiday"], f"{place}.holiday", mistakes)
        else:
            events += _happening(entry, place, mistakes, start=start, until=until)
    if mistakes:
        raise InvalidScript(mistakes)
    return Script(tuple(sorted(events, key=lambda event: event.at)), frozenset(holidays))


def _shape(entry: object, place: str) -> Iterator[Mistake]:
    if not isinstance(entry, Mapping):
        yield Mistake(place, "must be like {at: +2 days, event: lead.replied} or {holiday: 2026-03-17}")
        return
    for part in entry:
        yield from one_of(part, _PARTS, place_of(place, str(part)))
    if "holiday" in entry:
        yield from (
            Mistake(place_of(place, str(part)), "is not allowed beside a holiday")
            for part in entry
            if part != "holiday"
        )
    else:
        yield from (Mistake(f"{place}.{part}", "is missing") for part in ("at", "event") if part not in entry)


def _holiday(value: object, place: str, mistakes: list[Mistake]) -> list[date]:
    try:
        return [value if type(value) is date else date.fromisoformat(str(value))]
    except ValueError:
        mistakes.append(Mistake(place, "must be a date such as 2026-03-17"))
        return []


def _happening(
    entry: JsonObject, place: str, mistakes: list[Mistake], *, start: datetime, until: datetime
) -> list[ScriptEvent]:
    facts = read_facts(entry.get("facts") or {}, f"{place}.facts", start=start)
    wrong = [*facts.mistakes, *_check_event(entry, place)]
    try:
        at = read_instant(entry["at"], start)
        if not start <= at <= until:
            wrong.append(Mistake(f"{place}.at", "must lie between the simulation's start and its end"))
    except ValueError as problem:
        wrong.append(Mistake(f"{place}.at", str(problem)))
    mistakes += wrong
    return [] if wrong else [ScriptEvent(at, entry["event"], facts.by_group)]


def _check_event(entry: JsonObject, place: str) -> list[Mistake]:
    name = entry["event"]
    if isinstance(name, str) and CUSTOM_NAME.fullmatch(name):
        return []
    if mistakes := one_of(name, list(EventName), f"{place}.event"):
        return mistakes
    needed = _NEEDS.get(name)
    is_there = needed is None or needed in (entry.get("facts") or {})
    return [] if is_there else [Mistake(f"{place}.facts", f"must say {needed}")]
