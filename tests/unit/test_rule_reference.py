"""The page about the rule language says all that the engine knows, and nothing that it refuses."""

import pytest
import yaml

from app.automation.language import check_actions, reference
from app.automation.language.check_actions import Around
from app.automation.language.check_rule import RULE_KEYS, check_rule
from app.automation.language.condition_check import TESTS
from app.engine.events.events import LISTENED_TO
from app.engine.rules.vocabulary import FIELDS

SHORTEST = {"name": "x", "on": "task.created", "do": [{"suggest_lost": {"reason": "OTHER"}}]}


def test_everything_is_on_the_page():
    page = reference.page()
    for word in (*RULE_KEYS, *LISTENED_TO, *TESTS, *FIELDS, *check_actions.ACTIONS, "branch"):
        assert f"| `{word}`" in page, word


@pytest.mark.parametrize("part", sorted(reference.PARTS))
def test_each_example_of_a_part_is_right(part: str):
    rule = {**SHORTEST, part: yaml.safe_load(reference.PARTS[part][1])}
    assert check_rule(rule, "", Around(frozenset({"hello"}))) == []


@pytest.mark.parametrize("action", sorted(reference.actions()))
def test_each_example_of_an_action_is_right(action: str):
    rule = {**SHORTEST, "do": [{action: yaml.safe_load(reference.actions()[action].example)}]}
    assert check_rule(rule, "", Around(frozenset({"hello"}))) == []
