"""Rules: parsing and matching."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.calendar.durations import Wait
from app.engine.models import Kind
from app.engine.rules.rules import Action, RuleSet, read_rule
from app.engine.rules.timing import Timing

SHORTEST: dict[str, Any] = {"name": "tell", "on": "lead.created", "do": [{"suggest_lost": {"reason": "OTHER"}}]}
CONDITION = {"field": "lead.status", "equals": "NEW"}


def test_minimal_rule_acts_at_once_without_conditions():
    rule = read_rule(SHORTEST)

    assert (rule.slug, rule.on, rule.actions) == (
        "tell",
        {"lead.created"},
        (Action(Kind.SUGGEST_LOST, {"reason": "OTHER"}),),
    )
    assert (rule.timing, rule.before_due, rule.every) == (Timing(), None, None)
    assert (rule.when, rule.guard, rule.skip_when_later_than) == ((), None, None)
    assert (rule.id, rule.version) == (None, 1)


def test_all_parts_of_a_rule_are_parsed():
    rule = read_rule(
        SHORTEST
        | {
            "on": ["lead.created", "lead.lost"],
            "when": [CONDITION],
            "after": "1 day 4 hours",
            "unless": [CONDITION],
            "stop_on": ["lead.replied"],
            "skip_when_later_than": "90 seconds",
            "do": [{"suggest_lost": {"reason": "OTHER"}}, {"create_task": {"type": "CALL", "title": "Call"}}],
        },
        id=UUID(int=1),
        version=4,
    )

    assert rule.on == {"lead.created", "lead.lost"}
    assert rule.when == (CONDITION,)
    assert rule.timing == Timing(Wait(time=timedelta(days=1, hours=4)))
    assert rule.guard == {"unless": [CONDITION]}
    assert [action.stop_on for action in rule.actions] == [("lead.replied",)] * 2
    assert rule.skip_when_later_than == timedelta(seconds=90)
    assert [action.kind for action in rule.actions] == [Kind.SUGGEST_LOST, Kind.CREATE_TASK]
    assert (rule.id, rule.version) == (UUID(int=1), 4)


def test_delay_uses_elapsed_time_or_business_hours():
    on_the_wall = read_rule(SHORTEST | {"after": {"time": "2 hours", "clock": "wall"}})
    in_business = read_rule(SHORTEST | {"after": {"time": "2 hours", "clock": "business"}})

    two_hours = Wait(time=timedelta(hours=2))
    assert (on_the_wall.timing, in_business.timing) == (Timing(two_hours), Timing(two_hours, in_business=True))


def test_reminder_counts_back_from_the_due_time():
    assert read_rule(SHORTEST | {"before_due": "15 minutes"}).before_due == timedelta(minutes=15)


def test_guard_is_checked_when_the_step_is_due():
    rule = read_rule(SHORTEST | {"only_if": [CONDITION], "unless": [CONDITION], "when": [CONDITION]})

    assert rule.guard == {"only_if": [CONDITION], "unless": [CONDITION]}


def test_rules_are_found_by_their_events():
    first = read_rule(SHORTEST | {"name": "first", "on": ["lead.created", "lead.lost"]})
    second = read_rule(SHORTEST | {"name": "second"})
    rules = RuleSet.of(rule for rule in (first, second))

    assert rules.listening_to("lead.created") == (first, second)
    assert rules.listening_to("lead.lost") == (first,)
    assert rules.listening_to("task.created") == ()
    assert rules.slugs == {"first", "second"}


def test_rules_are_ordered_by_priority_then_age():
    some = [read_rule(SHORTEST | {"name": name, "priority": n}) for name, n in (("b", 5), ("c", 1), ("a", 5))]

    assert [rule.slug for rule in RuleSet.of(some).listening_to("lead.created")] == ["c", "b", "a"]


def test_aliases_of_events_expand_to_their_events():
    rule = read_rule(SHORTEST | {"on": ["lead.stage_entered", "task.created"], "stop_on": "lead.stage_left"})

    assert rule.on == {"lead.created", "lead.stage_changed", "task.created"}
    assert rule.actions[0].stop_on == ("lead.stage_changed",)


def test_rule_set_lists_the_facts_it_reads():
    asked = [{"any": [{"field": "lead.tags", "contains": "vip"}, {"field": "lead.status", "equals": "NEW"}]}]
    of_a_date = {"time": "1 day", "of": "lead.custom.expires"}
    some = [read_rule(SHORTEST | {"when": asked}), read_rule(SHORTEST | {"name": "b", "before": of_a_date})]

    assert RuleSet.of(some).required_facts_of("lead.created") == {"tags", "custom.expires"}
    assert RuleSet.of(some).required_facts_of("lead.lost") == frozenset()


def test_empty_rule_set_listens_to_no_event():
    assert RuleSet.of([]).listening_to("lead.created") == ()
