"""Conditions that never hold: contradictions, values out of a field's range, and fields that the event does not carry.

The conditions may have mistakes of other kinds, which are reported elsewhere.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, product
from math import prod
from typing import Final

from app.automation.language.types.errors import Line, Loc
from app.automation.language.types.satisfiable import Literal, conflicting, domain_of, literals_of, possible
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import CUSTOM_NAME, EventName

DEEPEST: Final = 5
_MOST_WAYS: Final = 64  # in which conditions can hold together
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


def contradictions(conditions: object, place: Loc, *, unless: object = None, unless_place: Loc = ()) -> Iterator[Line]:
    """Yield what makes conditions of which all have to hold impossible: a test of each field, then groups `any`.

    `unless`: conditions of which none may hold.
    """
    known: dict[str, list[Literal]] = {}
    refused: set[str] = set()
    required = list(_required(conditions, place))
    for loc, condition in required:
        path = None if "any" in condition else condition.get("field")
        for literal in literals_of(path, condition) if isinstance(path, str) else ():
            if literal.path not in refused and (problem := _problem_with(literal, known)):
                refused.add(literal.path)
                known.pop(literal.path, None)
                yield Line((*loc, literal.test), problem)
            elif literal.path not in refused:
                known.setdefault(literal.path, []).append(literal)
    choices = _Choices(known, refused)
    for loc, condition in required:
        if "any" in condition and not choices.narrow(_ways({"any": condition["any"]}, negated=False)):
            yield Line((*loc, "any"), "never holds together with the other conditions")
    for i, condition in enumerate(unless if isinstance(unless, list) else ()):
        if not choices.narrow(_ways(condition, negated=True)):
            yield Line((*unless_place, i), "always holds where the other conditions do: nothing is ever done")


def impossible_guard(given: JsonObject) -> Iterator[Line]:
    """Yield what makes `only_if` and `unless` of a rule or a step impossible."""
    yield from contradictions(given.get("only_if"), ("only_if",), unless=given.get("unless"), unless_place=("unless",))


def _problem_with(literal: Literal, known: Mapping[str, list[Literal]]) -> str | None:
    """Return why the test never holds, alone or together with the known ones; None if it may hold."""
    path = literal.path
    if possible([literal]).is_empty:
        domain = domain_of(path)
        return f"never holds: the value is {domain}" if domain else f"never holds, whatever {path} is"
    together = {**known, path: [*known.get(path, ()), literal]}
    if possible(together[path]).is_empty:
        return f"{_NEVER} {path}"
    other = conflicting(path, together)
    return other and f"{_NEVER} {other}"


_Way = tuple[Literal, ...]  # tests that all have to hold
_ANYTHING: Final[tuple[_Way, ...]] = ((),)


class _Choices:
    """The ways in which conditions can hold together. Beyond `_MOST_WAYS` they are not followed: all is possible."""

    def __init__(self, known: Mapping[str, list[Literal]], refused: Collection[str]) -> None:
        self._ways: list[_Way] | None = [tuple(one for tests in known.values() for one in tests)]
        self._refused = refused

    def narrow(self, more: Sequence[_Way]) -> bool:
        """Keep the ways in which one of `more` holds too. If there is none, keep all, and return False."""
        if self._ways is None:
            return True
        pairs = [
            (*way, *(one for one in other if one.path not in self._refused and one not in way))
            for way in self._ways
            for other in more
        ]
        if len(pairs) > _MOST_WAYS:
            self._ways = None
            return True
        left = [way for way in pairs if _may_hold(way)]
        self._ways = left or self._ways
        return bool(left)


def _may_hold(way: _Way) -> bool:
    by_path: dict[str, list[Literal]] = {}
    for literal in way:
        by_path.setdefault(literal.path, []).append(literal)
    return not any(possible(tests).is_empty or conflicting(path, by_path) for path, tests in by_path.items())


def _ways(condition: object, *, negated: bool, depth: int = 0) -> Sequence[_Way]:
    """Return the ways in which a condition holds, or with `negated` does not. What has mistakes may be anything."""
    if not isinstance(condition, Mapping) or depth > DEEPEST:
        return _ANYTHING
    group = next((name for name in ("all", "any") if name in condition), None)
    if group is None:
        return _ways_of_single(condition, negated=negated)
    parts = condition[group]
    if not isinstance(parts, list) or not parts:
        return _ANYTHING
    found = [_ways(part, negated=negated, depth=depth + 1) for part in parts]
    is_choice = (group == "any") is not negated
    if (sum if is_choice else prod)(map(len, found)) > _MOST_WAYS:
        return _ANYTHING
    return [*chain(*found)] if is_choice else [tuple(chain(*ways)) for ways in product(*found)]


def _ways_of_single(condition: JsonObject, *, negated: bool) -> Sequence[_Way]:
    path = condition.get("field")
    tests = {test: want for test, want in condition.items() if test != "field"}
    literals = list(literals_of(path, tests, negated=negated)) if isinstance(path, str) else []
    if not tests or len(literals) < len(tests):
        return _ANYTHING
    return [(one,) for one in literals] if negated else [tuple(literals)]


def _required(conditions: object, place: Loc, depth: int = 0) -> Iterator[tuple[Loc, JsonDict]]:
    """Yield the single conditions and groups `any` that have to hold, with their places: those in groups `all` too."""
    for i, condition in enumerate(conditions if isinstance(conditions, list) and depth <= DEEPEST else ()):
        if isinstance(condition, dict) and "all" in condition:
            yield from _required(condition["all"], (*place, i, "all"), depth + 1)
        elif isinstance(condition, dict):
            yield (*place, i), condition


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


def _leaves(conditions: object, place: Loc, depth: int = 0) -> Iterator[tuple[Loc, JsonDict]]:
    """Yield the single conditions with their places."""
    for i, condition in enumerate(conditions if isinstance(conditions, list) and depth <= DEEPEST else ()):
        if not isinstance(condition, dict):
            continue
        groups = [name for name in ("all", "any") if name in condition]
        for group in groups:
            yield from _leaves(condition[group], (*place, i, group), depth + 1)
        if not groups:
            yield (*place, i), condition
