"""Conditions that never hold are refused at their place."""

from typing import Any

import pytest

from app.automation.language.rules import Rule
from app.automation.language.sequences import Sequence
from app.automation.language.validation import mistakes_in

DO = [{"create_task": {"type": "CALL", "title": "Call"}}]


def places(model: Any, definition: dict[str, Any]) -> list[str]:
    return [mistake.place for mistake in mistakes_in(model, definition)]


def of_rule(on: Any, part: str, *conditions: dict[str, Any]) -> list[str]:
    return places(Rule, {"name": "r", "on": on, part: list(conditions), "do": DO})


@pytest.mark.parametrize(
    ("condition", "test"),
    [
        ({"field": "lead.score", "greater_than": 100}, "greater_than"),
        ({"field": "lead.score", "less_than": 0}, "less_than"),
        ({"field": "lead.score", "equals": 101}, "equals"),
        ({"field": "lead.score", "in": [-1, 200]}, "in"),
        ({"field": "lead.status", "in": []}, "in"),
        ({"field": "lead.status", "not_in": []}, "not_in"),
        ({"field": "lead.status", "equals": "SLEEPING"}, "equals"),
        ({"field": "lead.score", "greater_than": 50, "less_than": 50}, "less_than"),
        ({"field": "lead.score", "greater_than": 80, "equals": 10}, "equals"),
        ({"field": "lead.status", "equals": "NEW", "not_equals": "NEW"}, "not_equals"),
        ({"field": "lead.status", "in": ["NEW", "LOST"], "not_in": ["LOST", "NEW"]}, "not_in"),
        ({"field": "lead.email", "exists": False, "equals": "a@b.example"}, "equals"),
        ({"field": "lead.contacted_at", "days_since": {"greater_than": 30, "less_than": 7}}, "days_since"),
        ({"field": "lead.contacted_at", "exists": False, "days_since": 3}, "days_since"),
    ],
)
@pytest.mark.parametrize("part", ["when", "only_if"])
def test_single_condition_that_never_holds_is_refused(condition: dict[str, Any], test: str, part: str):
    assert of_rule("lead.updated", part, condition) == [f"{part}[0].{test}"]


FIRST, SECOND = {"field": "lead.status", "equals": "NEW"}, {"field": "lead.status", "in": ["LOST", "CONVERTED"]}


def test_contradictions_of_conditions_that_all_have_to_hold_are_refused():
    assert of_rule("lead.updated", "when", FIRST, SECOND) == ["when[1].in"]
    assert of_rule("lead.updated", "only_if", FIRST, SECOND) == ["only_if[1].in"]
    assert of_rule("lead.updated", "when", {"all": [FIRST, SECOND]}) == ["when[0].all[1].in"]
    assert of_rule("lead.updated", "when", FIRST, {"all": [SECOND]}) == ["when[1].all[0].in"]
    older, newer = ({"field": "lead.created_at", "days_since": days} for days in (30, {"less_than": 7}))
    assert of_rule("lead.updated", "when", older, newer) == ["when[1].days_since"]
    changed = [{"field": "lead.tags", "changed": is_so} for is_so in (True, False)]
    assert of_rule("lead.updated", "when", *changed) == ["when[1].changed"]


@pytest.mark.parametrize(
    "conditions",
    [
        [{"any": [FIRST, SECOND]}],
        [FIRST, {"any": [SECOND, {"field": "lead.score", "greater_than": 5}]}],
        [{"field": "lead.score", "greater_than": 99}],
        [{"field": "lead.score", "less_than": 1}, {"field": "lead.score", "greater_than": -5}],
        [{"field": "lead.tags", "contains": "a"}, {"field": "lead.tags", "contains": "b"}],
        [{"field": "lead.email", "exists": False}, {"field": "lead.email", "not_equals": "a@b.example"}],
        [{"field": "lead.contacted_at", "days_since": {"greater_than": 7, "less_than": 30}}],
    ],
)
def test_conditions_that_can_hold_are_accepted(conditions: list[dict[str, Any]]):
    assert of_rule("lead.updated", "when", *conditions) == []


def test_unless_may_name_states_that_exclude_each_other():
    assert of_rule("lead.updated", "unless", FIRST, SECOND) == []


TASK, OUTCOME = {"field": "task.type", "equals": "CALL"}, {"field": "event.outcome", "equals": "no_answer"}


@pytest.mark.parametrize(
    ("on", "condition", "wrong"),
    [
        ("lead.created", TASK, True),
        (["lead.created", "task.created"], TASK, False),
        ("lead.created", OUTCOME, True),
        ("task.completed", OUTCOME, False),
        ("lead.attempt_failed", OUTCOME, False),
        ("lead.created", {"field": "event.stage", "equals": "new_lead"}, False),
        ("lead.created", {"field": "event.score", "greater_than": 5}, True),
        ("lead.scored", {"field": "event.score", "greater_than": 5}, False),
        ("lead.created", {"field": "event.data.page", "equals": "prices"}, True),
        ("custom.viewed", {"field": "event.data.page", "equals": "prices"}, False),
        ("custom.viewed", {"field": "event.outcome", "equals": "no_answer"}, True),
        ("lead.created", {"field": "lead.tags", "changed": True}, True),
        (["lead.created", "lead.updated"], {"field": "lead.tags", "changed": True}, False),
        ("lead.created", {"field": "event.changed", "exists": False}, False),
        ("message.clicked", {"field": "event.template", "equals": "one"}, False),
        ("lead.created", {"field": "event.template", "equals": "one"}, True),
    ],
)
def test_field_that_no_event_of_the_rule_carries_is_refused(on: Any, condition: dict[str, Any], wrong: bool):
    assert of_rule(on, "when", condition) == (["when[0].field"] if wrong else [])
    nested = {"any": [condition, {"field": "lead.email", "exists": True}]}
    assert of_rule(on, "when", nested) == (["when[0].any[0].field"] if wrong else [])


def test_task_of_an_event_about_no_task_is_refused_when_due():
    assert of_rule("lead.created", "only_if", TASK) == ["only_if[0].field"]
    assert of_rule("task.created", "only_if", TASK) == []


def test_branch_needs_conditions_that_can_hold():
    for conditions, place in (([], "if"), ([FIRST, SECOND], "if[1].in")):
        branch = {"branch": {"if": conditions, "then": DO}}
        assert places(Rule, {"name": "r", "on": "lead.created", "do": [branch]}) == [f"do[0].branch.{place}"]


def test_sequence_has_no_task_and_no_impossible_entry():
    step = {"name": "a", "after": "1 day", "wait": {}, "only_if": [TASK]}
    enroll = {"on": "lead.created", "when": [OUTCOME]}
    definition = {"name": "s", "enroll": enroll, "steps": [step, {"name": "b", "branch": {"if": [], "then": "end"}}]}
    assert places(Sequence, definition) == [
        "enroll.when[0].field",
        "steps[0].only_if[0].field",
        "steps[1].branch.if",
    ]
