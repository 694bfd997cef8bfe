"""Reference pages and JSON Schema of the rule language follow from the models."""

import copy
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, ClassVar

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from app.automation.language.actions import rule_actions
from app.automation.language.base import Maybe, Strict
from app.automation.language.conditions import AllConditions, AnyConditions, FieldCondition
from app.automation.language.docs.rules import rules_page
from app.automation.language.docs.sequences import sequences_page
from app.automation.language.known_names import ANY_NAME
from app.automation.language.nurtures import Nurture
from app.automation.language.params import Params
from app.automation.language.playbooks import Playbook
from app.automation.language.rules import Rule
from app.automation.language.schema import document_schema, json_schema
from app.automation.language.sequences import Sequence, StepParts, sequence_actions
from app.automation.language.timing import After
from app.automation.language.types.primitives import Title
from app.automation.language.validation import mistakes_in
from app.automation.language.vocabulary import FIELDS
from app.automation.playbooks import shipped
from app.engine.events.events import LISTENABLE_EVENTS
from app.engine.outcomes import Done
from app.engine.step_kind import STEP_KINDS, StepKind
from app.wiring import connect
from tests.support.environment import ROOT

SHORTEST = {"name": "x", "on": "task.created", "do": [{"suggest_lost": {"reason": "OTHER"}}]}


class Wave(Params):
    """Wave at the lead."""

    example: ClassVar[Any] = {"hand": "left"}

    hand: Title = Field(description="The hand to wave with.", examples=["left"])


class RuleWithColor(Rule):
    """A rule with one additional part."""

    color: Maybe[Title] = Field(default=None, description="Its color in lists.", examples=["red"])


EVERY_ACTION = [{kind: params.example} for kind, params in rule_actions().items()]
EVERY_STEP = [
    {"name": kind.replace("_", "-"), "after": "1 day", kind: params.example}
    for kind, params in sequence_actions().items()
]
EVERY_CONDITION = [AllConditions.example, AnyConditions.example, FieldCondition.example]
RULE = {**Rule.example, "when": EVERY_CONDITION, "after": After.example, "do": EVERY_ACTION}
SEQUENCE = {**Sequence.example, "steps": EVERY_STEP}
EVERYTHING: dict[type[Strict], Any] = {
    Rule: RULE,
    Sequence: SEQUENCE,
    Nurture: {**Nurture.example, "days": ["mon"], "batch": 50, "most": 10, "is_active": True},
    Playbook: {**Playbook.example, "rules": [RULE], "sequences": [SEQUENCE], "nurtures": [Nurture.example]},
}


def models(base: type[Strict] = Strict) -> Iterator[type[Strict]]:
    """Return all models of the language that have an example."""
    for model in base.__subclasses__():
        if model.example is not None and model not in {StepParts, Wave, RuleWithColor}:
            yield model
        yield from models(model)


def examples(model: type[Strict]) -> list[Any]:
    """Return the examples of each part, as (key, value)."""
    return [(info.alias or name, one) for name, info in model.model_fields.items() for one in info.examples or ()]


def test_every_part_of_rules_is_on_the_page():
    page = rules_page()
    for word in (
        *Rule.parts(),
        *LISTENABLE_EVENTS,
        *FieldCondition.tests(),
        *FIELDS,
        *rule_actions(),
    ):
        assert f"| `{word}`" in page, word


def test_every_part_of_sequences_and_nurtures_is_on_the_page():
    page = sequences_page()
    for word in (*Sequence.parts(), *Nurture.parts(), *sequence_actions()):
        assert f"`{word}`" in page, word


@pytest.mark.parametrize(("name", "page"), [("rules", rules_page), ("sequences", sequences_page)])
def test_committed_page_matches_the_models(name: str, page: Any):
    committed = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert committed == page(), "write it anew with `make openapi`"


@pytest.mark.parametrize("model", [*models()], ids=lambda model: model.__name__)
def test_example_of_each_model_is_valid(model: type[Strict]):
    assert mistakes_in(model, model.example, ANY_NAME) == []
    assert jsonschema_rs.is_valid(document_schema(model), model.example)


@pytest.mark.parametrize(("part", "example"), examples(Rule))
def test_example_of_each_part_is_valid(part: str, example: Any):
    assert mistakes_in(Rule, {**SHORTEST, part: example}) == []


def test_every_model_has_a_description_and_an_example_in_the_schema():
    _, definitions = json_schema(Playbook)
    for name, definition in definitions.items():
        if definition.get("type") == "object":
            assert definition["description"], name
            assert definition["examples"], name


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_playbook_is_valid_by_the_schema(name: str):
    text = (files("app.automation.playbooks") / f"{name}.yaml").read_text(encoding="utf-8")
    document = yaml.load(text, shipped.DefinitionLoader)
    assert [error.message for error in jsonschema_rs.iter_errors(document_schema(Playbook), document)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "lead.creatd"},
        {"do": []},
        {"do": [{"create_task": {"type": "CALL"}}]},
        {"do": [{"creat_task": {}}]},
        {"when": [{"field": "lead.status"}]},
        {"when": [{"field": "lead.statsu", "equals": "NEW"}]},
        {"after": {"time": "1 day", "zone": "led"}},
        {"priority": 0},
        {"whne": []},
    ],
)
def test_schema_refuses_the_same_input_as_the_models(wrong: dict[str, Any]):
    assert mistakes_in(Rule, SHORTEST | wrong)
    assert not jsonschema_rs.is_valid(document_schema(Rule), SHORTEST | wrong)


def test_added_part_is_validated_described_and_on_the_page():
    assert mistakes_in(RuleWithColor, {**SHORTEST, "color": "red"}) == []
    [mistake] = mistakes_in(RuleWithColor, {**SHORTEST, "colr": "red"})
    assert "did you mean 'color'?" in mistake.problem
    _, definitions = json_schema(RuleWithColor)
    assert definitions["RuleWithColor"]["properties"]["color"]["description"] == "Its color in lists."
    assert "| `color` |  | Its color in lists. | `red` |" in rules_page(RuleWithColor)


@pytest.fixture
def wave() -> Iterator[None]:
    """A step kind that is registered later."""
    kind = StepKind(name="wave", decide=lambda _: Done(), params=Wave, sequence_params=Wave)
    STEP_KINDS.fill([*STEP_KINDS.values(), kind])
    yield
    connect()


@pytest.mark.usefixtures("wave")
def test_added_step_kind_is_validated_described_and_on_the_page():
    assert mistakes_in(Rule, {**SHORTEST, "do": [{"wave": {"hand": "left"}}]}) == []
    [mistake] = mistakes_in(Rule, {**SHORTEST, "do": [{"wav": {}}]})
    assert "did you mean 'wave'?" in mistake.problem
    _, definitions = json_schema(Rule)
    assert definitions["Wave"]["required"] == ["hand"]
    page = rules_page()
    assert "| `wave` | Wave at the lead. | `{wave: {hand: left}}` |" in page
    assert "| `hand` | required | The hand to wave with. | `left` |" in page


@pytest.mark.usefixtures("wave")
def test_branch_and_sequence_can_name_an_added_step_kind():
    branch = {"if": [{"field": "lead.email", "exists": True}], "then": [{"wave": {"hnd": "left"}}]}
    found = mistakes_in(Rule, {**SHORTEST, "do": [{"branch": branch}]})
    assert [one.place for one in found] == ["do[0].branch.then[0].wave.hnd", "do[0].branch.then[0].wave.hand"]
    assert mistakes_in(Sequence, {"name": "x", "steps": [{"name": "hello", "wave": {"hand": "left"}}]}) == []
    _, definitions = json_schema(Playbook)
    assert "wave" in definitions["SequenceStep"]["properties"]


def test_unregistered_step_kind_is_unknown():
    [mistake] = mistakes_in(Rule, {**SHORTEST, "do": [{"wave": {"hand": "left"}}]})
    assert mistake.problem.startswith("'wave' is not known; ")
    assert "Wave" not in json_schema(Playbook)[1]


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", [], {}, 0, -1, 1001, 3.5, True, ["x"], [None], [[]], [{}], {"x": 1}, "NEW", "end", "1 fortnight"]
)


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """Return a document with one of its values removed, renamed or replaced."""
    changed = copy.deepcopy(document)
    place, key = draw(st.sampled_from([*places(changed)]))
    value = place.pop(key)
    match draw(st.sampled_from(["remove", "rename", "replace"])):
        case "rename" if isinstance(key, str):
            place[f"{key}x"] = value
        case "replace" if isinstance(place, dict):
            place[key] = draw(JUNK)
        case "replace":
            place.insert(key, draw(JUNK))
    return changed


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each mapping and list in a document, with each of its keys or indexes."""
    for key in list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
        yield part, key
        yield from places(part[key])


@pytest.mark.parametrize("model", [Rule, Sequence, Nurture, Playbook])
@given(data=st.data())
def test_mutated_definition_has_only_errors_of_the_language(model: type[Strict], data: st.DataObject):
    document = data.draw(mutated(data.draw(mutated(EVERYTHING[model]))))
    mistakes = mistakes_in(model, document)
    assert not [one for one in mistakes if one.problem.startswith(("Input", "List", "String", "Value", "Unable"))]
    assert mistakes or jsonschema_rs.is_valid(document_schema(model), document)
