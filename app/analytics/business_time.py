"""Business time in SQL: how long the clinic was open between two columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, ColumnElement, DateTime, bindparam, func, literal
from sqlalchemy.sql.elements import Grouping

from app.core.calendar.calendar import Calendar, Span

_SECOND: Final = timedelta(seconds=1)


class OpeningTime:
    """The opening windows of a clinic from `since` to `until`, as SQL arrays."""

    def __init__(self, calendar: Calendar, since: datetime, until: datetime) -> None:
        self._spans: Sequence[Span] = calendar.spans_between(since, until)
        lengths = [(closes - opens) // _SECOND for opens, closes in self._spans]
        self._opens = _array([span.opens for span in self._spans], DateTime(timezone=True))
        self._lengths = _array(lengths, BigInteger())
        self._before = _array([0, *accumulate(lengths)][:-1], BigInteger())

    def seconds_between(self, start: Any, end: Any) -> Any:
        """Return the seconds of business time between two columns, at least 0."""
        if not self._spans:
            return literal(0)
        return func.greatest(self._open_until(end) - self._open_until(start), 0)

    def _open_until(self, at: Any) -> ColumnElement[Any]:
        """Return the seconds that the clinic was open until this time, since the first window."""
        place = func.width_bucket(at, self._opens)
        of_window = func.least(func.extract("epoch", at - self._opens[place]), self._lengths[place])
        return func.coalesce(self._before[place] + of_window, 0)  # null before the first window


def _array(values: Sequence[object], kind: Any) -> Any:
    """Return an array in parentheses, which a subscript needs."""
    return Grouping(bindparam(None, values, type_=ARRAY(kind)))
