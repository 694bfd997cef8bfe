"""Conditions: facts in, yes or no out; and what is wrong with a condition that somebody wrote."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.automation.conditions import DEEPEST, FIELDS, MOST, OPERATORS, check, first_unmet, holds

FACTS: dict[str, dict[str, Any]] = {
    "lead": {"status": "NEW", "failed_attempts": 3, "contacted_at": None, "email": "", "replied_at": datetime.now(UTC)},
    "event": {"stage": "contacted"},
}
NEW = {"field": "lead.status", "equals": "NEW"}
LOST = {"field": "lead.status", "equals": "LOST"}


@pytest.mark.parametrize(
    ("field", "test", "expected"),
    [
        ("lead.status", {"equals": "NEW"}, True),
        ("lead.status", {"equals": "new"}, False),  # values are codes: their case counts
        ("lead.status", {"not_equals": "NEW"}, False),
        ("lead.status", {"not_equals": "LOST"}, True),
        ("lead.status", {"in": ["NEW", "ACTIVE"]}, True),
        ("lead.status", {"in": []}, False),
        ("lead.status", {"not_in": ["NEW"]}, False),
        ("lead.status", {"not_in": []}, True),
        ("lead.failed_attempts", {"greater_than": 2}, True),
        ("lead.failed_attempts", {"greater_than": 3}, False),
        ("lead.failed_attempts", {"less_than": 3.5}, True),
        ("lead.failed_attempts", {"less_than": 3}, False),
        ("lead.failed_attempts", {"greater_than": 1, "less_than": 3}, False),  # both tests have to hold
        ("lead.failed_attempts", {"greater_than": 1, "less_than": 4}, True),
        ("lead.status", {"greater_than": 2}, False),  # a word is not greater than a number, nor less
        ("lead.status", {"less_than": 2}, False),
        ("lead.replied_at", {"exists": True}, True),
        ("lead.replied_at", {"exists": False}, False),
        ("lead.contacted_at", {"exists": True}, False),
        ("lead.contacted_at", {"exists": False}, True),
        ("lead.email", {"exists": True}, True),  # empty is there
        # what is not among the facts is nothing
        ("lead.phone", {"exists": False}, True),
        ("lead.phone", {"equals": None}, True),
        ("lead.phone", {"in": ["x"]}, False),
        ("lead.phone", {"greater_than": 0}, False),
        ("task.status", {"equals": "OVERDUE"}, False),
        ("task.status", {"not_equals": "OVERDUE"}, True),
        ("event.stage", {"equals": "contacted"}, True),
    ],
)
def test_a_condition_compares_a_fact(field: str, test: dict[str, Any], expected: bool):
    assert holds({"field": field, **test}, FACTS) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"all": [NEW, NEW]}, True),
        ({"all": [NEW, LOST]}, False),
        ({"any": [LOST, NEW]}, True),
        ({"any": [LOST, LOST]}, False),
        ({"all": [{"any": [LOST, NEW]}, {"all": [NEW]}]}, True),
        ({"any": [{"all": [NEW, LOST]}, LOST]}, False),
    ],
)
def test_conditions_are_put_together(condition: dict[str, Any], expected: bool):
    assert holds(condition, FACTS) is expected


@pytest.mark.parametrize(
    ("guard", "unmet"),
    [
        (None, None),
        ({}, None),
        ({"only_if": [NEW], "unless": [LOST]}, None),
        ({"only_if": [NEW, LOST]}, LOST),
        ({"unless": [LOST, NEW]}, NEW),
        ({"only_if": [LOST], "unless": [NEW]}, LOST),  # the first one is told
    ],
)
def test_a_guard_tells_what_stands_in_the_way(guard: dict[str, Any] | None, unmet: dict[str, Any] | None):
    assert first_unmet(guard, FACTS) == unmet


@pytest.mark.parametrize("field", sorted(FIELDS))
@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_no_fact_makes_a_condition_crash(field: str, operator: str):
    wanted = {"in": ["a"], "not_in": ["a"], "greater_than": 1, "less_than": 1, "exists": True}.get(operator, "a")
    group, _, name = field.partition(".")
    for value in (None, "a", 1, True, 1.5, datetime.now(UTC), [1]):
        assert holds({"field": field, operator: wanted}, {group: {name: value}}) in {True, False}


def deep(levels: int) -> dict[str, Any]:
    condition: dict[str, Any] = NEW
    for _ in range(levels - 1):
        condition = {"all": [condition]}
    return condition


@pytest.mark.parametrize(
    ("conditions", "place", "problem"),
    [
        ("NEW", "when", "must be a list"),
        (NEW, "when", "must be a list"),
        (["NEW"], "when[0]", "must be a condition such as"),
        ([{"equals": 1}], "when[0].field", "None is not known"),
        ([{"field": "lead.statsu", "equals": 1}], "when[0].field", "did you mean 'lead.status'?"),
        ([NEW, {"field": "lead.status", "equal": 1}], "when[1].equal", "did you mean 'equals'?"),
        ([{"field": "lead.status"}], "when[0]", "needs one of equals"),
        ([{"field": "lead.status", "in": "NEW"}], "when[0].in", "must be a list"),
        ([{"field": "lead.status", "not_in": {"a": 1}}], "when[0].not_in", "must be a list"),
        ([{"field": "lead.failed_attempts", "greater_than": "2"}], "when[0].greater_than", "must be a number"),
        ([{"field": "lead.failed_attempts", "less_than": None}], "when[0].less_than", "must be a number"),
        ([{"field": "lead.email", "exists": "yes"}], "when[0].exists", "must be true or false"),
        ([{"all": [NEW], "any": [NEW]}], "when[0].all", "must stand alone"),
        ([{"any": []}], "when[0].any", "must stand alone and hold a list"),
        ([{"any": NEW}], "when[0].any", "must stand alone and hold a list"),
        ([{"all": [NEW, {"any": [{"field": "x", "equals": 1}]}]}], "when[0].all[1].any[0].field", "'x' is not known"),
        ([deep(DEEPEST + 1)], "when[0]" + ".all[0]" * DEEPEST, "nested deeper than 5"),
        ([NEW] * (MOST + 1), "when", "more than 50"),
        ([{"all": [NEW] * 25}, {"any": [NEW] * 26}], "when", "more than 50"),
    ],
)
def test_a_mistake_is_told_with_its_place(conditions: object, place: str, problem: str):
    [mistake] = check(conditions, "when")

    assert mistake.place == place
    assert problem in mistake.problem


@pytest.mark.parametrize("conditions", [[], [NEW], [deep(DEEPEST)], [NEW] * MOST, [{"all": [NEW] * 25}, *[NEW] * 25]])
def test_what_is_right_has_no_mistakes(conditions: list[Any]):
    assert check(conditions, "when") == []


def test_a_condition_that_holds_itself_is_refused():
    endless: dict[str, Any] = {"any": [NEW]}
    endless["any"].append(endless)

    assert check([endless], "when")


def test_a_few_lines_that_stand_for_billions_of_conditions_are_refused_at_once():
    bomb: list[Any] = [NEW] * 100
    for _ in range(20):
        bomb = [{"all": bomb}] * 100

    assert [mistake.problem for mistake in check(bomb, "when")] == ["has more than 50 conditions"]


def test_empty_groups_cannot_hide_how_many_there_are():
    bomb: list[Any] = []
    for _ in range(20):
        bomb = [{"all": bomb}] * 100

    assert check(bomb, "when")
