"""Conditions: evaluation of facts, and validation errors."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.automation.language.conditions import (
    DEEPEST,
    MOST,
    DueConditions,
    FieldCondition,
    PlanningConditions,
)
from app.automation.language.known_names import KnownNames
from app.automation.language.validation import mistakes_in
from app.automation.language.vocabulary import FIELDS, Field, Refers, Type
from app.engine.rules.conditions import (
    CHANGED,
    OPERATORS,
    fact,
    first_unmet,
    holds,
    looked_up,
    single_conditions,
)
from app.leads.enums import PreferredContact
from app.leads.events import lead_facts
from app.leads.facts.condition_facts import plain_facts
from app.leads.fields import TESTED, LeadField, RuleFact, TemplateValue, text
from app.leads.models import Lead

NOW = datetime(2026, 3, 10, 9, tzinfo=ZoneInfo("America/New_York"))  # a Tuesday
FACTS: dict[str, dict[str, Any]] = {
    "lead": {
        "status": "NEW",
        "failed_attempts": 3,
        "contacted_at": None,
        "email": "",
        "replied_at": datetime(2026, 3, 3, 14, tzinfo=UTC),  # 09:00 there, and the clocks went forward since
        "tags": ["urgent", "Berlin"],
        "source": "Website (organic)",
        "custom.passport_expiry": "2026-03-01",
        "custom.note": "soon",
        "quoted_at": "2026-03-07T14:00:00+00:00",
        "called_at": "2026-03-08T09:00:00",
        "born_at": NOW.astimezone(UTC) - timedelta(days=10000),
        "visit_on": NOW.date(),
    },
    "event": {"stage": "contacted", "changed": ["score", "custom.passport_expiry"]},
    "now": {"at": NOW},
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
        # a missing fact is null
        ("lead.phone", {"exists": False}, True),
        ("lead.phone", {"equals": None}, True),
        ("lead.phone", {"in": ["x"]}, False),
        ("lead.phone", {"greater_than": 0}, False),
        ("task.status", {"equals": "OVERDUE"}, False),
        ("task.status", {"not_equals": "OVERDUE"}, True),
        ("event.stage", {"equals": "contacted"}, True),
        # literally, whatever the case: in a text, or as one of a list
        ("lead.source", {"contains": "website"}, True),
        ("lead.source", {"contains": "(ORGANIC)"}, True),
        ("lead.source", {"contains": "w.b"}, False),
        ("lead.tags", {"contains": "URGENT"}, True),
        ("lead.tags", {"contains": "urg"}, False),
        ("lead.failed_attempts", {"contains": "3"}, False),
        ("lead.city", {"contains": "a"}, False),
        # changes of the event
        ("lead.score", {"changed": True}, True),
        ("lead.score", {"changed": False}, False),
        ("lead.city", {"changed": True}, False),
        ("lead.custom.passport_expiry", {"changed": True}, True),
        # a week is 7 days of 24 hours; from 3 March 09:00 EST to 10 March 09:00 EDT it is an hour less
        ("lead.replied_at", {"days_since": 6}, True),
        ("lead.replied_at", {"days_since": 7}, False),
        ("lead.replied_at", {"days_since": {"greater_than": 6, "less_than": 7}}, True),
        ("lead.replied_at", {"days_since": {"less_than": 6}}, False),
        ("lead.contacted_at", {"days_since": 0}, False),  # it never happened
        # a date starts at midnight in the clinic's local time: 9 days and 8 hours ago
        ("lead.custom.passport_expiry", {"days_since": 9}, True),
        ("lead.custom.passport_expiry", {"days_since": 9.5}, False),
        ("lead.custom.note", {"days_since": 0}, False),  # no date at all
        ("lead.replied_at", {"days_since": {"less_than": 7}}, True),  # one limit alone
        ("lead.replied_at", {"days_since": {"greater_than": 6}}, True),
        ("lead.replied_at", {"days_since": {"greater_than": 7}}, False),
        ("lead.contacted_at", {"days_since": {"less_than": 7}}, False),
        ("lead.tags", {"contains": "berlin"}, True),
        # stored events hold instants as text: 7 March 09:00 EST is 3 days ago but for the hour of the clock change
        ("lead.quoted_at", {"days_since": 2.9}, True),
        ("lead.quoted_at", {"days_since": 3}, False),
        # a text without a zone is in the clinic's local time: 8 March 09:00 EDT is 2 days ago exactly
        ("lead.called_at", {"days_since": 2}, True),
        ("lead.called_at", {"days_since": {"greater_than": 2}}, False),
        ("lead.called_at", {"days_since": {"greater_than": 1, "less_than": 2}}, False),
        ("lead.called_at", {"days_since": {"greater_than": 1.99999, "less_than": 2.00001}}, True),
        # long ago, to the second: 10,000 days
        ("lead.born_at", {"days_since": 10000}, True),
        ("lead.born_at", {"days_since": {"greater_than": 10000}}, False),
        ("lead.visit_on", {"days_since": 0.375}, True),  # a date, not as text: midnight, 9 hours ago
        ("lead.visit_on", {"days_since": 0.376}, False),
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
def test_conditions_combine_with_all_and_any(condition: dict[str, Any], expected: bool):
    assert holds(condition, FACTS) is expected


@pytest.mark.parametrize(
    ("guard", "unmet"),
    [
        (None, None),
        ({}, None),
        ({"only_if": [NEW], "unless": [LOST]}, None),
        ({"only_if": [NEW, LOST]}, LOST),
        ({"unless": [LOST, NEW]}, NEW),
        ({"only_if": [LOST], "unless": [NEW]}, LOST),  # the first one is returned
    ],
)
def test_guard_returns_the_first_unmet_condition(guard: dict[str, Any] | None, unmet: dict[str, Any] | None):
    assert first_unmet(guard, FACTS) == unmet


@pytest.mark.parametrize("changed", [None, "score", {"score": True}])
def test_event_without_a_list_of_changes_changed_nothing(changed: object):
    facts: dict[str, dict[str, Any]] = {"event": {"changed": changed}}

    assert holds({"field": "lead.score", "changed": False}, facts)
    assert not holds({"field": "lead.score", "changed": True}, facts)


def test_costly_fact_is_read_only_when_its_condition_is_tested():
    read: list[str] = []

    def email() -> str:
        read.append("email")
        return "mia@lead.example"

    facts = {"lead": {"status": "NEW", "email": email}}

    assert not holds({"all": [LOST, {"field": "lead.email", "exists": True}]}, facts)
    assert read == []
    assert fact(facts, "lead.email") == "mia@lead.example"
    assert holds({"field": "lead.email", "contains": "lead.example"}, facts)
    assert read == ["email", "email"]


def test_single_conditions_of_groups_are_listed_in_order():
    condition = {"all": [NEW, {"any": [LOST, {"all": [NEW]}]}]}

    assert list(single_conditions(condition)) == [NEW, LOST, NEW]
    assert list(single_conditions(LOST)) == [LOST]


def test_only_facts_that_events_do_not_carry_are_looked_up():
    carried = {f"lead.{name}" for name in lead_facts(Lead()) if name != "id"}  # rules cannot name the id
    of_lead = {path for path in FIELDS if path.startswith("lead.")} | {"lead.custom.passport_expiry"}

    asked = looked_up(frozenset({*carried, *of_lead, *FIELDS}))

    assert asked == {path.removeprefix("lead.") for path in of_lead - carried}
    assert {"tags", "custom.passport_expiry"} <= asked


def test_fields_of_a_lead_in_conditions_are_the_declared_ones():
    assert {f"lead.{fact}" for fact in TESTED} <= FIELDS.keys()
    assert "lead.value" in FIELDS
    assert "lead.lead_value" not in FIELDS
    assert FIELDS["lead.treatment_interest"].type is Type.LIST
    assert FIELDS["lead.preferred_contact"].values == set(PreferredContact)
    assert (FIELDS["lead.score"].least, FIELDS["lead.score"].most, FIELDS["lead.score"].is_whole) == (0, 100, True)


def test_private_fields_cannot_be_declared_where_others_see_them():
    """All who see the lead read in `/why` what conditions tested; messages and webhooks leave the system."""
    with pytest.raises(ValueError, match="smokes is private"):
        LeadField("smokes", text(10), "Smokes", is_private=True, condition=RuleFact("Whether it smokes."))
    with pytest.raises(ValueError, match="smokes is private"):
        LeadField("smokes", text(10), "Smokes", is_private=True, template=TemplateValue("lead.smokes"))
    with pytest.raises(ValueError, match="smokes is private"):
        LeadField("smokes", text(10), "Smokes", is_private=True, is_in_webhooks=True)


def test_facts_of_columns_are_as_conditions_compare_them():
    columns = {"value": Decimal("4800.50"), "source_id": UUID(int=1), "born": date(2014, 5, 31), "city": "Lyon"}
    assert plain_facts(columns) == {
        "value": 4800.5,
        "source_id": str(UUID(int=1)),
        "born": "2014-05-31",
        "city": "Lyon",
    }


@pytest.mark.parametrize("field", sorted(FIELDS))
@pytest.mark.parametrize("test", sorted(FieldCondition.tests()))
def test_condition_never_raises_for_any_value_of_a_fact(field: str, test: str):
    numbers = dict.fromkeys(("greater_than", "less_than", "days_since"), 1)
    wanted = {"in": ["a"], "not_in": ["a"], "exists": True, "changed": True, **numbers}.get(test, "a")
    group, _, name = field.partition(".")
    for value in (None, "a", "2026-02-30", "2026-02-30T25:00", 1, True, 1.5, datetime.now(UTC), [1]):
        facts = {"now": {"at": NOW}, group: {name: value}}
        assert holds({"field": field, test: wanted}, facts) in {True, False}


def test_engine_implements_every_operator_of_the_language():
    assert list(FieldCondition.tests()) == [*OPERATORS, CHANGED]


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
        ([{"equals": 1}], "when[0].field", "is missing; allowed: event.changed"),
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
        ([{"field": "lead.status", "equals": "NEWW"}], "when[0].equals", "did you mean 'NEW'? allowed: ACTIVE"),
        ([{"field": "lead.status", "in": ["NEW", "GONE"]}], "when[0].in[1]", "'GONE' is not known"),
        ([{"field": "lead.status", "equals": ["NEW"]}], "when[0].equals", "must be a text, a number"),
        ([{"field": "lead.status", "greater_than": 2}], "when[0].greater_than", "cannot be asked of a text"),
        ([{"field": "lead.contacted_at", "equals": "x"}], "when[0].equals", "cannot be asked of an instant; these can"),
        ([{"field": "lead.tags", "equals": "x"}], "when[0].equals", "these can: contains"),
        ([{"field": "lead.source", "contains": ""}], "when[0].contains", "must be a text"),
        ([{"field": "lead.source", "contains": "x" * 501}], "when[0].contains", "more than 500 characters"),
        ([{"field": "lead.source", "in": ["x"] * 201}], "when[0].in", "more than 200 values"),
        ([{"field": "lead.contacted_at", "days_since": "7"}], "when[0].days_since", "must be a number of days, or"),
        ([{"field": "lead.contacted_at", "days_since": {"over": 7}}], "when[0].days_since", "may hold greater_than"),
        ([{"field": "lead.score", "changed": "yes"}], "when[0].changed", "must be true or false"),
        ([{"field": "lead.custom.No", "exists": True}], "when[0].field", "'lead.custom.No' is not known"),
        ([{"field": "since.replied", "equals": True}], "when[0].field", "'since.replied' is not known"),
        ([deep(DEEPEST + 1)], "when[0]" + ".all[0]" * DEEPEST, "nested deeper than 5"),
        ([NEW] * (MOST + 1), "when", "more than 50"),
        ([{"all": [NEW] * 25}, {"any": [NEW] * 26}], "when", "more than 50"),
    ],
)
def test_validation_error_names_the_path(conditions: object, place: str, problem: str):
    [mistake] = mistakes_in(PlanningConditions, conditions, place="when")

    assert mistake.place == place
    assert problem in mistake.problem


@pytest.mark.parametrize("conditions", [[], [NEW], [deep(DEEPEST)], [NEW] * MOST, [{"all": [NEW] * 25}, *[NEW] * 25]])
def test_valid_conditions_have_no_errors(conditions: list[Any]):
    assert mistakes_in(PlanningConditions, conditions, place="when") == []


def test_condition_that_contains_itself_is_refused():
    endless: dict[str, Any] = {"any": [NEW]}
    endless["any"].append(endless)

    assert mistakes_in(PlanningConditions, [endless], place="when")


def test_conditions_expanding_to_billions_are_refused_at_once():
    bomb: list[Any] = [NEW] * 100
    for _ in range(20):
        bomb = [{"all": bomb}] * 100

    [mistake] = mistakes_in(PlanningConditions, bomb, place="when")
    assert mistake.problem == "has more than 50 conditions"


def test_empty_groups_count_towards_the_limit():
    bomb: list[Any] = []
    for _ in range(20):
        bomb = [{"all": bomb}] * 100

    assert mistakes_in(PlanningConditions, bomb, place="when")


def test_changed_operator_is_refused_in_guards():
    [mistake] = mistakes_in(DueConditions, [{"field": "lead.score", "changed": True}], place="only_if")

    assert (mistake.place, "under `when`" in mistake.problem) == ("only_if[0].changed", True)


def test_custom_fields_are_valid_in_conditions_of_their_clinic():
    own = {"passport_expiry": Field(Type.DATE, "Passport expiry"), "visa": Field(Type.TEXT, "Visa", frozenset({"A"}))}
    known = KnownNames(fields=own)
    asked = [{"field": "lead.custom.passport_expiry", "days_since": 3}, {"field": "lead.custom.visa", "equals": "A"}]
    assert mistakes_in(PlanningConditions, asked, known) == []
    [typo] = mistakes_in(
        PlanningConditions, [{"field": "lead.custom.pasport_expiry", "exists": True}], known, place="when"
    )
    assert "did you mean 'lead.custom.passport_expiry'?" in typo.problem
    [value] = mistakes_in(PlanningConditions, [{"field": "lead.custom.visa", "equals": "B"}], known, place="when")
    assert value.place == "when[0].equals"


@pytest.mark.parametrize("field", ["lead.source_id", "lead.assigned_to_id"])
def test_unknown_ids_are_refused_in_conditions(field: str):
    own, other = "0199aaaa-0000-7000-8000-000000000001", "0199aaaa-0000-7000-8000-000000000002"
    kind = FIELDS[field].refers
    assert kind
    known = KnownNames(ids={Refers.USER: frozenset(), Refers.SOURCE: frozenset(), kind: frozenset({own})})
    fitting = [{"field": field, "in": [own, None]}, {"field": field, "equals": own}, {"field": field, "exists": True}]
    assert mistakes_in(PlanningConditions, fitting, known) == []
    wrong = [{"field": field, "not_equals": other}, {"field": field, "not_in": [own, other]}]
    mistakes = mistakes_in(PlanningConditions, wrong, known, place="when")
    assert [one.place for one in mistakes] == ["when[0].not_equals", "when[1].not_in[1]"]
    assert {one.problem for one in mistakes} == {f"must be the id of a {kind} of the clinic"}
    assert mistakes_in(PlanningConditions, wrong, KnownNames()) == []
