"""Conditions that never hold are refused at their place."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from app.automation.language.rules import Rule
from app.automation.language.sequences import Sequence
from app.automation.language.types.impossible import impossible_guard
from app.automation.language.validation import mistakes_in
from app.engine.rules.conditions import first_unmet
from app.leads.enums import LeadStatus, PreferredContact

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
        ({"field": "lead.failed_attempts", "less_than": 0}, "less_than"),
        ({"field": "lead.failed_attempts", "equals": -1}, "equals"),
        ({"field": "lead.failed_attempts", "greater_than": 1, "less_than": 2}, "less_than"),
        ({"field": "lead.failed_attempts", "in": [0.5, -2]}, "in"),
        ({"field": "lead.failed_attempts", "less_than": 1, "not_equals": 0}, "not_equals"),
        ({"field": "lead.score", "equals": 50.5}, "equals"),
        ({"field": "lead.score", "greater_than": 99, "not_equals": 100}, "not_equals"),
        ({"field": "lead.value", "less_than": 0}, "less_than"),
        ({"field": "lead.hours_to_first_contact", "less_than": 0}, "less_than"),
        ({"field": "lead.status", "not_in": ["NEW", "ACTIVE", "CONVERTED", "LOST", "ARCHIVED"]}, "not_in"),
        ({"field": "lead.status", "exists": False}, "exists"),
        ({"field": "lead.status", "contains": "NEVER"}, "contains"),
        ({"field": "lead.email", "exists": False, "contains": "@b.example"}, "contains"),
        (
            {"field": "lead.preferred_contact", "exists": True, "not_in": [one.value for one in PreferredContact]},
            "not_in",
        ),
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


OVER_50 = {"field": "lead.score", "greater_than": 50}
NEVER_OVER_50 = {"any": [{"field": "lead.score", "less_than": 40}, {"field": "lead.score", "equals": 10}]}
HAS_EMAIL, NO_EMAIL = {"field": "lead.has_email", "equals": True}, {"field": "lead.email", "exists": False}


@pytest.mark.parametrize(
    ("conditions", "place"),
    [
        ([HAS_EMAIL, NO_EMAIL], "[1].exists"),
        ([NO_EMAIL, HAS_EMAIL], "[1].equals"),
        ([{"field": "lead.has_phone", "equals": False}, {"field": "lead.phone", "contains": "555"}], "[1].contains"),
        ([OVER_50, NEVER_OVER_50], "[1].any"),
        ([NEVER_OVER_50, OVER_50], "[0].any"),
        ([{"all": [OVER_50, {"all": [NEVER_OVER_50]}]}], "[0].all[1].all[0].any"),
        ([{"any": [FIRST, {"all": [FIRST, OVER_50]}]}, SECOND], "[0].any"),
    ],
)
@pytest.mark.parametrize("part", ["when", "only_if"])
def test_conditions_of_which_no_alternative_holds_are_refused(conditions: list[dict[str, Any]], place: str, part: str):
    assert of_rule("lead.updated", part, *conditions) == [part + place]


@pytest.mark.parametrize(
    ("only_if", "unless", "refused"),
    [
        ([FIRST], [FIRST], ["unless[0]"]),
        ([{"field": "lead.tags", "contains": "vip"}], [{"field": "lead.tags", "contains": "vip"}], ["unless[0]"]),
        ([], [{"field": "lead.score", "greater_than": -1}], ["unless[0]"]),
        ([OVER_50], [{"field": "lead.score", "greater_than": 40}], ["unless[0]"]),
        ([OVER_50], [{"field": "lead.score", "greater_than": 60}], []),
        ([FIRST], [SECOND, {"any": [OVER_50, FIRST]}], ["unless[1]"]),
        ([FIRST], [{"all": [OVER_50, FIRST]}], []),
        ([OVER_50], [{"all": [OVER_50, FIRST]}, {"field": "lead.status", "not_equals": "NEW"}], ["unless[1]"]),
        ([], [{"field": "lead.replied_at", "exists": True}, {"field": "lead.email", "exists": False}], []),
        ([], [{"field": "lead.value", "greater_than": -1}], []),
    ],
)
def test_step_that_is_never_done_is_refused(
    only_if: list[dict[str, Any]], unless: list[dict[str, Any]], refused: list[str]
):
    guard = {"only_if": only_if, "unless": unless}
    assert places(Rule, {"name": "r", "on": "lead.created", **guard, "do": DO}) == refused
    step = {"name": "a", "wait": {}, "after": "1 day", **guard}
    assert places(Sequence, {"name": "s", "steps": [step]}) == [f"steps[0].{place}" for place in refused]


NUMBERS = st.sampled_from([-1, 0, 0.5, 1, 1.5, 2, 3, 99, 99.5, 100, 101])
STATUSES = st.sampled_from([one.value for one in LeadStatus])
WORDS = st.sampled_from(["a", "b", "ab"])
DAYS_AGO = st.sampled_from([-3, 0, 1, 2, 2.5, 7, 30])
COMPARED = {
    "lead.score": NUMBERS,
    "lead.failed_attempts": NUMBERS,
    "lead.value": NUMBERS,
    "lead.custom.size": NUMBERS | WORDS | st.booleans(),
    "lead.status": STATUSES,
    "lead.email": WORDS,
    "lead.has_email": st.booleans(),
}


def drawn_tests(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw one or two tests of the field."""
    made: dict[str, st.SearchStrategy[Any]] = {"exists": st.booleans()}
    if path in COMPARED:
        values = COMPARED[path] | st.none()
        made |= {"equals": values, "not_equals": values}
        made |= dict.fromkeys(("in", "not_in"), st.lists(values, min_size=1, max_size=5))
    if path in {"lead.score", "lead.failed_attempts", "lead.value", "lead.custom.size"}:
        made |= {"greater_than": NUMBERS, "less_than": NUMBERS}
    if path in {"lead.email", "lead.tags", "lead.status", "lead.custom.size"}:
        made["contains"] = WORDS | st.just("NEW")
    if path in {"lead.contacted_at", "lead.created_at"}:
        made["days_since"] = DAYS_AGO | st.fixed_dictionaries({"greater_than": DAYS_AGO, "less_than": DAYS_AGO})
    names = st.lists(st.sampled_from(sorted(made)), min_size=1, max_size=2, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({"field": st.just(path), **{n: made[n] for n in chosen}}))


PATHS = st.sampled_from([*COMPARED, "lead.tags", "lead.contacted_at", "lead.created_at"])
CONDITIONS = st.lists(
    st.recursive(
        PATHS.flatmap(drawn_tests),
        lambda inner: st.builds(
            lambda group, parts: {group: parts},
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=5,
    ),
    max_size=4,
)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MOMENTS = st.sampled_from([-3, -1, 0, 1.5, 2, 2.2, 3, 8, 40]).map(lambda days: NOW - timedelta(days=days))


@st.composite
def facts_of_a_lead(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    email = draw(st.none() | WORDS)
    lead = {
        "score": draw(st.sampled_from([0, 1, 2, 3, 98, 99, 100])),
        "failed_attempts": draw(st.sampled_from([0, 1, 2, 3, 102])),
        "value": draw(st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.2, 2.0, 99.9, 500.0])),
        "status": draw(STATUSES),
        "email": email,
        "has_email": email is not None,
        "tags": draw(st.none() | st.lists(WORDS, max_size=2)),
        "contacted_at": draw(st.none() | MOMENTS),
        "created_at": draw(MOMENTS),
    }
    custom = draw(st.none() | NUMBERS | WORDS | st.booleans() | st.just(0.7))
    return {"lead": {**lead, "custom.size": custom}, "now": {"at": NOW}}


@settings(max_examples=300, deadline=None)
@given(only_if=CONDITIONS, unless=CONDITIONS, leads=st.lists(facts_of_a_lead(), min_size=8, max_size=8))
def test_no_lead_satisfies_refused_conditions(
    only_if: list[dict[str, Any]], unless: list[dict[str, Any]], leads: list[dict[str, Any]]
):
    guard = {"only_if": only_if, "unless": unless}
    refused = list(impossible_guard(guard))
    met = [facts for facts in leads if first_unmet(guard, facts) is None]
    event("refused" if refused else "accepted")
    assert not (refused and met), (refused, met)


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
        [{"field": "lead.failed_attempts", "greater_than": 1, "less_than": 3}],
        [{"field": "lead.value", "greater_than": 1, "less_than": 2}],
        [{"field": "lead.preferred_contact", "not_in": [one.value for one in PreferredContact]}],
        [{"field": "lead.has_email", "equals": True}, {"field": "lead.phone", "exists": False}],
        [OVER_50, {"any": [{"field": "lead.score", "less_than": 40}, {"field": "lead.score", "equals": 60}]}],
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
