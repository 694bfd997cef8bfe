"""Contact policy of a clinic: caps and times for messages to leads. Without settings there are no limits."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final, Self

from app.core.calendar.durations import parse_duration
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.failure_breaker import Breaker

_DAYS: Final = timedelta(days=2)  # covers a local day in any time zone
_WEEK: Final = timedelta(days=8)
_NOTHING: Final = timedelta()


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """Limits for messages to one lead, over all rules and sequences; None: no limit.

    Days and weeks (from Monday) are in the lead's local time. Quiet hours always apply as well.
    """

    daily_cap: int | None = None
    weekly_cap: int | None = None
    per_sequence_cap: int | None = None  # per rule or sequence, without a time limit
    minimum_interval: timedelta | None = None  # between two messages
    window: timedelta | None = None  # at most one message in this time: the one with the highest priority
    business_hours_only: bool = False
    weekends: bool = True
    holidays: bool = True
    breaker: Breaker | None = Breaker()  # noqa: RUF009  (it is frozen)

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Read the JSON of a clinic's row. Durations are text such as `1 day 4 hours`; missing keys get the default."""
        lengths = {name: stored[name] and parse_duration(stored[name]) for name in LENGTHS if name in stored}
        breaker = {"breaker": Breaker.from_json(stored["breaker"])} if "breaker" in stored else {}
        return cls(**{**stored, **lengths, **breaker})

    def to_json(self) -> JsonDict:
        """Return the JSON for a clinic's row. Only for policies without durations, such as the default."""
        return asdict(self)

    @property
    def counts_touches(self) -> bool:
        """Whether the policy depends on earlier messages to a lead."""
        return self.looks_back > _NOTHING or self.per_sequence_cap is not None

    @property
    def looks_back(self) -> timedelta:
        """Return the age up to which earlier messages count, apart from `per_sequence_cap`."""
        days = _DAYS if self.daily_cap else _NOTHING
        week = _WEEK if self.weekly_cap else _NOTHING
        return max(days, week, self.minimum_interval or _NOTHING, self.window or _NOTHING)

    @property
    def most_counted(self) -> int:
        """Return how many of the latest messages must be known to apply the policy."""
        return max(1, self.daily_cap or 0, self.weekly_cap or 0, self.per_sequence_cap or 0)


LENGTHS: Final = ("minimum_interval", "window")
