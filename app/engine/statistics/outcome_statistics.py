"""Outcome counts per rule and sequence, by hour and in total. Counted when steps end, never by reading the steps."""

import os
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, Text, TextClause, delete, text
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


class SeriesTotal(Base):
    """The counts of a rule or sequence before its rows of `SeriesHour`. The sweep adds each hour that it deletes."""

    __tablename__ = "series_totals"

    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    series: Mapped[str] = mapped_column(Text, primary_key=True)
    done: Mapped[int] = mapped_column(BigInteger)
    sent: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)


class Runs(NamedTuple):
    """The steps and messages of a rule or sequence that ran."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0


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
_RUNS: Final = text(
    "SELECT series, sum(done + sent)::bigint AS succeeded, sum(failed)::bigint AS failed FROM ("
    " SELECT series, done, sent, failed FROM series_totals WHERE clinic_id = :clinic AND series = ANY(:names)"
    " UNION ALL"
    " SELECT series, done, sent, failed FROM series_hours WHERE clinic_id = :clinic AND series = ANY(:names)"
    ") AS counted GROUP BY series"
)


def _move_to_totals(condition: str) -> TextClause:
    """Return the statement that deletes hours and adds their counts to the totals, so that nothing counts twice."""
    return text(
        f"WITH gone AS (DELETE FROM series_hours WHERE {condition} RETURNING clinic_id, series, done, sent, failed)"  # noqa: S608
        " INSERT INTO series_totals AS t (clinic_id, series, done, sent, failed)"
        " SELECT clinic_id, series, sum(done), sum(sent), sum(failed) FROM gone"
        " GROUP BY clinic_id, series ORDER BY clinic_id, series"  # fixed order, to avoid deadlocks
        " ON CONFLICT (clinic_id, series) DO UPDATE SET done = t.done + excluded.done, sent = t.sent + excluded.sent,"
        " failed = t.failed + excluded.failed"
    )


_FORGET: Final = _move_to_totals("hour <= :before")
_RESET: Final = _move_to_totals("clinic_id = :clinic AND series = :name")


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


def runs_of(session: Session, clinic_id: UUID, slugs: Collection[str]) -> Mapping[str, Runs]:
    """Return the runs of the clinic's rules and sequences with these names. One that never ran is left out."""
    found = session.execute(_RUNS, {"clinic": clinic_id, "names": list(slugs)}) if slugs else ()
    return {slug: Runs(succeeded + failed, succeeded, failed) for slug, succeeded, failed in found}


def reset_counts(session: Session, series: Series) -> None:
    """Reset the recent counts of a rule or sequence, after a user has checked it. Its totals stay."""
    session.execute(_RESET, {"clinic": series.clinic_id, "name": series.slug})


def forget_series(session: Session, series: Series) -> None:
    """Delete all counts of a deleted rule, so that another one of its name begins at zero."""
    for model in (SeriesHour, SeriesTotal):
        session.execute(delete(model).where(model.clinic_id == series.clinic_id, model.series == series.slug))


def delete_old_hours(session: Session) -> None:
    """Delete the hours outside the evaluated period, and add their counts to the totals."""
    session.execute(_FORGET, {"before": clock.now() - LOOKED_BACK})
