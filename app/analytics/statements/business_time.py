"""Business time in SQL: how long the clinic was open between two columns."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from math import inf
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Double, bindparam, func, literal
from sqlalchemy.sql.elements import Grouping

from app.core.calendar.calendar import Calendar

_A_SECOND: Final = 1e6  # microseconds
_DOUBLES: Final[Any] = ARRAY(Double())


class OpeningTime:
    """The opening windows of a clinic from `since` to `until`, as SQL arrays of seconds since 1970.

    The clinic was open for `least(t + shift, most)` seconds until t, with `shift` and `most` of the last window that
    opened before t. Two subscripts are cheaper than the window's start, its length and the seconds before it.
    """

    def __init__(self, calendar: Calendar, since: datetime, until: datetime) -> None:
        windows = [(one.opens.timestamp(), one.closes.timestamp()) for one in calendar.spans_between(since, until)]
        totals = [0.0, *accumulate(closes - opens for opens, closes in windows)]
        starts = [opens for opens, _ in windows]
        self._has_windows = bool(windows)
        self.arrays = {
            "opens": [-inf, *starts],
            "shifts": [inf, *(total - opens for total, opens in zip(totals, starts, strict=False))],
            "most": [0.0, *totals[1:]],
        }
        self._opens, self._shifts, self._most = (_array(one) for one in self.arrays.values())

    def seconds_between(self, start: Any, end: Any) -> Any:
        """Return the seconds of business time between two columns, at least 0, rounded to microseconds.

        Seconds since 1970 are exact to less than a microsecond, so the result does not depend on `since`.
        """
        if not self._has_windows:
            return literal(0.0)
        seconds: Any = self._open_until(end) - self._open_until(start)
        return func.greatest(func.round(seconds * _A_SECOND, type_=Double()) / _A_SECOND, 0.0)

    def _open_until(self, at: Any) -> ColumnElement[Any]:
        """Return the seconds that the clinic was open until this time, since the first window."""
        seconds: Any = func.date_part("epoch", at, type_=Double())
        place = func.width_bucket(seconds, self._opens)
        return func.least(seconds + self._shifts[place], self._most[place])


def _array(values: Sequence[float]) -> Any:
    """Return an array in parentheses, which a subscript needs."""
    return Grouping(bindparam(None, values, type_=_DOUBLES))
