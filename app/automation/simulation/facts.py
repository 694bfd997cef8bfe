"""Facts of a simulation's input, by path, checked against the vocabulary of rules. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from app.automation.language.vocabulary import FIELDS, Field, Type, field_of
from app.clock import is_in_range, zones
from app.core.calendar.durations import InvalidDuration, parse_duration
from app.core.type_aliases import JsonDict
from app.core.validation.validation_errors import Mistake, one_of, place_of
from app.leads.fields import TESTED, Form

MOST_FACTS: Final = 50
LONGEST_TEXT: Final = 500
MOST_VALUES: Final = 50
GROUPS: Final = ("lead", "task", "event")  # the groups of facts that a script may set

# Fields that a script may use to select or change a task, besides the fields of rules.
_SCRIPT_FIELDS: Final = {"task.title": Field(Type.TEXT, "Title of the task.")}
_PLAIN: Final[Mapping[Type, tuple[type, ...]]] = {
    Type.TEXT: (str,),
    Type.NUMBER: (int, float),
    Type.TRUTH: (bool,),
    Type.ANY: (str, int, float, bool),
}


class Facts(NamedTuple):
    """Facts by group and name, and their validation errors."""

    by_group: dict[str, JsonDict]
    mistakes: list[Mistake]


def read_facts(given: object, place: str, *, start: datetime, about: tuple[str, ...] = GROUPS) -> Facts:
    """Parse facts such as `{"lead.tags": ["urgent"], "event.outcome": "no_answer"}`.

    An instant may count from `start`: `+3 days`. Only groups in `about` are allowed.
    """
    found = Facts({group: {} for group in about}, [])
    if not isinstance(given, Mapping):
        found.mistakes.append(Mistake(place, "must map facts to values, such as lead.score: 80"))
    elif len(given) > MOST_FACTS:
        found.mistakes.append(Mistake(place, f"has more than {MOST_FACTS} facts"))
    else:
        for path, value in given.items():
            _read_one(found, str(path), value, place_of(place, str(path)), start=start)
    return found


def _read_one(found: Facts, path: str, value: object, place: str, *, start: datetime) -> None:
    group, _, name = path.partition(".")
    field = (field_of(path) or _SCRIPT_FIELDS.get(path)) if group in found.by_group else None
    if field is None:
        paths = [path for path in (*FIELDS, *_SCRIPT_FIELDS) if path.partition(".")[0] in found.by_group]
        found.mistakes.extend(one_of(path, paths, place))
        return
    try:
        found.by_group[group][name] = _SHAPES.get(path, _value)(field, value, start)
    except ValueError as problem:
        found.mistakes.append(Mistake(place, str(problem)))
        return
    if field.values and value is not None:
        found.mistakes.extend(one_of(value, field.values, place))


def _value(field: Field, value: object, start: datetime) -> object:
    """Return the parsed value. Raises ValueError (its message says what is expected)."""
    if value is None and field.type is not Type.LIST:
        return None
    if field.type is Type.INSTANT:
        return read_instant(value, start)
    if field.type is Type.LIST:
        return _list(value)
    if isinstance(value, date):
        return value.isoformat()  # YAML parses the date of a custom field
    return _plain(field.type, value)


def _plain(wanted: Type, value: object) -> object:
    is_truth = isinstance(value, bool)
    if not isinstance(value, _PLAIN.get(wanted, (str,))) or (is_truth and wanted not in {Type.TRUTH, Type.ANY}):
        raise ValueError(f"must be a {wanted}" if wanted is not Type.ANY else "must be a text, a number, true or false")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise ValueError(f"has more than {LONGEST_TEXT} characters")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > MOST_VALUES:
        raise ValueError(f"must be a list of at most {MOST_VALUES} texts")
    return [_plain(Type.TEXT, one) for one in value]


def read_instant(value: object, start: datetime) -> datetime:
    """Parse `2026-03-10T15:00:00Z`, or `+2 days 3 hours` from the start. Raises ValueError."""
    if isinstance(value, str) and value.startswith("+"):
        return start + _length(value[1:])
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return _refuse()
    is_right = instant.tzinfo is not None and is_in_range(instant)
    return instant.astimezone(UTC) if is_right else _refuse()


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except InvalidDuration as problem:
        raise ValueError(str(problem)) from None


def _refuse() -> datetime:
    raise ValueError("must be an instant such as 2026-03-10T15:00:00Z, or counted from the start: +2 days 3 hours")


def _zone(_: Field, value: object, __: datetime) -> object:
    if value is not None and value not in zones():
        raise ValueError("must be a zone such as America/New_York")
    return value


def _id(_: Field, value: object, __: datetime) -> object:
    try:
        return None if value is None else str(UUID(str(value)))
    except ValueError:
        raise ValueError("must be an id") from None


def _required(field: Field, value: object, start: datetime) -> object:
    if value is None:
        raise ValueError("must be known")
    return _value(field, value, start)


_SHAPES: Final[Mapping[str, Callable[[Field, object, datetime], object]]] = {
    "lead.assigned_to_id": _id,
    **{f"lead.{fact}": _id for fact, field in TESTED.items() if field.kind.form is Form.ID},
    **{f"lead.{fact}": _zone for fact, field in TESTED.items() if field.kind.form is Form.ZONE},
    **dict.fromkeys(("lead.status", "lead.pipeline_stage", "lead.failed_attempts", "task.due_at"), _required),
    **dict.fromkeys(("lead.created_at", "lead.last_activity_at", "lead.stage_entered_at"), _required),
}
