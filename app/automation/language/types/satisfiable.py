"""Whether tests of one field can hold together: tried with every kind of value that the field can have. Pure.

The tests themselves are the engine's. The values that are tried stand for all others: each value that a test names,
those beside and between them, no value at all, and a text that no test names.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite
from typing import Any, Final, NamedTuple

from app.automation.language.vocabulary import Field, Type, field_of
from app.engine.rules.conditions import CHANGED, OPERATORS, days_fit

_LARGEST: Final = 10**15  # greater numbers are not compared
_DAYS: Final = "days_since"
_UNNAMED: Final = object()  # a text, a list, an instant: a value that no test names
_ANY: Final = Field(Type.ANY, "")


class Literal(NamedTuple):
    """A test of a field that has to hold, or with `negated` must not."""

    path: str
    test: str
    want: Any
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Possible:
    """The values that satisfy the tests of a field: whether no value does, whether some value does, and which."""

    none: bool
    values: tuple[Any, ...] = ()

    @property
    def some(self) -> bool:
        """Whether some value does."""
        return bool(self.values)

    @property
    def is_empty(self) -> bool:
        """Whether the tests never hold together."""
        return not (self.none or self.some)


def literals_of(path: str, tests: Mapping[str, Any], *, negated: bool = False) -> Iterator[Literal]:
    """Yield the tests of a condition that can be tried; those with mistakes are left out."""
    field = field_of(path) or _ANY
    for test, want in tests.items():
        if test == CHANGED or test in OPERATORS:
            literal = Literal(path, test, want, negated)
            if _is_well_formed(literal, field):
                yield literal


def possible(literals: Collection[Literal]) -> Possible:
    """Return what satisfies these tests of one field."""
    if any(one._replace(negated=not one.negated) in literals for one in literals):
        return Possible(none=False)
    [path] = {one.path for one in literals}
    if len({one.want is not one.negated for one in literals if one.test == CHANGED}) > 1:
        return Possible(none=False)
    field = field_of(path) or _ANY
    ages = [one for one in literals if one.test == _DAYS]
    others = [one for one in literals if one.test not in {_DAYS, CHANGED}]
    none = not field.is_set and all(_holds(one, None) for one in others) and all(one.negated for one in ages)
    some = tuple(value for value in _values(field, others) if all(_holds(one, value) for one in others))
    aged = not ages or any(all(_fits(one, age) for one in ages) for age in _ages(ages))
    return Possible(none=none, values=some if aged else ())


def domain_of(path: str) -> str | None:
    """Return what the numbers of a field are, in words; None if they may be any."""
    field = field_of(path) or _ANY
    if field.least is None and not field.is_whole:
        return None
    kind = "a whole number" if field.is_whole else "a number"
    if field.most is None:
        return kind if field.least is None else f"{kind} from {field.least} on"
    return f"{kind} from {field.least} to {field.most}"


def _is_well_formed(literal: Literal, field: Field) -> bool:
    want = literal.want
    match literal.test:
        case "equals" | "not_equals":
            return _can_equal(field, want)
        case "in" | "not_in":
            return isinstance(want, list) and all(_can_equal(field, one) for one in want)
        case "contains":
            return isinstance(want, str)
        case "days_since" if isinstance(want, Mapping):
            return bool(want) and want.keys() <= {"greater_than", "less_than"} and all(map(_is_number, want.values()))
        case "greater_than" | "less_than" | "days_since":
            return _is_number(want)
        case _:
            return isinstance(want, bool)


def _can_equal(field: Field, want: object) -> bool:
    """Return whether a value of the field may be compared with this one. Another is a mistake of its own."""
    if want is None:
        return True
    if isinstance(want, str):
        return field.type in {Type.TEXT, Type.ANY} and (not field.values or want in field.values)
    if isinstance(want, bool):
        return field.type in {Type.TRUTH, Type.ANY}
    return field.type in {Type.NUMBER, Type.ANY} and _is_number(want)


def _is_number(want: object) -> bool:
    return isinstance(want, int | float) and not isinstance(want, bool) and isfinite(want) and abs(want) <= _LARGEST


def _values(field: Field, literals: Iterable[Literal]) -> Iterable[Any]:
    """Return values of the field that stand for all of them, without None."""
    named = [want for one in literals for want in (one.want if isinstance(one.want, list) else [one.want])]
    numbers = [want for want in named if _is_number(want)]
    match field.type:
        case Type.TRUTH:
            return (True, False)
        case Type.NUMBER:
            return _numbers(field, numbers)
        case Type.TEXT if field.values:
            return sorted(field.values)
        case Type.TEXT | Type.ANY:
            plain = [want for want in named if isinstance(want, str | bool)]
            more = [True, False, *_numbers(field, numbers)] if field.type is Type.ANY else []
            return [*plain, *more, _UNNAMED]
        case _:
            return (_UNNAMED,)


def _numbers(field: Field, named: Iterable[float]) -> Iterator[float]:
    """Yield the numbers of the field that tests can tell apart: the named ones, and those beside and between them."""
    points = sorted({0, *named, *(bound for bound in (field.least, field.most) if bound is not None)})
    beside = [floor(point) + step for point in points for step in (-1, 0, 1)] + [ceil(point) + 1 for point in points]
    between = [] if field.is_whole else [(low + high) / 2 for low, high in pairwise(points)]
    for number in {*points, *beside, *between}:
        if field.is_whole and number != floor(number):
            continue
        if (field.least is None or number >= field.least) and (field.most is None or number <= field.most):
            yield number


def _holds(literal: Literal, value: Any) -> bool:
    """Return whether the test comes out as it has to. Of a value that no test names, `contains` may be either."""
    if value is not _UNNAMED:
        return OPERATORS[literal.test](value, literal.want, {}) is not literal.negated
    match literal.test:
        case "contains":
            return True
        case "exists":
            return literal.want is not literal.negated
        case "not_equals" | "not_in":
            return not literal.negated
        case _:
            return literal.negated


def _ages(literals: Iterable[Literal]) -> Iterator[float]:
    """Yield numbers of days that the tests can tell apart."""
    points = {
        number for one in literals for number in (one.want.values() if isinstance(one.want, Mapping) else [one.want])
    }
    return _numbers(_ANY, points)


def _fits(literal: Literal, age: float) -> bool:
    return days_fit(age, literal.want) is not literal.negated


# Fields of which one says whether the other has a value.
_TRUE_IF_SET: Final = (("lead.has_email", "lead.email"), ("lead.has_phone", "lead.phone"))
_SET_TOGETHER: Final = (("lead.hours_to_first_contact", "lead.first_contact_at"),)


def conflicting(path: str, tests: Mapping[str, Collection[Literal]]) -> str | None:
    """Return another field whose tests exclude those of this one; None if there is none."""
    for pair in (*_TRUE_IF_SET, *_SET_TOGETHER):
        if path not in pair or not tests.keys() >= {*pair}:
            continue
        first, second = (possible(tests[one]) for one in pair)
        is_set, is_unset = (
            (True in first.values, False in first.values) if pair in _TRUE_IF_SET else (first.some, first.none)
        )
        if not ((is_set and second.some) or (is_unset and second.none)):
            return pair[1] if path == pair[0] else pair[0]
    return None
