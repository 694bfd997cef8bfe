"""How often, and when, a clinic lets its leads be written to. Off or generous, but for what it says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Self

from app.core.calendar.durations import parse_duration
from app.identity.failure_breaker import Breaker

_DAYS: Final = timedelta(days=2)  # a local day is within them, however long
_WEEK: Final = timedelta(days=8)
_NOTHING: Final = timedelta()


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """Messages to one lead, of all rules and sequences together; None: no limit.

    Days and weeks (from Monday) are those of where the lead is. Quiet hours hold whatever this says.
    """

    daily_cap: int | None = None
    weekly_cap: int | None = None
    per_sequence_cap: int | None = None  # of one rule or sequence, ever
    minimum_interval: timedelta | None = None  # between one and the next
    window: timedelta | None = None  # in which there is one, that which matters most
    business_hours_only: bool = False
    weekends: bool = True
    holidays: bool = True
    breaker: Breaker | None = Breaker()  # noqa: RUF009  (it is frozen)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what a clinic's row keeps: lengths of time as `1 day 4 hours`; what it does not name is the default."""
        lengths = {name: kept[name] and parse_duration(kept[name]) for name in LENGTHS if name in kept}
        breaker = {"breaker": Breaker.from_json(kept["breaker"])} if "breaker" in kept else {}
        return cls(**{**kept, **lengths, **breaker})

    def to_json(self) -> dict[str, Any]:
        """Return the policy as a clinic's row keeps it. Only for policies without lengths of time, as the default."""
        return asdict(self)

    @property
    def counts_touches(self) -> bool:
        """Whether it matters what went to a lead before."""
        return self.looks_back > _NOTHING or self.per_sequence_cap is not None

    @property
    def looks_back(self) -> timedelta:
        """How old a message may be and still count, but for the cap of each sequence."""
        days = _DAYS if self.daily_cap else _NOTHING
        week = _WEEK if self.weekly_cap else _NOTHING
        return max(days, week, self.minimum_interval or _NOTHING, self.window or _NOTHING)

    @property
    def most_counted(self) -> int:
        """How many messages say all that it asks: of more, the latest."""
        return max(1, self.daily_cap or 0, self.weekly_cap or 0, self.per_sequence_cap or 0)


LENGTHS: Final = ("minimum_interval", "window")
