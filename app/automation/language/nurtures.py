"""Nurtures: which leads are enrolled into a sequence, and at which hours."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from app.automation.language.base import Strict
from app.automation.language.params import SequenceSlug
from app.automation.language.timing import MOST_HOURS
from app.automation.language.types.containers import Items
from app.automation.language.types.errors import Line
from app.automation.language.types.primitives import Hour, OneOf, Parsed, Slug, Trimmed, Truth, Whole
from app.core.calendar.durations import InvalidDuration, parse_duration
from app.core.calendar.hours import WEEKDAYS
from app.core.type_aliases import JsonObject
from app.leads.fields import HIGHEST_SCORE

LARGEST: Final = 2_147_483_647  # PostgreSQL's integer
SMALLEST_BATCH, LARGEST_BATCH = 50, 100  # leads-follow-up-feature.md, "Scalability Considerations"
RUN_HOURS: Final = ["09:00", "14:00", "18:00"]  # leads-follow-up-feature.md, "Cron Job Configuration"
SILENT_FOR: Final = "24 hours"  # ... "Lead Identification Criteria"
SHORTEST_SILENCE, LONGEST_SILENCE = timedelta(minutes=1), timedelta(days=90)


def _silence(text: str) -> None:
    """Raises InvalidDuration."""
    if not SHORTEST_SILENCE <= parse_duration(text) <= LONGEST_SILENCE:
        raise InvalidDuration(f"must be from 1 minute to {LONGEST_SILENCE.days} days")


def _days_in_order(days: list[str]) -> list[str]:
    return sorted(set(days), key=WEEKDAYS.index)


def _hours_in_order(hours: list[str]) -> list[str]:
    return sorted(set(hours))


_Hours = Annotated[
    list[Annotated[Hour, Trimmed]],
    Items(f"must be a list of 1 to {MOST_HOURS} hours of the day", most=MOST_HOURS, least=1),
    AfterValidator(_hours_in_order),
]
_Day = Annotated[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], OneOf()]
_Days = Annotated[
    list[_Day],
    Items(f"must be a list of 1 to {len(WEEKDAYS)} days of the week", most=len(WEEKDAYS), least=1),
    AfterValidator(_days_in_order),
]
_Score = Annotated[int, Whole(0, HIGHEST_SCORE)]


class Nurture(Strict):
    """A nurture: at these hours, leads with a score in the range that were silent are enrolled into a sequence."""

    example: ClassVar[object] = {
        "name": "social-nurture",
        "sequence": "social-nurture",
        "run_hours": ["09:00", "14:00", "18:00"],
        "score_from": 2,
        "score_to": 6,
        "silent_for": "24 hours",
    }

    name: Annotated[Slug, Trimmed] = Field(description="Its name, which never changes.", examples=["social-nurture"])
    sequence: Annotated[SequenceSlug, Trimmed] = Field(
        description="The slug of the sequence that leads are enrolled into.", examples=["social-nurture"]
    )
    is_active: Truth = Field(
        default=True, description="`false`: there are no new runs, and a run in progress stops.", examples=[False]
    )
    run_hours: _Hours = Field(
        default=RUN_HOURS, description="The hours of its runs, in the clinic's local time.", examples=[["09:00"]]
    )
    days: _Days | None = Field(
        default=None, description="The days of the week; all days unless given.", examples=[["mon", "thu"]]
    )
    score_from: _Score = Field(description="The lowest score.", examples=[2])
    score_to: _Score = Field(description="The highest score, which is included.", examples=[6])
    silent_for: Annotated[str, Parsed(_silence), Trimmed] = Field(
        default=SILENT_FOR,
        description="How long the lead has been silent: 1 minute to 90 days.",
        examples=[SILENT_FOR],
    )
    batch: Annotated[int, Whole(SMALLEST_BATCH, LARGEST_BATCH)] = Field(
        default=LARGEST_BATCH, description="The number of leads that one transaction enrolls.", examples=[50]
    )
    most: Annotated[int, Whole(1, LARGEST)] | None = Field(
        default=None, description="The most leads of one run; no limit unless given.", examples=[500]
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for scores in the wrong order."""
        lowest, highest = given.get("score_from"), given.get("score_to")
        if isinstance(lowest, int) and isinstance(highest, int) and lowest > highest:
            yield Line(("score_to",), "score_to must not be less than score_from")
