"""Evaluate conditions of rules. Pure functions from facts to true or false.

`app.automation.language.conditions` validates the definitions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from math import inf
from typing import Any, Final, TypeAlias

from app.core.type_aliases import JsonObject
from app.engine.events.events import Facts

Condition: TypeAlias = JsonObject
Test: TypeAlias = Callable[[Facts], bool]

OPERATORS: Mapping[str, Callable[[Any, Any, Facts], bool]] = {
    "equals": lambda value, want, _: value == want,
    "not_equals": lambda value, want, _: value != want,
    "contains": lambda value, want, _: _contains(value, want),
    "in": lambda value, want, _: value in want,
    "not_in": lambda value, want, _: value not in want,
    "greater_than": lambda value, want, _: isinstance(value, int | float) and value > want,
    "less_than": lambda value, want, _: isinstance(value, int | float) and value < want,
    "exists": lambda value, want, _: (value is not None) is want,
    "days_since": lambda value, want, facts: days_fit(_days_since(value, facts["now"]["at"]), want),
}
CHANGED = "changed"  # tests whether the event changed the field, not the field's value

# The facts of a lead that every event carries. All others are looked up, and only where a rule asks for them.
CARRIED: Final = frozenset(
    {"status", "pipeline_stage", "failed_attempts", "contacted_at", "replied_at", "opted_out_at", "assigned_to_id"}
    | {"email", "phone", "preferred_contact", "timezone", "language", "source_id"}
)


def holds(condition: Condition, facts: Facts) -> bool:
    """Return whether the facts meet the condition. A missing fact is None."""
    return compiled(condition)(facts)


def compiled(condition: Condition) -> Test:
    """Return the condition as a function of facts, for conditions that are tested often."""
    if "all" in condition:
        return all_of(condition["all"])
    if "any" in condition:
        tests = [compiled(part) for part in condition["any"]]
        return lambda facts: any(test(facts) for test in tests)
    path = condition["field"]
    tests = [_single(path, name, want) for name, want in condition.items() if name != "field"]
    return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)


def all_of(conditions: Iterable[Condition]) -> Test:
    """Return a function that tests whether facts meet all of the conditions."""
    tests = [compiled(one) for one in conditions]
    return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)


def _single(path: str, name: str, want: Any) -> Test:
    group, _, field = path.partition(".")
    if name == CHANGED:
        return lambda facts: _has_changed(field, facts) is want
    passes = OPERATORS[name]
    return lambda facts: passes(_value(facts, group, field), want, facts)


def _has_changed(field: str, facts: Facts) -> bool:
    changed = fact(facts, "event.changed")
    return isinstance(changed, list) and field in changed


def first_unmet(guard: JsonObject | None, facts: Facts) -> Condition | None:
    """Return the first condition of a guard (`only_if`, `unless`) that refuses the step, else None."""
    for condition in (guard or {}).get("only_if", ()):
        if not holds(condition, facts):
            return dict(condition)
    for condition in (guard or {}).get("unless", ()):
        if holds(condition, facts):
            return dict(condition)
    return None


def fact(facts: Facts, path: str) -> object:
    """Return the value at a path such as `lead.status`.

    A fact may be a function, so that costly values are read on demand.
    """
    group, _, name = path.partition(".")
    return _value(facts, group, name)


def _value(facts: Facts, group: str, name: str) -> Any:
    value = facts.get(group, {}).get(name)
    return value() if callable(value) else value


def single_conditions(condition: Condition) -> Iterator[Condition]:
    """Yield the single conditions of a group, or the condition itself if it is not a group."""
    parts = condition.get("all") or condition.get("any")
    if parts is None:
        yield condition
    else:
        for part in parts:
            yield from single_conditions(part)


def looked_up(paths: frozenset[str]) -> frozenset[str]:
    """Return the facts of a lead among these paths that an event does not carry: `tags`, `custom.passport_expiry`."""
    of_leads = (path.removeprefix("lead.") for path in paths if path.startswith("lead."))
    return frozenset(name for name in of_leads if name not in CARRIED)


def _contains(value: object, want: str) -> bool:
    """Match literally and case-insensitively: as part of a text, or as one element of a list."""
    sought = want.casefold()
    if isinstance(value, str):
        return sought in value.casefold()
    return isinstance(value, list | tuple) and any(str(one).casefold() == sought for one in value)


def days_fit(days: float | None, want: Any) -> bool:
    """Test for at least `want` days, or for the range in a mapping. A missing date never matches."""
    if days is None:
        return False
    if not isinstance(want, Mapping):
        return bool(days >= want)
    return bool(want.get("greater_than", -inf) < days < want.get("less_than", inf))


def _days_since(value: object, now: datetime) -> float | None:
    at = _instant(value, now)
    return None if at is None else (now - at).total_seconds() / 86400


def _instant(value: object, now: datetime) -> datetime | None:
    """Return an instant. A date means local midnight.

    Custom fields and stored events hold dates and instants as text.
    """
    if isinstance(value, str):
        value = _read(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=now.tzinfo)
    return datetime.combine(value, time.min, now.tzinfo) if isinstance(value, date) else None


def _read(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError:
        return None
