"""Limits of sending accounts: messages per hour and day, warm-up, and the time until a message waits."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.messaging.sending_accounts.limits import Limits, Usage, day_start, wait_until

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 3, 10, 12, 0, 30, tzinfo=NEW_YORK).astimezone(UTC)
TODAY, TOMORROW = date(2026, 3, 10), date(2026, 3, 11)


def at(wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=NEW_YORK).astimezone(UTC)


MIDNIGHT = at("2026-03-11 00:00")


@pytest.mark.parametrize(
    ("day", "limit"),
    [
        (-1, 20),  # before the first day, as on it
        (0, 20),
        (1, 30),  # 20 * 1.5
        (2, 45),  # 30 * 1.5
        (3, 67),  # 67.5
        (4, 101),  # 101.25: from the exact number, not from 67
        (7, 341),
        (8, 400),  # 512 is above the limit per day
        (365, 400),
        (366, 400),
    ],
)
def test_warm_up_grows_until_the_limit_per_day(day: int, limit: int) -> None:
    limits = Limits(per_day=400, warm_up_per_day=20, warm_up_growth=50, warm_up_started_on=TODAY)

    assert limits.on(TODAY + timedelta(day)) == limit


def test_warm_up_without_limit_per_day_ends_after_a_year() -> None:
    limits = Limits(warm_up_per_day=1, warm_up_growth=1, warm_up_started_on=TODAY)

    assert [limits.on(TODAY + timedelta(days)) for days in (0, 70, 365, 366)] == [1, 2, 37, None]


@pytest.mark.parametrize(
    ("limits", "usage", "until"),
    [
        (Limits(), Usage({NOON: 10**6}, {}, {day_start(NOON, NEW_YORK): 10**6}), None),
        (Limits(per_hour=3), Usage(), None),
        (Limits(per_hour=3), Usage({at("2026-03-10 11:30"): 2}), None),
        # the minute 11:30 expires at 12:31
        (Limits(per_hour=3), Usage({at("2026-03-10 11:30"): 3}), at("2026-03-10 12:31")),
        (Limits(per_hour=3), Usage({at("2026-03-10 10:59"): 3}), None),
        # one that waits already takes the capacity that returns at 12:31
        (
            Limits(per_hour=3),
            Usage({at("2026-03-10 11:30"): 1, at("2026-03-10 11:40"): 2}, {at("2026-03-10 12:31"): 1}),
            at("2026-03-10 12:41"),
        ),
        (Limits(per_day=5), Usage(sent_days={at("2026-03-10 00:00"): 4}), None),
        (Limits(per_day=5), Usage(sent_days={at("2026-03-10 00:00"): 5}), MIDNIGHT),
        (Limits(per_day=5), Usage(sent_days={at("2026-03-09 00:00"): 5}), None),
        (
            Limits(per_day=5),
            Usage(sent_days={at("2026-03-10 00:00"): 5}, promised_days={MIDNIGHT: 5, at("2026-03-12 00:00"): 4}),
            at("2026-03-12 00:00"),
        ),
        # the clinic changed its zone today: the row of today began at another hour
        (Limits(per_day=5), Usage(sent_days={at("2026-03-10 05:00"): 5}), MIDNIGHT),
        # both: tomorrow, but after those that wait for its first minutes
        (
            Limits(per_hour=2, per_day=5),
            Usage(promised_minutes={MIDNIGHT: 2}, sent_days={at("2026-03-10 00:00"): 5}, promised_days={MIDNIGHT: 2}),
            at("2026-03-11 01:01"),
        ),
    ],
)
def test_message_waits_for_the_first_time_below_its_limits(
    limits: Limits, usage: Usage, until: datetime | None
) -> None:
    assert wait_until(limits, usage, NOON, NEW_YORK) == until


def test_backlog_is_spread_over_the_days_of_a_warm_up() -> None:
    limits = Limits(warm_up_per_day=2, warm_up_growth=100, warm_up_started_on=TODAY)
    sent, promised = {day_start(NOON, NEW_YORK): 2}, dict[datetime, int]()
    for _ in range(13):
        until = wait_until(limits, Usage(sent_days=sent, promised_days=promised), NOON, NEW_YORK)
        assert until is not None
        promised[until] = promised.get(until, 0) + 1

    assert promised == {MIDNIGHT: 4, at("2026-03-12 00:00"): 8, at("2026-03-13 00:00"): 1}


def test_day_begins_at_local_midnight_when_clocks_change() -> None:
    assert day_start(at("2026-03-08 12:00"), NEW_YORK) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert day_start(at("2026-03-09 12:00"), NEW_YORK) == datetime(2026, 3, 9, 4, tzinfo=UTC)
