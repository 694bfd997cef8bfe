"""Properties of the contact policy: a minute-by-minute reference, and a lead's whole month."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.calendar.calendar import BusinessHours, Calendar
from app.identity.contact_policy import ContactPolicy
from app.messaging.contact_policy.gate import Allow, Never, Until, evaluate_gate, explain_gate
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts, PlannedMessage, SentMessage

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
START = datetime(2026, 3, 26, tzinfo=UTC)  # Europe changes its clocks on the 29th, Lord Howe on April 5th
ZONES = ["Europe/Paris", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata"]
WEEK = {day: [["09:00", "12:30"], ["14:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
DAYS_OFF = frozenset({date(2026, 3, 27), date(2026, 4, 1)})

quick = settings(max_examples=60, deadline=None)

moments = st.integers(0, 10 * 24 * 60).map(lambda minutes: START + minutes * MINUTE)
lengths = st.none() | st.integers(1, 3 * 24 * 60).map(lambda minutes: minutes * MINUTE)
policies = st.builds(
    ContactPolicy,
    daily_cap=st.none() | st.integers(1, 3),
    weekly_cap=st.none() | st.integers(1, 4),
    minimum_interval=lengths,
    window=lengths,
    business_hours_only=st.booleans(),
    weekends=st.booleans(),
    holidays=st.booleans(),
)
places = st.lists(st.sampled_from(ZONES), max_size=2, unique=True).map(lambda names: tuple(map(ZoneInfo, names)))
calendars = st.sampled_from(ZONES).map(
    lambda zone: Calendar(ZoneInfo(zone), BusinessHours.from_json(WEEK), closed_on=DAYS_OFF)
)
lives = st.builds(
    ContactFacts,
    calendars,
    policies,
    places=places,
    days_off=st.sampled_from([frozenset(), frozenset({date(2026, 3, 30)})]),
)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[ContactAttempt, ContactFacts, datetime]:
    """A contact attempt, with sent and planned messages of its lead."""
    now = draw(moments)
    gone = draw(st.lists(st.integers(0, 9 * 24 * 60), max_size=5))
    ahead = draw(st.lists(st.tuples(st.integers(0, 3 * 24 * 60), st.integers(99, 101)), max_size=3))
    known = replace(
        draw(lives),
        sent=[SentMessage(now - minutes * MINUTE) for minutes in gone],
        planned=[PlannedMessage(now + minutes * MINUTE, priority) for minutes, priority in ahead],
    )
    return touch(now), known, now


def touch(planned_at: datetime, **more: object) -> ContactAttempt:
    return ContactAttempt("email", "mia@lead.example", planned_at, **more)  # type: ignore[arg-type]


def is_allowed(mine: ContactAttempt, known: ContactFacts, at: datetime) -> bool:
    """Return whether the policy allows the attempt at one minute."""
    rules, zones = known.policy, known.places or (known.calendar.zone,)
    walls = [at.astimezone(zone) for zone in zones]
    home = at.astimezone(known.calendar.zone)
    days = [[gone.at.astimezone(zone).date() for gone in known.sent] for zone in zones]
    weeks = [[day.isocalendar()[:2] for day in of_zone] for of_zone in days]
    others = [gone.at for gone in known.sent]
    rivals = others + [ahead.due_at for ahead in known.planned if ahead.priority < mine.priority]
    return (
        all(time(8) <= wall.time() < time(21) for wall in walls)
        and (rules.weekends or all(wall.isoweekday() < 6 for wall in walls))
        and (rules.holidays or home.date() not in DAYS_OFF)
        and (rules.holidays or all(wall.date() not in known.days_off for wall in walls))
        and (not rules.business_hours_only or is_open(home))
        and (not rules.daily_cap or all(d.count(w.date()) < rules.daily_cap for d, w in zip(days, walls, strict=True)))
        and (
            not rules.weekly_cap
            or all(d.count(w.isocalendar()[:2]) < rules.weekly_cap for d, w in zip(weeks, walls, strict=True))
        )
        and all(abs(at - other) >= (rules.minimum_interval or timedelta()) for other in others)
        and all(abs(at - rival) >= (rules.window or timedelta()) for rival in rivals)
    )


def is_open(wall: datetime) -> bool:
    now = wall.time()
    return (
        wall.isoweekday() < 6
        and wall.date() not in DAYS_OFF
        and (time(9) <= now < time(12, 30) or time(14) <= now < time(18))
    )


def minutes_between(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += MINUTE


@quick
@given(scenes())
def test_deferred_message_is_sent_at_the_first_allowed_moment(scene: tuple[ContactAttempt, ContactFacts, datetime]):
    mine, known, now = scene
    match evaluate_gate(mine, known, now):
        case Allow():
            assert is_allowed(mine, known, now)
        case Until(instant, _):
            assert now < instant
            assert is_allowed(mine, known, instant)
            assert evaluate_gate(mine, known, instant) == Allow()
            assert not any(is_allowed(mine, known, minute) for minute in minutes_between(now, instant))
        case Never():  # a clinic that is open while it is night in one of two places, say
            assert not any(is_allowed(mine, known, minute) for minute in minutes_between(now, now + 7 * DAY))


@quick
@given(scenes())
def test_explanation_agrees_with_the_verdict(scene: tuple[ContactAttempt, ContactFacts, datetime]):
    verdict, findings = evaluate_gate(*scene), explain_gate(*scene)
    refused = [finding.decision for finding in findings if finding.decision != Allow()]
    if isinstance(verdict, Until):
        longest = max((each for each in refused if isinstance(each, Until)), key=lambda each: each.instant)
        assert longest.reason == verdict.reason
        assert longest.instant <= verdict.instant == verdict.moves[-1][1]
    else:
        assert (verdict == Allow()) == (refused == [])


messages = st.lists(
    st.tuples(moments, st.integers(1, 3), st.booleans(), st.sampled_from(["check-in", "nurture"])),
    min_size=2,
    max_size=12,
)


@quick
@given(lives, st.none() | st.integers(1, 2), messages, st.permutations(range(12)))
def test_caps_hold_for_any_order_of_attempts(
    known: ContactFacts, cap: int | None, planned: list[tuple[datetime, int, bool, str]], order: list[int]
):
    known = replace(known, policy=replace(known.policy, per_sequence_cap=cap))
    waiting = [
        (due, turn, touch(due, priority=priority, is_transactional=awaited, series=series))
        for turn, (due, priority, awaited, series) in zip(order, planned, strict=False)
    ]
    went = run_attempts(known, waiting)
    for number, (at, mine) in enumerate(went):
        if mine.is_transactional:
            continue
        before = replace(known, sent=[SentMessage(then, earlier.series) for then, earlier in went[:number]])
        assert is_allowed(mine, before, at)
        assert cap is None or [earlier.series for _, earlier in went[:number]].count(mine.series) < cap


def run_attempts(
    known: ContactFacts, waiting: list[tuple[datetime, int, ContactAttempt]]
) -> list[tuple[datetime, ContactAttempt]]:
    """Run each attempt as workers do: when it is due it is sent, deferred or dropped."""
    heap: list[tuple[datetime, int, ContactAttempt]] = []
    for step in waiting:
        heappush(heap, step)
    went: list[tuple[datetime, ContactAttempt]] = []
    while heap:
        now, turn, mine = heappop(heap)
        facts = replace(
            known,
            sent=[SentMessage(at, other.series) for at, other in went],
            planned=[PlannedMessage(due, other.priority) for due, _, other in heap],
        )
        verdict = evaluate_gate(mine, facts, now)
        if verdict == Allow():
            went.append((now, mine))
        elif isinstance(verdict, Until):
            heappush(heap, (verdict.instant, turn, mine))
    return went


@quick
@given(lives, messages)
def test_higher_priority_message_is_sent_first_when_both_are_due(
    known: ContactFacts, planned: list[tuple[datetime, int, bool, str]]
):
    known = replace(known, policy=ContactPolicy(window=DAY))
    due = planned[0][0]
    important, other = touch(due, priority=1, series="a"), touch(due, priority=2, series="b")
    for order in ((0, 1), (1, 0)):
        first, second = run_attempts(known, [(due, order[0], important), (due, order[1], other)])
        assert (first[1], second[1]) == (important, other)
        assert second[0] - first[0] >= DAY
