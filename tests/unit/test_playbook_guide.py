"""Generated page about playbooks: complete, and in agreement with the playbooks."""

import re
from typing import Any

import pytest
import yaml

from app.automation.language.actions import rule_actions
from app.automation.language.conditions import FieldCondition
from app.automation.language.docs import diagrams, sentences
from app.automation.language.docs.days import days_of
from app.automation.language.docs.playbooks import playbooks_page
from app.automation.language.params import Params
from app.automation.language.sequences import sequence_actions
from app.automation.playbooks import shipped
from app.engine.events.events import LISTENABLE_EVENTS
from app.engine.sequences.sequence import read_sequence
from tests.support.desk import the_app
from tests.support.environment import ROOT

PAGE = playbooks_page(map(shipped.load, shipped.names()))


def test_committed_page_matches_the_playbooks():
    committed = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    assert committed == PAGE, "write it anew with `make openapi`"


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_part_is_described_and_drawn(name: str):
    playbook = shipped.load(name)
    for one in (*playbook.rules, *playbook.sequences, *playbook.nurtures):
        assert re.search(rf"^### {one['name']}\b[^#]+?```mermaid\nflowchart", PAGE, re.MULTILINE), one["name"]


def test_every_endpoint_on_the_page_exists():
    there = {re.sub(r"<[^>]*>", "{}", rule.rule) for rule in the_app().url_map.iter_rules()}
    named = re.findall(r"(?:GET|POST|PUT|PATCH) (/api[a-z/{}-]*)", PAGE)
    assert named
    assert {re.sub(r"\{[^}]*\}", "{}", path) for path in named} <= there


@pytest.mark.parametrize("event", [*LISTENABLE_EVENTS, "custom.page_viewed"])
def test_every_event_has_a_description(event: str):
    assert sentences.of_events(event)


@pytest.mark.parametrize("test", FieldCondition.tests())
def test_every_condition_has_a_description(test: str):
    assert sentences.of_condition({"field": "lead.score", test: 5}).startswith("its score")


@pytest.mark.parametrize(("kind", "params"), rule_actions().items())
def test_every_action_has_a_description(kind: str, params: type[Params]):
    assert sentences.of_action({kind: params.example})


@pytest.mark.parametrize(("kind", "params"), sequence_actions().items())
def test_every_sequence_action_has_a_description(kind: str, params: type[Params]):
    assert sentences.of_step({"name": "x", kind: params.example})


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("{field: lead.status, equals: NEW}", "its status is new"),
        ("{field: lead.source_category, in: [WEB_PAID, WALK_IN]}", "its source category is web paid or walk in"),
        ("{field: lead.tags, contains: vip}", "it is tagged “vip”"),
        ("{field: lead.contacted_at, exists: false}", "no user has been in contact with the lead"),
        ("{field: lead.score, exists: true}", "its score is known"),
        ("{field: since.replied, equals: true}", "the lead replied meanwhile"),
        ("{field: lead.custom.documents_received, equals: true}", "its documents received: yes"),
        ("{field: lead.contacted_at, days_since: 7}", "its last contact was 7 days ago or more"),
        ("{field: lead.created_at, days_since: {less_than: 3}}", "its created at was less than 3 days ago"),
        ("{field: lead.tags, changed: true}", "its tags just changed"),
        (
            "{any: [{field: lead.score, greater_than: 79}, {field: lead.tags, contains: hot}]}",
            "either its score is more than 79, or it is tagged “hot”",
        ),
    ],
)
def test_condition_is_described_in_words(condition: str, said: str):
    assert sentences.of_condition(yaml.safe_load(condition)) == said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{}", ""),
        ("{after: 3 days}", "3 days later"),
        ("{after: {time: 3 days, at: '09:00', zone: lead}}", "3 days later, at 09:00, in the lead's time zone"),
        ("{after: {time: 1 hour, clock: business}}", "1 opening hour later"),
        ("{before: {time: 180 days, of: lead.custom.passport_expiry}}", "180 days before the lead's passport expiry"),
        ("{after: {time: 1 day, at: ['09:00', '18:00']}}", "1 day later, at 09:00 or 18:00"),
        ("{before_due: 15 minutes}", "15 minutes before the task is due"),
        (
            "{after: {on_day: 1, at: '09:00'}, every: 1 month}",
            "on day 1 of the month, at 09:00, and then every month",
        ),
    ],
)
def test_time_is_described_in_words(rule: str, said: str):
    assert sentences.of_timing(yaml.safe_load(rule)) == said


def test_mermaid_syntax_is_escaped():
    task = {"type": "CALL", "title": 'Ask "why" #1 <now>; [end] {x} | yes'}
    drawn = "\n".join(diagrams.of_rule({"on": "lead.created", "do": [{"create_task": task}]}))
    label = drawn.partition('do0["')[2].partition('"]')[0].replace("<br/>", " ")
    assert label == "Task: Ask #quot;why#quot; #35;1 #lt;now#gt;; [end] {x} | yes (call)"


STEPS: list[dict[str, Any]] = [
    {
        "name": "call",
        "create_task": {"type": "CALL", "title": "x", "due": {"after": "2 days"}, "wait_for": "completion"},
    },
    {"name": "which", "after": "3 days", "branch": {"if": [], "then": "late", "else": "soon"}},
    {"name": "soon", "after": "1 day", "wait": {}},
    {"name": "late", "after": "1 month", "wait": {}},
]


def test_day_counts_include_waits_and_blocking_tasks():
    # 0; 2 for the task and 3; a day after that; of the two ways to the last step the shorter: 30 days from day 5.
    assert days_of(read_sequence({"name": "x", "steps": STEPS})) == {"call": 0, "which": 5, "soon": 6, "late": 35}


def test_page_names_the_default_stops_of_messages():
    send = {"send_message": {"channel": "email", "template": "hello"}}
    rule: dict[str, Any] = {"name": "write", "on": "lead.created", "do": [send]}
    assert sentences.of_rule_stops(rule | {"stop_on": []}) == []
    said = "the lead replies, or the lead opts out, or the lead is converted, or the lead is lost"
    assert sentences.of_rule_stops(rule) == [f"Messages to the lead are cancelled when {said}."]
    assert sentences.of_rule_stops(rule | {"stop_on": "lead.replied"}) == [
        "It is cancelled when the lead replies.",
        f"Messages to the lead are also cancelled when {said.removeprefix('the lead replies, or ')}.",
    ]
