"""Template context: sanitised values, and objects in place of missing values."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from jinja2 import Undefined, UndefinedError
from jinja2.utils import missing

from app.messaging.rendering.safe_text import one_line
from app.messaging.rendering.variables import CUSTOM_GROUP, VARIABLES, Values

MAX_VALUE_LENGTH = 200  # characters; names and titles come from public forms

Placeholder: TypeAlias = Callable[[str], str]  # from a variable's name to the text that replaces its missing value


class MissingVariable(UndefinedError):
    """The message has no value for a variable of its template: `field`, such as `lead.value`."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} has no value in this message")
        self.field = field


def build_context(values: Values, placeholder: Placeholder | None) -> dict[str, object]:
    """Return the values by group and name, for rendering.

    A missing value prints the text of `placeholder`. If that is None, its use raises MissingVariable.
    """
    make: Callable[[str], Undefined] = (
        (lambda field: _PlaceholderValue(field, placeholder)) if placeholder else MissingValue
    )
    defaults = _missing_values(make) if placeholder else _ALL_MISSING
    context = {group: {**default, **_present(values.get(group, {}))} for group, default in defaults.items()}
    return {**context, CUSTOM_GROUP: _CustomFields(_present(values.get(CUSTOM_GROUP, {})), make)}


class MissingValue(Undefined):
    """A missing value: false in a condition; printing or comparing it raises MissingVariable."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = __eq__ = __ne__ = __hash__ = Undefined._fail_with_undefined_error  # noqa: SLF001

    def __init__(self, hint: str | None = None, obj: object = missing, name: str | None = None) -> None:
        super().__init__(hint, obj, name, MissingVariable)


class _PlaceholderValue(Undefined):
    """A missing value that prints a placeholder. Every comparison with it is false, except `!=`."""

    __slots__ = ("_fill",)

    def __init__(self, field: str, fill: Placeholder) -> None:
        super().__init__(field)
        self._fill = fill

    def __str__(self) -> str:
        return self._fill(str(self._undefined_hint))

    def __len__(self) -> int:
        return len(str(self))

    def _compare(self, _: object) -> bool:
        str(self)  # reports the variable as missing
        return False

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _compare  # type: ignore[assignment]
    __hash__ = Undefined.__hash__

    def __ne__(self, other: object) -> bool:
        return not self._compare(other)


class _CustomFields:
    """Values of a clinic's custom fields by key. A key such as `items` is a value and never a method."""

    def __init__(self, values: Mapping[str, object], make_missing: Callable[[str], Undefined]) -> None:
        self._values = values
        self._make_missing = make_missing

    def __getitem__(self, key: str) -> object:
        return self._values[key] if key in self._values else self._make_missing(f"{CUSTOM_GROUP}.{key}")


def _missing_values(make: Callable[[str], Undefined]) -> dict[str, dict[str, Undefined]]:
    return {group: {name: make(f"{group}.{name}") for name in names} for group, names in VARIABLES.items()}


_ALL_MISSING = _missing_values(MissingValue)


class _FalseText(str):
    """The text `no`: printed like any other text, but false in a condition."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _sanitised(value) for name, value in values.items() if value is not None}


def _sanitised(value: object) -> str:
    """Return one line of limited length, because values from public forms must not add paragraphs to a message."""
    if isinstance(value, bool):
        return "yes" if value else _FalseText("no")
    return one_line(str(value))[:MAX_VALUE_LENGTH]
