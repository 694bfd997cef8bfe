"""Due times of tasks that rules create for many leads at once: spread over the opening hours of the clinic.

A user gets no more tasks in an hour than the clinic's setting `spread_tasks_per_hour` allows, and no more on a day than
fit into its opening hours. The first free time at or after the wished one is taken, in the order of the wished times;
open tasks that the user already has count.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.calendar.calendar import Calendar, NeverOpen
from app.identity.clinic_context import ClinicContext

HOUR: Final = timedelta(hours=1)
_HOUR_SECONDS: Final = 3600
MOST_READ: Final = 1000  # due times of one user

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('spread tasks'), hashtext(CAST(:clinic AS text)))")
_OPEN: Final = "status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"
_BY_DAY: Final = text(
    "SELECT assigned_to_id AS user_id, CAST(due_at AT TIME ZONE :zone AS date) AS day, count(*) AS n FROM lead_tasks"  # noqa: S608
    f" WHERE assigned_to_id = ANY(:users) AND due_at >= :since AND {_OPEN} GROUP BY 1, 2"
)
_TIMES: Final = text(
    "SELECT wanted.user_id, t.due_at FROM unnest(CAST(:users AS uuid[]), CAST(:starts AS timestamptz[]))"  # noqa: S608
    " AS wanted (user_id, since) CROSS JOIN LATERAL (SELECT due_at FROM lead_tasks"
    f" WHERE assigned_to_id = wanted.user_id AND due_at >= wanted.since AND {_OPEN} ORDER BY due_at LIMIT :most) AS t"
)


class WishedTask(NamedTuple):
    """The user who gets a task, and the due time that its rule gives it."""

    user_id: UUID
    due_at: datetime


def spread(session: Session, clinic: ClinicContext, wished: Sequence[WishedTask]) -> list[datetime]:
    """Return the due time of each task.

    Holds a lock of the clinic until the commit, so that each time is taken once.
    """
    if not wished:
        return []
    session.execute(_LOCK, {"clinic": clinic.id})
    earliest: dict[UUID, datetime] = {}
    for task in wished:
        earliest[task.user_id] = min(task.due_at, earliest.get(task.user_id, task.due_at))
    starts = _first_days_with_room(session, clinic, earliest)
    times = _times(session, clinic, starts)
    order = sorted(range(len(wished)), key=lambda place: wished[place].due_at)  # stable
    found = {place: times[wished[place].user_id].take(wished[place].due_at) for place in order}
    return [found[place] for place in range(len(wished))]


class FreeTimes:
    """The times of one user that are free, from `start` on. An hour has `per_hour` slots of equal length."""

    def __init__(self, calendar: Calendar, start: datetime, taken: Sequence[datetime], *, per_hour: int) -> None:
        self._calendar = calendar
        self._start = start
        self._next = start
        self._per_hour = per_hour
        self._taken = {slot_of(due_at, per_hour) for due_at in taken}

    def take(self, wished: datetime) -> datetime:
        """Take the wished time if it is free, else the next free time while the clinic is open."""
        found = wished
        if wished < self._start or self._slot(wished) in self._taken:
            found = next(at for at in self._open_times(max(wished, self._next)) if self._slot(at) not in self._taken)
            self._next = found
        self._taken.add(self._slot(found))
        return found

    def _open_times(self, after: datetime) -> Iterator[datetime]:
        at = after
        while True:
            at = _next_open(self._calendar, at)
            yield at
            at = begin_of(self._slot(at) + 1, self._per_hour)

    def _slot(self, at: datetime) -> int:
        return slot_of(at, self._per_hour)


def slot_of(at: datetime, per_hour: int) -> int:
    """Return the number of the slot of an instant, if an hour has `per_hour` slots."""
    return int(at.timestamp()) * per_hour // _HOUR_SECONDS


def begin_of(slot: int, per_hour: int) -> datetime:
    """Return the first whole second of a slot."""
    return datetime.fromtimestamp(-(-slot * _HOUR_SECONDS // per_hour), UTC)


def _first_days_with_room(
    session: Session, clinic: ClinicContext, earliest: Mapping[UUID, datetime]
) -> dict[UUID, datetime]:
    """Return from when each user has room: the earliest wished time, or the first day with free times."""
    given = {"users": list(earliest), "since": min(earliest.values()), "zone": clinic.calendar.zone.key}
    counts: dict[UUID, Counter[date]] = defaultdict(Counter)
    for row in session.execute(_BY_DAY, given):
        counts[row.user_id][row.day] = row.n
    return {user_id: _first_room(clinic, start, counts[user_id]) for user_id, start in earliest.items()}


def room_between(clinic: ClinicContext, begins: datetime, ends: datetime) -> int:
    """Return how many tasks of one user fit into the opening hours between two instants."""
    return clinic.calendar.business_time_between(begins, ends) * clinic.spread_tasks_per_hour // HOUR


def _first_room(clinic: ClinicContext, start: datetime, counts: Mapping[date, int]) -> datetime:
    at, calendar = start, clinic.calendar
    while counts[calendar.local(at).date()]:
        tomorrow = calendar.at_wall_time(calendar.local(at).date() + timedelta(days=1), time.min)
        if counts[calendar.local(at).date()] < room_between(clinic, at, tomorrow):
            return at
        at = _next_open(calendar, tomorrow)
    return at


def _times(session: Session, clinic: ClinicContext, starts: Mapping[UUID, datetime]) -> dict[UUID, FreeTimes]:
    calendar, per_hour = clinic.calendar, clinic.spread_tasks_per_hour
    # A task may be due a moment before the start, in the same slot: it was created a moment before.
    since = [begin_of(slot_of(start, per_hour), per_hour) for start in starts.values()]
    taken: dict[UUID, list[datetime]] = defaultdict(list)
    for row in session.execute(_TIMES, {"users": list(starts), "starts": since, "most": MOST_READ}):
        taken[row.user_id].append(row.due_at)
    return {user_id: FreeTimes(calendar, start, taken[user_id], per_hour=per_hour) for user_id, start in starts.items()}


def _next_open(calendar: Calendar, at: datetime) -> datetime:
    """Return the next instant at which the clinic is open. A clinic that never opens is taken as always open."""
    try:
        return calendar.next_open(at)
    except NeverOpen:
        return at
