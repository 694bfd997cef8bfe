"""Conditions that never hold: contradictions, values out of a field's range, and fields that the event does not carry.

The conditions may have mistakes of other kinds, which are reported elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.automation.language.types.errors import Line, Loc
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import CUSTOM_NAME, EventName

DEEPEST: Final = 5
_NEVER: Final = "never holds together with the other tests of"
_STAGES: Final = frozenset({"event.stage", "event.previous_stage"})
_SCORES: Final = frozenset({"event.score", "event.previous_score", "event.score_change"})
_MESSAGE: Final = frozenset({"event.template", "event.channel"})
_CLOSED: Final = frozenset({"event.reason"})
# What events carry. Events that are not named here, such as those of activities, may carry any field.
_CARRIED: Final[Mapping[str, frozenset[str]]] = {
    EventName.LEAD_CREATED: _STAGES,
    EventName.LEAD_STAGE_CHANGED: _STAGES,
    "lead.stage_entered": _STAGES,
    "lead.stage_left": _STAGES,
    "date.reached": _STAGES | {"event.changed"},
    EventName.LEAD_UPDATED: frozenset({"event.changed"}),
    EventName.LEAD_SCORED: _SCORES | {"event.changed"},
    EventName.LEAD_LOST: _CLOSED,
    EventName.LEAD_CONVERTED: _CLOSED,
    EventName.LEAD_STALE: frozenset(),
    EventName.LEAD_STAGE_OVERDUE: frozenset(),
    EventName.LEAD_WITHOUT_NEXT_ACTION: frozenset(),
    **{name: _MESSAGE for name in EventName if name.startswith("message.")},
    **{name: frozenset({"event.type", "event.outcome"}) for name in EventName if name.startswith("task.")},
}


def impossible_for(on: object, conditions: object, place: Loc) -> Iterator[Line]:
    """Yield the tests that never hold, because none of the events in `on` carries their field."""
    events = [name for name in (on if isinstance(on, list) else [on]) if isinstance(name, str)]
    for loc, condition in _leaves(conditions, place) if events else ():
        path = str(condition.get("field"))
        is_asked = _needs_value(condition) or condition.get("changed") is True
        wanted = "event.changed" if condition.get("changed") is True else path
        if is_asked and not any(_carries(name, wanted) for name in events):
            yield Line((*loc, "field"), f"never holds: {', '.join(events)} says nothing of {wanted}")


def needs_no_task(conditions: object, place: Loc) -> Iterator[Line]:
    """Yield the tests of a task where there is none, as in steps of sequences."""
    for loc, condition in _leaves(conditions, place):
        if str(condition.get("field")).startswith("task.") and _needs_value(condition):
            yield Line((*loc, "field"), "never holds: a step of a sequence is about no task")


def is_about_tasks(on: object) -> bool:
    """Return whether one of the events is about a task."""
    return any(str(name).startswith("task.") for name in (on if isinstance(on, list) else [on]))


def contradictions(conditions: object, place: Loc) -> Iterator[Line]:
    """Yield the first test of each field that makes conditions of which all have to hold impossible."""
    known: dict[str, _Possible] = {}
    refused: set[str] = set()
    for loc, condition in _leaves(conditions, place, only_all=True):
        path = condition.get("field")
        if not isinstance(path, str) or path in refused:
            continue
        possible = known.setdefault(path, _Possible())
        for test, want in condition.items():
            narrow = _NARROW.get(test)
            if narrow is not None and path not in refused:
                narrow(possible, want)
                if possible.is_empty:
                    refused.add(path)
                    yield Line((*loc, test), f"{_NEVER} {path}")


def _carries(event: str, path: str) -> bool:
    if path.startswith("task."):
        return event.startswith("task.")
    if not path.startswith("event."):
        return True
    if CUSTOM_NAME.fullmatch(event):
        return path.startswith("event.data.")
    return not path.startswith("event.data.") and path in _CARRIED.get(event, {path})


def _needs_value(condition: JsonObject) -> bool:
    """Return whether the condition never holds if its field has no value."""
    listed = condition.get("in")
    return (
        not condition.keys().isdisjoint({"greater_than", "less_than", "contains", "days_since"})
        or condition.get("equals") is not None
        or (isinstance(listed, list) and None not in listed)
        or condition.get("exists") is True
    )


def _leaves(
    conditions: object, place: Loc, *, only_all: bool = False, depth: int = 0
) -> Iterator[tuple[Loc, JsonDict]]:
    """Yield the single conditions with their places; with `only_all` those in groups `any` are left out."""
    for i, condition in enumerate(conditions if isinstance(conditions, list) and depth <= DEEPEST else ()):
        if not isinstance(condition, dict):
            continue
        here = (*place, i)
        groups: Iterable[str] = [name for name in ("all", "any") if name in condition]
        for group in groups:
            if group == "all" or not only_all:
                yield from _leaves(condition[group], (*here, group), only_all=only_all, depth=depth + 1)
        if not groups:
            yield here, condition


@dataclass(slots=True)
class _Possible:
    """The values that a field can still have."""

    values: set[Any] | None = None  # None: any value
    excluded: set[Any] = field(default_factory=set)
    above: float | None = None
    below: float | None = None
    older: float | None = None  # days ago
    newer: float | None = None
    exists: set[bool] = field(default_factory=set)
    changed: set[bool] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        values = self.values
        if values is not None:
            values = {value for value in values - self.excluded if self._fits(value)}
            values = {value for value in values if all((value is not None) is want for want in self.exists)}
        return (
            values == set()
            or len(self.exists) > 1
            or len(self.changed) > 1
            or (False in self.exists and self._asks_for_a_value)
            or _is_void(self.above, self.below)
            or _is_void(self.older, self.newer)
        )

    @property
    def _asks_for_a_value(self) -> bool:
        return any(bound is not None for bound in (self.above, self.below, self.older, self.newer))

    def _fits(self, value: Any) -> bool:
        if self.above is None and self.below is None:
            return True
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (self.above is None or value > self.above) and (self.below is None or value < self.below)


def _is_void(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low >= high


def _equals(possible: _Possible, want: object) -> None:
    _among(possible, [want])


def _among(possible: _Possible, want: object) -> None:
    if isinstance(want, list) and all(_is_plain(value) for value in want):
        possible.values = set(want) if possible.values is None else possible.values & set(want)


def _not_equals(possible: _Possible, want: object) -> None:
    _not_among(possible, [want])


def _not_among(possible: _Possible, want: object) -> None:
    if isinstance(want, list):
        possible.excluded |= {value for value in want if _is_plain(value)}


def _above(possible: _Possible, want: object) -> None:
    possible.above = _greatest(possible.above, want)


def _below(possible: _Possible, want: object) -> None:
    possible.below = _least(possible.below, want)


def _days(possible: _Possible, want: object) -> None:
    least, most = (want.get("greater_than"), want.get("less_than")) if isinstance(want, Mapping) else (want, None)
    possible.older, possible.newer = _greatest(possible.older, least), _least(possible.newer, most)


def _greatest(known: float | None, more: object) -> float | None:
    return max((one for one in (known, _number(more)) if one is not None), default=None)


def _least(known: float | None, more: object) -> float | None:
    return min((one for one in (known, _number(more)) if one is not None), default=None)


def _exists(possible: _Possible, want: object) -> None:
    if isinstance(want, bool):
        possible.exists.add(want)


def _changed(possible: _Possible, want: object) -> None:
    if isinstance(want, bool):
        possible.changed.add(want)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_NARROW: Final[Mapping[str, Callable[[_Possible, Any], None]]] = {
    "equals": _equals,
    "in": _among,
    "not_equals": _not_equals,
    "not_in": _not_among,
    "greater_than": _above,
    "less_than": _below,
    "days_since": _days,
    "exists": _exists,
    "changed": _changed,
}
