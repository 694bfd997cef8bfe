"""What came of each rule's and sequence's steps, by the hour: counted as it happens, never by looking at the steps."""

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
from app.identity.failure_breaker import HOURS_LOOKED_BACK, Figures

SHARDS: Final = 16  # rows of an hour: writers that come at once mostly have one each, and wait for nobody
TROUBLE: Final = "failed > 0 OR bounced > 0 OR opted_out > 0"
LOOKED_BACK: Final = timedelta(hours=HOURS_LOOKED_BACK)


class SeriesHour(Base):
    """The figures of a rule or sequence in one hour, as some of those who write have counted them."""

    __tablename__ = "series_hours"
    __table_args__ = (
        Index("ix_series_hours_hour", "hour"),
        Index("ix_series_hours_trouble", "hour", postgresql_where=text(TROUBLE)),
    )

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)  # no key: each check would lock the clinic's row
    series: Mapped[str] = mapped_column(Text, primary_key=True)  # the slug of a rule or a sequence
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    done: Mapped[int]
    sent: Mapped[int]
    failed: Mapped[int]
    bounced: Mapped[int]
    opted_out: Mapped[int]


class Series(NamedTuple):
    """A rule or a sequence of a clinic's."""

    clinic_id: UUID
    slug: str


Counts: TypeAlias = Mapping[Series, Counter[str]]  # by the names of `Figures`

_MORE: Final = "ON CONFLICT (clinic_id, series, hour, shard) DO UPDATE SET " + ", ".join(
    f"{name} = series_hours.{name} + excluded.{name}" for name in Figures._fields
)
_SUMS: Final = ", ".join(f"sum(h.{name})::int AS {name}" for name in Figures._fields)
_TROUBLED: Final = text(
    f"WITH troubled AS (SELECT DISTINCT clinic_id, series FROM series_hours WHERE hour > :since AND ({TROUBLE}))"  # noqa: S608
    f" SELECT clinic_id, series, {_SUMS} FROM troubled JOIN series_hours AS h USING (clinic_id, series)"
    " WHERE h.hour > :since GROUP BY clinic_id, series ORDER BY clinic_id, series"
)
_FORGET: Final = text("DELETE FROM series_hours WHERE hour <= :before")


def count(session: Session, counts: Counts) -> None:
    """Count these in the caller's transaction, best at its end: others may wait for the rows until its commit."""
    hour, shard = clock.now().replace(minute=0, second=0, microsecond=0), os.getpid() % SHARDS
    rows = [
        {
            "clinic_id": series.clinic_id,
            "series": series.slug,
            "hour": hour,
            "shard": shard,
            **{name: figures[name] for name in Figures._fields},
        }
        for series, figures in sorted(counts.items())  # in one order, as everybody who locks several
    ]
    insert_many(session, SeriesHour, rows, tail=_MORE)


def troubled(session: Session) -> dict[Series, Figures]:
    """The figures of the last 24 hours of those with which something went wrong."""
    rows = session.execute(_TROUBLED, {"since": clock.now() - LOOKED_BACK})
    return {Series(clinic_id, slug): Figures(*figures) for clinic_id, slug, *figures in rows}


def count_anew(session: Session, series: Series) -> None:
    """Forget what was counted of it: somebody has looked."""
    mine = (SeriesHour.clinic_id == series.clinic_id, SeriesHour.series == series.slug)
    session.execute(delete(SeriesHour).where(*mine))


def forget_past(session: Session) -> None:
    """Forget the hours that nobody asks about any more."""
    session.execute(_FORGET, {"before": clock.now() - LOOKED_BACK})
