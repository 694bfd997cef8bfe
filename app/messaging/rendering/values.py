"""What a template finds when it is rendered: values made tame, and something in place of those that there are not."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jinja2 import Undefined, UndefinedError
from jinja2.utils import missing

from app.messaging.rendering.safe_text import one_line
from app.messaging.rendering.variables import OWN, VARIABLES, Values

LONGEST_VALUE = 200  # of a name or a title: strangers type them into forms

Gap: TypeAlias = Callable[[str], str]  # what is written in place of a variable that has no value


class MissingVariable(UndefinedError):
    """A template speaks of something this message has no value for: `field`, such as `lead.value`."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} has no value in this message")
        self.field = field


def context_of(values: Values, gap: Gap | None) -> dict[str, object]:
    """The values by group and name; where there is none, what `gap` says, or an error once it is asked for."""
    make: Callable[[str], Undefined] = (lambda field: _Gap(field, gap)) if gap else Absent
    nothing = _nothing_but(make) if gap else _NOTHING
    said = {group: {**absent, **_given(values.get(group, {}))} for group, absent in nothing.items()}
    return {**said, OWN: _OwnFields(_given(values.get(OWN, {})), make)}


class Absent(Undefined):
    """No value: a condition that does not hold, and an error to print or to compare."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = __eq__ = __ne__ = __hash__ = Undefined._fail_with_undefined_error  # noqa: SLF001

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None) -> None:
        super().__init__(hint, obj, name, MissingVariable)


class _Gap(Undefined):
    """No value, and something to write all the same. Nothing is equal to it, or comes before or after it."""

    __slots__ = ("_fill",)

    def __init__(self, field: str, fill: Gap) -> None:
        super().__init__(field)
        self._fill = fill

    def __str__(self) -> str:
        return self._fill(str(self._undefined_hint))

    def __len__(self) -> int:
        return len(str(self))

    def _is_no(self, _: object) -> bool:
        str(self)  # for it is asked what it is
        return False

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _is_no  # type: ignore[assignment]
    __hash__ = Undefined.__hash__

    def __ne__(self, other: object) -> bool:
        return not self._is_no(other)


class _OwnFields:
    """Values of a clinic's own fields by their keys, whatever those are called: `items` is one, and no method."""

    def __init__(self, values: Mapping[str, object], nothing: Callable[[str], Undefined]) -> None:
        self._values = values
        self._nothing = nothing

    def __getitem__(self, key: str) -> object:
        return self._values[key] if key in self._values else self._nothing(f"{OWN}.{key}")


def _nothing_but(make: Callable[[str], Undefined]) -> dict[str, dict[str, Undefined]]:
    return {group: {name: make(f"{group}.{name}") for name in names} for group, names in VARIABLES.items()}


_NOTHING = _nothing_but(Absent)


class _No(str):
    """A no: printed like any other text, and a condition that does not hold."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _tame(value) for name, value in values.items() if value is not None}


def _tame(value: object) -> str:
    """A name typed into a public form must not grow into paragraphs of somebody else's message."""
    if isinstance(value, bool):
        return "yes" if value else _No("no")
    return one_line(str(value))[:LONGEST_VALUE]
