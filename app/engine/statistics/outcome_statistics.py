"""Hourly outcome counts per rule and sequence. Counted when steps end, never by reading the steps."""

import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text, delete, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.core.db import Base, insert_many
from app.identity.failure_breaker import WINDOW_HOURS, StepCounts

SHARDS: Final = 16  # rows per hour: concurrent writers mostly use different rows and do not wait
TROUBLE: Final = "failed > 0 OR bounced > 0 OR opted_out > 0"
LOOKED_BACK: Final = timedelta(hours=WINDOW_HOURS)


class SeriesHour(Base):
    """The counts of a rule or sequence in one hour, in one shard."""

    __tablename__ = "series_hours"
    __table_args__ = (
        Index("ix_series_hours_hour", "hour"),
        Index("ix_series_hours_trouble", "hour", postgresql_where=text(TROUBLE)),
    )

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)  # no foreign key: checking it would lock the clinic's row
    series: Mapped[str] = mapped_column(Text, primary_key=True)  # the slug of a rule or a sequence
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    done: Mapped[int]
    sent: Mapped[int]
    failed: Mapped[int]
    bounced: Mapped[int]
    opted_out: Mapped[int]


class Series(NamedTuple):
    """A rule or a sequence of a clinic."""

    clinic_id: UUID
    slug: str


Counts: TypeAlias = Mapping[Series, Counter[str]]  # keyed by the field names of `Figures`

_MORE: Final = "ON CONFLICT (clinic_id, series, hour, shard) DO UPDATE SET " + ", ".join(
    f"{name} = series_hours.{name} + excluded.{name}" for name in StepCounts._fields
)
_SUMS: Final = ", ".join(f"sum(h.{name})::int AS {name}" for name in StepCounts._fields)
_TROUBLED: Final = text(
    f"WITH troubled AS (SELECT DISTINCT clinic_id, series FROM series_hours WHERE hour > :since AND ({TROUBLE}))"  # noqa: S608
    f" SELECT clinic_id, series, {_SUMS} FROM troubled JOIN series_hours AS h USING (clinic_id, series)"
    " WHERE h.hour > :since GROUP BY clinic_id, series ORDER BY clinic_id, series"
)
_FORGET: Final = text("DELETE FROM series_hours WHERE hour <= :before")


def add_counts(session: Session, counts: Counts) -> None:
    """Add to the counts in the caller's transaction. Call it at the end: the rows stay locked until the commit."""
    hour, shard = clock.now().replace(minute=0, second=0, microsecond=0), os.getpid() % SHARDS
    rows = [
        {
            "clinic_id": series.clinic_id,
            "series": series.slug,
            "hour": hour,
            "shard": shard,
            **{name: figures[name] for name in StepCounts._fields},
        }
        for series, figures in sorted(counts.items())  # fixed order, to avoid deadlocks
    ]
    insert_many(session, SeriesHour, rows, tail=_MORE)


def failing_series(session: Session) -> dict[Series, StepCounts]:
    """Return the counts of the last 24 hours for rules and sequences with failures, bounces or opt-outs."""
    rows = session.execute(_TROUBLED, {"since": clock.now() - LOOKED_BACK})
    return {Series(clinic_id, slug): StepCounts(*figures) for clinic_id, slug, *figures in rows}


def reset_counts(session: Session, series: Series) -> None:
    """Reset the counts of a rule or sequence, after a user has checked it."""
    mine = (SeriesHour.clinic_id == series.clinic_id, SeriesHour.series == series.slug)
    session.execute(delete(SeriesHour).where(*mine))


def delete_old_hours(session: Session) -> None:
    """Delete the hours outside the evaluated period."""
    session.execute(_FORGET, {"before": clock.now() - LOOKED_BACK})
