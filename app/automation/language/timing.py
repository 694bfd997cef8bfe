"""Timing of rules and steps: delays, hours of the day, dates to count from."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.base import Maybe, Strict
from app.automation.language.conditions import field_at, paths_schema
from app.automation.language.known_names import known_names
from app.automation.language.types.containers import ByShape, Items, is_mapping
from app.automation.language.types.errors import Line, problem
from app.automation.language.types.primitives import Hour, OneOf, Parsed, Period, Whole, about
from app.automation.language.vocabulary import FIELDS, Type, When, fields_at
from app.core.calendar.durations import InvalidDuration, parse_wait
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import not_known
from app.engine.events.events import DATE_REACHED
from app.engine.rules.timing import BEST_TIME

MOST_HOURS: Final = 24
DATED: Final = frozenset({Type.DATE, Type.INSTANT, Type.ANY})


class _DatePath:
    """Validator: a path of a field that is a date or an instant."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, path: object, info: ValidationInfo) -> object:
        known = known_names(info)
        field = field_at(path, When.PLANNING, known)
        if field is None or field.type not in DATED:
            dated = [one for one, field in fields_at(When.PLANNING, known.fields).items() if field.type in DATED]
            raise problem(not_known(path, dated))
        return path

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return paths_schema(path for path, field in FIELDS.items() if field.type in DATED)


DatePath = TypeAliasType(
    "DatePath", Annotated[str, _DatePath(), about("The path of a date.", "lead.custom.passport_expiry")]
)
Hours = Annotated[
    str | list[str],
    ByShape(
        {
            "one": Hour,
            "several": Annotated[
                list[Hour], Items(f"must be a list of 1 to {MOST_HOURS} hours of the day", most=MOST_HOURS, least=1)
            ],
        },
        lambda value: "several" if isinstance(value, list) else "one",
    ),
]
At = Annotated[
    Maybe[Hours],
    Field(
        description="An hour of the day, or several. After a wait of days: of that day; else the next such hour.",
        examples=["09:00", ["09:00", "14:00"]],
    ),
]
Zone = Annotated[
    Literal["clinic", "lead"],
    OneOf(),
    Field(description="The local time of `at` and `on_day`: the clinic's or the lead's.", examples=["lead"]),
]
OnDay = Annotated[
    Maybe[Annotated[int, Whole(1, 31)]],
    Field(description="A day of the month; in a shorter month its last day.", examples=[1]),
]
Clock = Annotated[
    Literal["wall", "business", "business_days", "opening_hours"],
    OneOf(),
    Field(
        description=(
            "`business`: a day is a working day, to the same hour; hours are opening hours; a week is a calendar week. "
            "`business_days` leaves out days on which the clinic is closed, and begins and ends while it is open. "
            "`opening_hours` counts opening hours only, so that a day is 24 of them."
        ),
        examples=["business"],
    ),
]


class Delay(Strict):
    """A delay from the end of the step before. Without `at`, `on_day` or `best_time` it needs `time`."""

    example: ClassVar[object] = {"time": "2 hours", "clock": "business"}

    time: Maybe[Period] = Field(default=None, description="How long to wait.", examples=["3 days"])
    clock: Clock = "wall"
    at: At = None
    zone: Zone = "clinic"
    on_day: OnDay = None
    best_time: bool = Field(
        default=False,
        description=(
            "After the wait, the next hour in opening hours at which the lead is best reached; the next opening if no"
            " hour is likely better than others. `after: best_time` is the same without a wait."
        ),
        examples=[True],
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for a delay without a length, for hours beside the best time, and for a date in a step."""
        is_best, hours = given.get("best_time") is True, given.keys() & {"at", "on_day"}
        if not is_best and not hours and "time" not in given:
            yield Line(("time",), "is missing")
        if is_best and hours:
            yield Line((min(hours),), "and best_time exclude each other")
        if "of" in given and "of" not in cls.model_fields:
            yield Line(("of",), "is not for steps: they count from the end of the one before")


class After(Delay):
    """A delay from the event, or from a date. Without `at`, `on_day` or `best_time` it needs `time`."""

    example: ClassVar[object] = {"time": "3 days", "at": "09:00", "zone": "lead"}

    of: Maybe[DatePath] = Field(
        default=None, description="A date to count from, instead of the event.", examples=["lead.custom.visit"]
    )


class Before(Strict):
    """A time before a date."""

    must_be: ClassVar[str] = 'must be like {time: 180 days, of: lead.custom.passport_expiry, at: "09:00"}'
    example: ClassVar[object] = {"time": "180 days", "of": "lead.custom.passport_expiry", "at": "09:00"}

    time: Period = Field(description="How long before the date.", examples=["180 days"])
    of: DatePath = Field(description="The date.", examples=["lead.custom.passport_expiry"])
    clock: Annotated[Literal["wall"], OneOf()] = Field(
        default="wall", description="Opening hours do not count backwards.", examples=["wall"]
    )
    at: At = None
    zone: Zone = "clinic"
    on_day: OnDay = None


def _shape_of_after(value: object) -> str:
    return "best" if value == BEST_TIME else is_mapping(value)


def _at_least_a_day(text: str) -> None:
    """Raises InvalidDuration."""
    wait = parse_wait(text)
    if not (wait.months or wait.time.days):
        raise InvalidDuration("must be at least a day")


_BestTime = Annotated[Literal["best_time"], OneOf()]
AfterOrPeriod = Annotated[str | After, ByShape({"best": _BestTime, "word": Period, "parts": After}, _shape_of_after)]
DelayOrPeriod = Annotated[str | Delay, ByShape({"best": _BestTime, "word": Period, "parts": Delay}, _shape_of_after)]
Every = Annotated[str, Parsed(_at_least_a_day)]


def timing_conflicts(given: JsonObject) -> Iterator[Line]:
    """Yield the mistakes of `after`, `before` and `before_due` that concern each other or the events."""
    named = [key for key in ("after", "before", "before_due") if key in given]
    if len(named) > 1:
        yield Line((named[0],), f"and {named[1]} exclude each other")
    events = _listed(given.get("on"))
    if "before_due" in given and not all(str(event).startswith("task.") for event in events):
        yield Line(("before_due",), "needs a task that is due: `on` may name task events only")
    moments = [given[key] for key in ("after", "before") if isinstance(given.get(key), Mapping)]
    if DATE_REACHED in events and not any(str(moment.get("of")).startswith("lead.") for moment in moments):
        sentence = "needs the date of a lead: before: {time: 180 days, of: lead.custom.passport_expiry}"
        yield Line(("on",), f"{DATE_REACHED} {sentence}")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
