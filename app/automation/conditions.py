"""Conditions: small facts-in, yes-or-no-out tests that rules are made of. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from app.automation.events import Facts
from app.automation.mistakes import Mistake, one_of

DEEPEST, MOST = 5, 50  # bounds on a rule that somebody wrote: nesting, and conditions in all

Condition: TypeAlias = Mapping[str, Any]

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda value, want: value == want,
    "not_equals": lambda value, want: value != want,
    "in": lambda value, want: value in want,
    "not_in": lambda value, want: value not in want,
    "greater_than": lambda value, want: isinstance(value, int | float) and value > want,
    "less_than": lambda value, want: isinstance(value, int | float) and value < want,
    "exists": lambda value, want: (value is not None) is want,
}
FIELDS = frozenset(
    {
        "lead.status",
        "lead.pipeline_stage",
        "lead.failed_attempts",
        "lead.contacted_at",
        "lead.replied_at",
        "lead.opted_out_at",
        "lead.assigned_to_id",
        "lead.email",
        "lead.phone",
        "lead.preferred_contact",
        "lead.source_id",
        "task.status",
        "task.type",
        "task.priority",
        "event.stage",
        "event.previous_stage",
        "event.type",
        "event.outcome",
        "event.channel",
        "event.template",
        "since.contacted",
        "since.replied",
    }
)


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition is true of the facts. A fact that is not there is None."""
    if "all" in condition:
        return all(holds(part, facts) for part in condition["all"])
    if "any" in condition:
        return any(holds(part, facts) for part in condition["any"])
    value = fact(facts, condition["field"])
    return all(test(value, condition[name]) for name, test in OPERATORS.items() if name in condition)


def first_unmet(guard: Mapping[str, Any] | None, facts: Facts) -> Condition | None:
    """The first condition of a guard (`only_if`, `unless`) that stands in the way, else None."""
    for condition in (guard or {}).get("only_if", ()):
        if not holds(condition, facts):
            return dict(condition)
    for condition in (guard or {}).get("unless", ()):
        if holds(condition, facts):
            return dict(condition)
    return None


def fact(facts: Facts, path: str) -> Any:
    """The value at a path such as `lead.status`. A fact may be a function: what is costly to know, if it is asked."""
    group, _, name = path.partition(".")
    value = facts.get(group, {}).get(name)
    return value() if callable(value) else value


def check(conditions: object, place: str, known: Collection[str] = FIELDS) -> list[Mistake]:
    """What is wrong with a list of conditions on `known` fields, each with its place."""
    if not isinstance(conditions, Sequence) or isinstance(conditions, str):
        return [Mistake(place, "must be a list of conditions")]
    if len(list(islice(_leaves(conditions, depth=0), MOST + 1))) > MOST:
        return [Mistake(place, f"has more than {MOST} conditions")]
    return [m for i, part in enumerate(conditions) for m in _check_one(part, f"{place}[{i}]", known, depth=1)]


def _check_one(condition: object, place: str, known: Collection[str], *, depth: int) -> list[Mistake]:
    if depth > DEEPEST:
        return [Mistake(place, f"is nested deeper than {DEEPEST}")]
    if not isinstance(condition, Mapping):
        return [Mistake(place, "must be a condition such as {field: lead.status, equals: NEW}")]
    for group in ("all", "any"):
        if group in condition:
            parts = condition[group]
            if len(condition) > 1 or not isinstance(parts, list) or not parts:
                return [Mistake(f"{place}.{group}", "must stand alone and hold a list of conditions")]
            return [
                mistake
                for i, part in enumerate(parts)
                for mistake in _check_one(part, f"{place}.{group}[{i}]", known, depth=depth + 1)
            ]
    return _check_test(condition, place, known)


def _check_test(condition: Condition, place: str, known: Collection[str]) -> list[Mistake]:
    mistakes = one_of(condition.get("field"), known, f"{place}.field")
    tests = [key for key in condition if key != "field"]
    mistakes += [m for key in tests for m in one_of(key, OPERATORS, f"{place}.{key}")]
    if not tests:
        mistakes.append(Mistake(place, f"needs one of {', '.join(OPERATORS)}"))
    for name in ("in", "not_in"):
        if name in condition and not isinstance(condition[name], list):
            mistakes.append(Mistake(f"{place}.{name}", "must be a list"))
    for name in ("greater_than", "less_than"):
        if name in condition and not isinstance(condition[name], int | float):
            mistakes.append(Mistake(f"{place}.{name}", "must be a number"))
    if "exists" in condition and not isinstance(condition["exists"], bool):
        mistakes.append(Mistake(f"{place}.exists", "must be true or false"))
    return mistakes


def _leaves(conditions: Iterable[object], *, depth: int) -> Iterator[object]:
    """The conditions that hold no others, one by one: YAML's anchors write billions of them in a few lines."""
    for condition in conditions:
        parts = [part for group in ("all", "any") for part in _parts(condition, group)]
        if parts and depth < DEEPEST:
            yield from _leaves(parts, depth=depth + 1)
        else:
            yield condition


def _parts(condition: object, group: str) -> list[object]:
    parts = condition.get(group) if isinstance(condition, Mapping) else None
    return parts if isinstance(parts, list) else []
