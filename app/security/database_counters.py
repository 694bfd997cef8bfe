"""Rate counters in PostgreSQL: for brokers without counters, and while the counter store does not answer.

The table is unlogged: counting writes no WAL and waits for no disk, and a crash of the server sets all counts to zero.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Text, TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, counter_engine

log = structlog.get_logger()


class RateCounter(Base):
    """The count of one window. After `ends_at` the next count starts a new window."""

    __tablename__ = "rate_counters"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012  (SQLAlchemy's contract)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime]


Counts = list[tuple[int, int]]  # (count, seconds until the window ends), in the order of the names

# In the order of the names, so that two calls never wait for each other. The server's clock is the same for all.
_INCREMENT: Final = text(
    "INSERT INTO rate_counters AS c (name, count, ends_at)"
    " SELECT name, :by, now() + make_interval(secs => :window)"
    " FROM unnest(CAST(:names AS text[])) AS name ORDER BY name"
    " ON CONFLICT (name) DO UPDATE SET"
    " count = CASE WHEN c.ends_at <= now() THEN excluded.count ELSE c.count + excluded.count END,"
    " ends_at = CASE WHEN c.ends_at <= now() THEN excluded.ends_at ELSE c.ends_at END"
    " RETURNING name, count AS used, CAST(ceil(extract(epoch FROM ends_at - now())) AS integer) AS seconds"
)
_READ: Final = text(
    "SELECT name, count AS used, CAST(ceil(extract(epoch FROM ends_at - now())) AS integer) AS seconds"
    " FROM rate_counters WHERE name = ANY(:names) AND ends_at > now()"
)
_DECREMENT: Final = text(
    "UPDATE rate_counters SET count = greatest(count - 1, 0) WHERE name IN"
    " (SELECT name FROM rate_counters WHERE name = ANY(:names) AND ends_at > now() ORDER BY name FOR UPDATE)"
    " RETURNING name, count AS used, 0 AS seconds"
)


def increment(names: Sequence[str], *, window: int, by: int) -> Counts | None:
    """Add `by` to each counter. Returns None if the database does not answer."""
    return _ask(_INCREMENT, names, window=window, by=by)


def read(names: Sequence[str]) -> Counts | None:
    """Return the counts. A counter without a current window is (0, 0)."""
    return _ask(_READ, names)


def decrement(names: Sequence[str]) -> None:
    """Subtract one from these counters."""
    _ask(_DECREMENT, names)


def _ask(statement: TextClause, names: Sequence[str], **given: object) -> Counts | None:
    try:
        with counter_engine().connect() as connection:
            rows = connection.execute(statement, {"names": list(names), **given})
            found = {row.name: (row.used, row.seconds) for row in rows}
    except SQLAlchemyError as failure:
        log.warning("rate_counters.database_unavailable", error=type(failure).__name__)
        return None
    return [found.get(name, (0, 0)) for name in names]
