"""Messages about values that are not allowed."""

import pytest
from marshmallow import ValidationError

from app.automation.language.conditions import PlanningConditions
from app.automation.language.validation import mistakes_in
from app.core.validation.validation_errors import not_known
from app.http.schemas.fields import Choice, Choices
from app.tasks.models import TaskType

MANY = [f"lead.event_{i:02}" for i in range(40)]


def test_long_list_is_complete_and_names_the_likely_value_first():
    said = not_known("lead.evnt_37", MANY)
    assert said.startswith("'lead.evnt_37' is not known; did you mean 'lead.event_37'? allowed: lead.event_00, ")
    assert said.endswith("lead.event_39")
    assert said.count("lead.event_") == 1 + len(MANY)


def test_short_list_is_complete():
    assert not_known("tree", ["b", "a"]) == "'tree' is not known; allowed: a, b"


@pytest.mark.parametrize("field", [Choice(TaskType), Choices(TaskType)])
def test_long_enumeration_of_a_field_is_complete(field: Choice | Choices):
    with pytest.raises(ValidationError) as refused:
        field.deserialize("call")
    assert [one for one in TaskType if one not in str(refused.value)] == []


def test_condition_without_a_field_names_all_fields():
    [mistake] = mistakes_in(PlanningConditions, [{"equals": 1}])
    assert "is missing; allowed: event." in mistake.problem
    assert "lead.stage" in mistake.problem
    assert "more" not in mistake.problem.rpartition(", ")[2]


def test_field_suggests_the_likely_value():
    with pytest.raises(ValidationError, match=r"Did you mean 'CALL'\? Must be one of: CALL, "):
        Choice(TaskType).deserialize("call")
