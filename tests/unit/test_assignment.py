"""Assignment of leads: tables of pure decisions."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar
from app.leads.assignment.models import Strategy
from app.leads.assignment.rules.evaluation import decide, explain
from app.leads.assignment.rules.roster import Obstacle, Roster, RosterUser
from app.leads.assignment.rules.rules import Conditions, Member, Rule

TUESDAY = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)  # 11:00 in New York
ANA, BEN, CLEO, DAN = (UUID(int=n) for n in range(1, 5))
SOURCE = UUID(int=100)
OPEN = {"mon": [["09:00", "18:00"]], "tue": [["09:00", "18:00"]], "wed": [["09:00", "18:00"]]}
CALENDAR = Calendar(ZoneInfo("America/New_York"), BusinessHours.from_json(OPEN))


def rule(*members: Member | UUID, strategy: Strategy = Strategy.ROUND_ROBIN, **more: Any) -> Rule:
    taking_part = tuple(one if isinstance(one, Member) else Member(one) for one in members)
    return Rule(UUID(int=more.pop("n", 50)), "A rule", strategy, taking_part, **more)


def roster(*people: RosterUser, at: datetime = TUESDAY) -> Roster:
    known = {user_id: RosterUser(user_id) for user_id in (ANA, BEN, CLEO, DAN)}
    return Roster(CALENDAR, at, known | {person.id: person for person in people})


def give(rules: list[Rule], there: Roster, times: int = 1, lead: dict[str, Any] | None = None) -> list[UUID | None]:
    """Assign a lead `times` times, and return the chosen users."""
    given: list[UUID | None] = []
    for _ in range(times):
        decision = decide(rules, lead or {}, there)
        given.append(decision.user_id if decision else None)
        if decision:
            there.record_assignment(decision.user_id, decision.rule)
    return given


@pytest.mark.parametrize(
    ("conditions", "lead", "failing"),
    [
        (Conditions(), {}, []),
        (Conditions(source_ids=frozenset({SOURCE})), {"source_id": SOURCE}, []),
        (Conditions(source_ids=frozenset({SOURCE})), {"source_id": ANA}, ["source"]),
        (Conditions(source_ids=frozenset({SOURCE})), {}, ["source"]),
        (Conditions(source_categories=frozenset({"WALK_IN"})), {"source_category": "WALK_IN"}, []),
        # one of the sources, or one of the categories
        (
            Conditions(source_ids=frozenset({SOURCE}), source_categories=frozenset({"WALK_IN"})),
            {"source_id": ANA, "source_category": "WALK_IN"},
            [],
        ),
        (Conditions(postal_prefixes=("100", "SW1")), {"postal_code": "10017"}, []),
        (Conditions(postal_prefixes=("100", "SW1")), {"postal_code": "sw 1a 2aa"}, []),
        (Conditions(postal_prefixes=("100",)), {"postal_code": "11001"}, ["postal_code"]),
        (Conditions(postal_prefixes=("100",)), {"postal_code": None}, ["postal_code"]),
        (Conditions(treatment_interests=frozenset({"INVISALIGN"})), {"treatment_interest": ["RETAINER"]},
         ["treatment_interest"]),
        (Conditions(treatment_interests=frozenset({"INVISALIGN"})),
         {"treatment_interest": ["RETAINER", "INVISALIGN"]}, []),
        # all that is named has to hold
        (Conditions(source_ids=frozenset({SOURCE}), postal_prefixes=("100",)), {"source_id": SOURCE}, ["postal_code"]),
    ],
)  # fmt: skip
def test_conditions_choose_leads(conditions: Conditions, lead: dict[str, Any], failing: list[str]):
    assert conditions.failing(lead) == failing


def test_postal_prefixes_ignore_spaces_and_case():
    assert Conditions.from_json({"postal_prefixes": ["sw1 a"]}).failing({"postal_code": "SW1A 2AA"}) == []


def test_round_robin_starts_again_after_the_last_member():
    assert give([rule(ANA, BEN, CLEO)], roster(), 7) == [ANA, BEN, CLEO, ANA, BEN, CLEO, ANA]


def test_round_robin_skips_absent_and_inactive_members():
    away = RosterUser(BEN, out_until=TUESDAY + timedelta(days=1))
    gone = RosterUser(DAN, may_work=False)
    assert give([rule(ANA, BEN, CLEO, DAN)], roster(away, gone), 4) == [ANA, CLEO, ANA, CLEO]


def test_returning_member_gets_an_equal_share():
    away = RosterUser(BEN, out_until=TUESDAY)
    there = roster(away)
    give([rule(ANA, BEN, CLEO)], there, 20)
    away.out_until = None
    assert Counter(give([rule(ANA, BEN, CLEO)], there, 9)) == {ANA: 3, BEN: 3, CLEO: 3}


def test_member_gets_no_more_leads_than_the_ceiling():
    members = (Member(ANA, ceiling=2), Member(BEN, ceiling=1))
    assert give([rule(*members)], roster(), 5) == [ANA, BEN, ANA, None, None]


def test_existing_open_leads_count_towards_the_ceiling():
    assert give([rule(Member(ANA, ceiling=20), BEN)], roster(RosterUser(ANA, open_leads=20)), 2) == [BEN, BEN]


def test_capacity_strategy_prefers_the_member_with_fewest_leads():
    there = roster(RosterUser(ANA, open_leads=5), RosterUser(BEN, open_leads=3), RosterUser(CLEO, open_leads=4))
    given = give([rule(ANA, BEN, CLEO, strategy=Strategy.CAPACITY)], there, 6)
    # 5 3 4 → 5 5 5 after three, and then one for each
    assert Counter(given[:3]) == {BEN: 2, CLEO: 1}
    assert sorted(filter(None, given[3:])) == [ANA, BEN, CLEO]


def test_capacity_strategy_follows_weights():
    members = (Member(ANA, weight=2), Member(BEN, weight=1))
    assert Counter(give([rule(*members, strategy=Strategy.CAPACITY)], roster(), 30)) == {ANA: 20, BEN: 10}


HALF_DAYS = {day: [["09:00", "12:00"]] for day in ("mon", "tue")}
AFTERNOONS = {day: [["13:00", "18:00"]] for day in ("mon", "tue")}
ON_WEDNESDAY = {"wed": [["09:00", "10:00"]]}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (TUESDAY, [ANA, DAN]),  # 11:00: Ana works in the morning, Dan while the clinic is open
        (TUESDAY + timedelta(hours=3), [BEN, DAN]),  # 14:00
        (TUESDAY + timedelta(hours=7), [CLEO, DAN]),  # 18:00: closed; the next to come are there on Wednesday at 9
    ],
)
def test_schedule_strategy_prefers_members_on_duty_now_or_next(at: datetime, expected: list[UUID]):
    people = [
        RosterUser(user_id, hours=BusinessHours.from_json(hours))
        for user_id, hours in ((ANA, HALF_DAYS), (BEN, AFTERNOONS), (CLEO, ON_WEDNESDAY))
    ]
    given = give([rule(ANA, BEN, CLEO, DAN, strategy=Strategy.SCHEDULE)], roster(*people, at=at), 4)
    assert given == expected * 2


def test_schedule_strategy_skips_members_without_working_hours():
    people = [RosterUser(user_id, hours=BusinessHours.from_json({})) for user_id in (ANA, BEN)]
    assert give([rule(ANA, BEN, strategy=Strategy.SCHEDULE)], roster(*people)) == [None]


def test_first_matching_rule_with_an_eligible_member_decides():
    near = Conditions(postal_prefixes=("100",))
    rules = [rule(ANA, conditions=near, n=1), rule(Member(BEN, ceiling=1), n=2), rule(CLEO, n=3)]
    there = roster()
    assert give(rules, there, lead={"postal_code": "10017"}) == [ANA]
    assert give(rules, there, 2, lead={"postal_code": "94105"}) == [BEN, CLEO]


def test_fallback_user_gets_leads_when_no_member_is_eligible():
    rules = [rule(Member(ANA, ceiling=1), fallback_id=DAN, n=1), rule(CLEO, n=2)]
    assert give(rules, roster(), 3) == [ANA, DAN, DAN]
    assert give(rules, roster(RosterUser(DAN, may_work=False)), 2) == [ANA, CLEO]


def test_explanation_names_the_obstacle_of_each_member():
    people = (
        RosterUser(ANA, may_work=False),
        RosterUser(BEN, out_until=TUESDAY + timedelta(days=1)),
        RosterUser(CLEO, open_leads=3),
    )
    tried = rule(ANA, BEN, Member(CLEO, ceiling=3), DAN)
    [verdict] = explain([tried], {}, roster(*people))
    obstacles = [obstacle for _, obstacle in verdict.obstacles]
    assert obstacles == [Obstacle.INACTIVE, Obstacle.OUT_OF_OFFICE, Obstacle.OVER_CEILING, None]
    assert verdict.choice == DAN
