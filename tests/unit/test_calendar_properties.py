"""Properties of opening hours in any zone, checked against a minute-by-minute reference."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.calendar.calendar import BusinessHours, Calendar, QuietHours

MINUTE = timedelta(minutes=1)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60

# A zone, and the date on which its clocks do something.
CHANGES = [
    ("Europe/Paris", date(2026, 3, 29)),  # 02:00 -> 03:00
    ("Europe/Paris", date(2026, 10, 25)),  # 03:00 -> 02:00
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # 02:00 -> 01:30
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # 02:00 -> 02:30
    ("America/Sao_Paulo", date(2018, 11, 4)),  # 00:00 -> 01:00
    ("America/Sao_Paulo", date(2018, 2, 18)),  # 00:00 -> 23:00 of the day before
    ("America/St_Johns", date(2006, 10, 29)),  # 00:01 -> 23:01 of the day before
    ("Pacific/Apia", date(2011, 12, 30)),  # skipped
    ("Asia/Kolkata", date(2028, 2, 29)),  # nothing but a leap day
]
ZONES = sorted({zone for zone, _ in CHANGES} | {"America/New_York", "Africa/Cairo", "Asia/Kathmandu", "UTC"})

quick = settings(max_examples=70, deadline=None)


def windows(edges: list[int]) -> list[list[str]]:
    texts = [f"{edge // 60:02}:{edge % 60:02}" for edge in sorted(edges)]
    return [list(pair) for pair in zip(texts[::2], texts[1::2], strict=False)]


def open_minutes_of(week: dict[str, list[list[str]]]) -> int:
    hours = BusinessHours.from_json(week)
    return sum((closes - opens) // MINUTE for day in hours.days for opens, closes in day)


edges = st.one_of(st.integers(0, 1440), st.sampled_from([0, 1, 60, 90, 120, 150, 180, 1380, 1440]))
days = st.lists(edges, unique=True, max_size=6).map(windows)
# An hour of opening at least, or three days of it would lie beyond the twenty years that are looked at.
weeks = st.fixed_dictionaries(dict.fromkeys(DAYS, days)).filter(lambda week: open_minutes_of(week) >= 60)
deltas = st.integers(0, 3 * 86_400_000_000).map(lambda micros: timedelta(microseconds=micros))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar, and midnight (UTC) three days before the clocks of its zone change."""
    zone, changes_on = draw(st.sampled_from(CHANGES))
    closed_on = frozenset(changes_on + timedelta(n) for n in draw(st.sets(st.integers(-3, 4), max_size=2)))
    calendar = Calendar(ZoneInfo(zone), BusinessHours.from_json(draw(weeks)), closed_on=closed_on)
    return calendar, datetime.combine(changes_on - timedelta(days=3), time(), UTC)


instants_in_week = st.integers(0, 7 * 86_400_000_000 - 1).map(lambda micros: timedelta(microseconds=micros))


@quick
@given(scenes(), instants_in_week, deltas)
def test_added_business_time_ends_in_an_open_window_or_at_its_end(
    scene: tuple[Calendar, datetime], after: timedelta, delta: timedelta
) -> None:
    calendar, start = scene
    due = calendar.add_business_time(start + after, delta)
    assert due >= start + after
    assert calendar.is_open(due) or calendar.is_open(due - timedelta(microseconds=1))


@quick
@given(scenes(), instants_in_week, deltas)
def test_business_time_between_start_and_result_equals_the_added_time(
    scene: tuple[Calendar, datetime], after: timedelta, delta: timedelta
) -> None:
    calendar, start = scene
    due = calendar.add_business_time(start + after, delta)
    assert calendar.business_time_between(start + after, due) == delta


@quick
@given(scenes(), instants_in_week, deltas, deltas)
def test_adding_in_two_parts_equals_adding_at_once(
    scene: tuple[Calendar, datetime], after: timedelta, first: timedelta, second: timedelta
) -> None:
    calendar, start = scene
    halfway = calendar.add_business_time(start + after, first)
    at_once = calendar.add_business_time(start + after, first + second)
    assert calendar.add_business_time(halfway, second) == at_once


@quick
@given(scenes(), st.tuples(instants_in_week, instants_in_week).map(sorted), st.tuples(deltas, deltas).map(sorted))
def test_later_start_or_longer_time_is_never_due_earlier(
    scene: tuple[Calendar, datetime], afters: list[timedelta], spent: list[timedelta]
) -> None:
    calendar, start = scene
    due = [calendar.add_business_time(start + after, delta) for after, delta in zip(afters, spent, strict=True)]
    assert due[0] <= calendar.add_business_time(start + afters[0], spent[1]) <= due[1]
    assert due[0] <= calendar.add_business_time(start + afters[1], spent[0]) <= due[1]


@quick
@given(scenes(), instants_in_week)
def test_next_open_is_the_first_open_instant(scene: tuple[Calendar, datetime], after: timedelta) -> None:
    calendar, start = scene
    now = start + after
    opens = calendar.next_open(now)
    assert calendar.is_open(opens)
    assert (opens == now) == calendar.is_open(now)
    assert calendar.business_time_between(now, opens) == timedelta()


@settings(max_examples=40, deadline=None)
@given(scenes(), st.integers(1, WEEK - 1), st.integers(0, 3000))
def test_results_equal_the_minute_by_minute_reference(
    scene: tuple[Calendar, datetime], minute: int, minutes: int
) -> None:
    calendar, start = scene
    is_open = list(open_minutes(calendar, start))
    now = start + minute * MINUTE

    assert calendar.is_open(now) == is_open[minute]
    assert calendar.business_time_between(start, now) == sum(is_open[:minute]) * MINUTE
    due = minute_after_open_minutes(is_open, minute, minutes)
    answer = calendar.add_business_time(now, minutes * MINUTE)
    assert answer == start + due * MINUTE if due is not None else answer >= start + WEEK * MINUTE


def open_minutes(calendar: Calendar, start: datetime) -> Iterator[bool]:
    """Return whether each minute of a week is open, on a local clock that never goes back."""
    for wall in monotonic_local_times(str(calendar.zone), start):
        edge = timedelta(hours=wall.hour, minutes=wall.minute)
        todays = calendar.hours.days[wall.weekday()]
        yield wall.date() not in calendar.closed_on and any(opens <= edge < closes for opens, closes in todays)


@cache
def monotonic_local_times(zone: str, start: datetime) -> list[datetime]:
    walls = ((start + n * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for n in range(WEEK))
    return list(accumulate(walls, max))


def minute_after_open_minutes(is_open: list[bool], minute: int, minutes: int) -> int | None:
    """Return the minute after so many open `minutes`, or None when the week is too short."""
    if minutes == 0:  # due in the first open minute, or in one that begins at closing time
        due = (n for n, (before, now) in enumerate(pairwise(is_open), start=1) if before or now)
        return next((n for n in due if n >= minute), None)
    passed = accumulate(is_open[minute:])
    return next((minute + n + 1 for n, total in enumerate(passed) if total == minutes), None)


quiet_hours = st.builds(
    QuietHours,
    st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60)),
    st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60, 30)),
)
near_changes = st.tuples(st.sampled_from(CHANGES), instants_in_week).map(
    lambda near: (near[0][0], datetime.combine(near[0][1] - timedelta(days=3), time(), UTC) + near[1])
)
YEAR_2000, YEAR_2037 = (datetime.combine(date(year, 1, 1), time()) for year in (2000, 2037))
any_time = st.tuples(st.sampled_from(ZONES), st.datetimes(YEAR_2000, YEAR_2037, timezones=st.just(UTC)))
CLOSED = BusinessHours.from_json({})


@quick
@given(st.one_of(near_changes, any_time), quiet_hours)
def test_next_allowed_is_the_first_instant_outside_quiet_hours(place: tuple[str, datetime], quiet: QuietHours) -> None:
    zone, now = ZoneInfo(place[0]), place[1]
    allowed = Calendar(zone, CLOSED, quiet=quiet).next_allowed(now)
    assert allowed >= now
    assert not quiet.cover(allowed.astimezone(zone).time())
    last_before = allowed - timedelta(microseconds=1)
    assert allowed == now or quiet.cover(last_before.astimezone(zone).time())


@quick
@given(st.sets(st.sampled_from(["America/New_York", "America/Los_Angeles", "Europe/Paris"])), any_time)
def test_lead_with_several_zones_is_outside_quiet_hours_in_all(zones: set[str], place: tuple[str, datetime]) -> None:
    calendar = Calendar(ZoneInfo("America/New_York"), CLOSED)
    allowed = calendar.next_allowed(place[1], [ZoneInfo(zone) for zone in zones])
    assert place[1] <= allowed < place[1] + timedelta(days=1)
    for zone in zones or {"America/New_York"}:
        assert time(8) <= allowed.astimezone(ZoneInfo(zone)).time() < time(21)


@quick
@given(st.one_of(near_changes, any_time), st.times())
def test_local_time_maps_to_the_first_instant_at_or_after_it(place: tuple[str, datetime], wall: time) -> None:
    calendar = Calendar(ZoneInfo(place[0]), CLOSED)
    day = calendar.local(place[1]).date()
    instant = calendar.at_wall_time(day, wall)
    assert naive_local(calendar, instant) >= datetime.combine(day, wall)
    assert naive_local(calendar, instant - timedelta(microseconds=1)) < datetime.combine(day, wall)


def naive_local(calendar: Calendar, instant: datetime) -> datetime:
    return calendar.local(instant).replace(tzinfo=None)


@quick
@given(scenes(), instants_in_week, st.integers(1, 12))
def test_working_days_keep_the_local_time(scene: tuple[Calendar, datetime], after: timedelta, days: int) -> None:
    calendar, start = scene
    begin = calendar.next_open(start + after)
    due = calendar.add_working_time(start + after, weeks=0, days=days, time=timedelta())
    assert calendar.is_open(due)
    day, counted = calendar.local(begin).date(), 0
    while counted < days:
        day += timedelta(days=1)
        counted += bool(calendar.spans_between(midnight(calendar, day), midnight(calendar, day + timedelta(days=1))))
    same_time = calendar.at_wall_time(day, calendar.local(begin).time())
    assert due == calendar.next_open(same_time)


@quick
@given(scenes(), instants_in_week, st.integers(1, 3), st.integers(0, 600).map(lambda minutes: minutes * MINUTE))
def test_hours_after_working_days_are_opening_hours(
    scene: tuple[Calendar, datetime], after: timedelta, days: int, hours: timedelta
) -> None:
    calendar, start = scene
    to_the_day = calendar.add_working_time(start + after, weeks=0, days=days, time=timedelta())
    due = calendar.add_working_time(start + after, weeks=0, days=days, time=hours)
    assert calendar.business_time_between(to_the_day, due) == hours
    assert calendar.add_working_time(start + after, weeks=0, days=0, time=hours) == calendar.due_after(
        start + after, hours
    )


def midnight(calendar: Calendar, day: date) -> datetime:
    return calendar.at_wall_time(day, time())
