"""What is wrong with conditions that somebody wrote, each mistake with its path."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from app.core.validation.mistakes import Mistake, one_of
from app.engine.rules.conditions import CHANGED, OPERATORS, Condition
from app.engine.rules.vocabulary import Field, Type, When, field_of, known_at

DEEPEST, MOST = 5, 50  # bounds on a rule that somebody wrote: nesting, and conditions in all (security.md, 15)
MOST_VALUES, LONGEST_VALUE = 200, 500

TESTS: Final = (*OPERATORS, CHANGED)
_COMPARED: Final = frozenset({Type.TEXT, Type.NUMBER, Type.TRUTH, Type.DATE, Type.ANY})
# Which fields a test can be made of; one that is not named here, of all.
FITS: Final[Mapping[str, frozenset[Type]]] = {
    **dict.fromkeys(("equals", "not_equals", "in", "not_in"), _COMPARED),
    **dict.fromkeys(("greater_than", "less_than"), frozenset({Type.NUMBER, Type.ANY})),
    "contains": frozenset({Type.TEXT, Type.LIST, Type.ANY}),
    "days_since": frozenset({Type.INSTANT, Type.DATE, Type.ANY}),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What a condition may ask about: the fields known at that moment, and the clinic's own (None: any)."""

    when: When
    custom: Mapping[str, Field] | None = None

    def field(self, path: object) -> Field | None:
        """The field, if it is known then."""
        found = field_of(path, self.custom) if isinstance(path, str) else None
        return found if found and found.is_known(self.when) else None


def check(conditions: object, place: str, known: Known) -> list[Mistake]:
    """What is wrong with a list of conditions, each with its place."""
    if not isinstance(conditions, Sequence) or isinstance(conditions, str):
        return [Mistake(place, "must be a list of conditions")]
    if len(list(islice(_leaves(conditions, depth=0), MOST + 1))) > MOST:
        return [Mistake(place, f"has more than {MOST} conditions")]
    return [m for i, part in enumerate(conditions) for m in _check_one(part, f"{place}[{i}]", known, depth=1)]


def _check_one(condition: object, place: str, known: Known, *, depth: int) -> list[Mistake]:
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


def _check_test(condition: Condition, place: str, known: Known) -> list[Mistake]:
    field = known.field(condition.get("field"))
    tests = {name: want for name, want in condition.items() if name != "field"}
    mistakes = [] if field else one_of(condition.get("field"), known_at(known.when, known.custom), f"{place}.field")
    mistakes += [m for name in tests for m in one_of(name, TESTS, f"{place}.{name}")]
    if not tests:
        mistakes.append(Mistake(place, f"needs one of {', '.join(TESTS)}"))
    if mistakes or field is None:
        return mistakes
    if CHANGED in tests and known.when is not When.PLANNING:
        return [Mistake(f"{place}.{CHANGED}", "can be asked of an event only: under `when`")]
    return [m for name, want in tests.items() for m in _check_want(field, name, want, f"{place}.{name}")]


def _check_want(field: Field, name: str, want: object, place: str) -> list[Mistake]:
    if field.type not in FITS.get(name, frozenset(Type)):
        fitting = ", ".join(test for test in TESTS if field.type in FITS.get(test, frozenset(Type)))
        return [Mistake(place, f"cannot be asked of {_article(field.type)}; these can: {fitting}")]
    problem = _SHAPES.get(name, _plain)(want)
    return [Mistake(place, problem)] if problem else _check_values(field, want, place)


def _check_values(field: Field, want: object, place: str) -> list[Mistake]:
    """Codes that no lead or task can have are slips of the pen."""
    if not field.values or not isinstance(want, str | list):
        return []
    if isinstance(want, str):
        return one_of(want, field.values, place)
    return [m for i, one in enumerate(want) for m in one_of(one, field.values, f"{place}[{i}]")]


def _plain(want: object) -> str | None:
    if isinstance(want, str) and len(want) > LONGEST_VALUE:
        return f"has more than {LONGEST_VALUE} characters"
    is_plain = want is None or isinstance(want, str | int | float | bool)
    return None if is_plain else "must be a text, a number, or true or false"


def _list(want: object) -> str | None:
    if not isinstance(want, list):
        return "must be a list"
    if len(want) > MOST_VALUES:
        return f"has more than {MOST_VALUES} values"
    return next(filter(None, map(_plain, want)), None)


def _number(want: object) -> str | None:
    return None if isinstance(want, int | float) and not isinstance(want, bool) else "must be a number"


def _truth(want: object) -> str | None:
    return None if isinstance(want, bool) else "must be true or false"


def _text(want: object) -> str | None:
    return _plain(want) if isinstance(want, str) and want else "must be a text"


def _days(want: object) -> str | None:
    if not isinstance(want, Mapping):
        return None if _number(want) is None else "must be a number of days, or {greater_than: 7, less_than: 30}"
    is_right = (
        want and not want.keys() - {"greater_than", "less_than"} and all(_number(n) is None for n in want.values())
    )
    return None if is_right else "may hold greater_than and less_than, each a number of days"


_SHAPES: Final[Mapping[str, Callable[[object], str | None]]] = {
    **dict.fromkeys(("in", "not_in"), _list),
    **dict.fromkeys(("greater_than", "less_than"), _number),
    **dict.fromkeys(("exists", CHANGED), _truth),
    "contains": _text,
    "days_since": _days,
}


def _article(type_: Type) -> str:
    return f"{'an' if type_ is Type.INSTANT else 'a'} {type_}"


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
