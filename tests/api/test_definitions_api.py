"""Definitions for editors: text with places of mistakes, outlines, pictures, vocabulary, and the latest steps."""

from typing import Any

import pytest

from app.automation.playbooks import shipped
from tests.support.desk import Desk

RULE = """\
name: call-new-leads
on: lead.created
when:
- {field: lead.source_category, equals: WEB_PAID}
after: 1 hour
do:
- branch:
    if: [{field: lead.replied_at, exists: true}]
    then:
    - create_task: {type: CALL, title: Call back}
    else:
    - assign: {to: by_rules}
stop_on: lead.contacted
"""
SEQUENCE = """\
name: onboarding
steps:
- name: opened
  branch:
    if: [{field: enrollment.replied, equals: true}]
    then: call
    else: end
- name: call
  after: 2 days
  create_task: {type: CALL, title: Call them}
"""


def read(desk: Desk, kind: str, text: str) -> Any:
    found = desk.admin.post("/api/definitions/read", {"kind": kind, "text": text})
    assert found.status == 200, found.body
    return found.body


def test_rule_is_read_as_an_outline_with_the_line_of_each_part(desk: Desk):
    found = read(desk, "rule", RULE)
    assert found["mistakes"] == []
    assert found["definition"]["on"] == "lead.created"
    assert [(line["depth"], line["line"], line["text"]) for line in found["outline"]] == [
        (0, 2, "When a lead is created"),
        (0, 4, "if its source category is web paid"),
        (0, 5, "1 hour later"),
        (1, 8, "If the lead has replied:"),
        (2, 10, "Task: Call back (call)"),
        (1, 11, "Else:"),
        (2, 12, "Assign the lead by the assignment rules"),
        (0, 13, "It is cancelled when a user is in contact with the lead."),
    ]


def test_sequence_is_drawn_with_both_ways_of_a_branch(desk: Desk):
    picture = read(desk, "sequence", SEQUENCE)["picture"]
    assert picture["direction"] == "down"
    assert [(node["id"], node["shape"], node["line"]) for node in picture["nodes"]] == [
        ("begin", "event", None),
        ("step0", "condition", 3),
        ("step1", "step", 8),
        ("over", "end", None),
    ]
    ways = [(edge["source"], edge["target"], edge["label"]) for edge in picture["edges"]]
    assert ways == [("begin", "step0", ""), ("step0", "step1", "yes"), ("step0", "over", "no"), ("step1", "over", "")]


@pytest.mark.parametrize(
    ("text", "pointer", "line", "message"),
    [
        (RULE.replace("lead.contacted", "lead.contacte"), "/stop_on/0", 13, "did you mean 'lead.contacted'"),
        (RULE.replace("type: CALL", "type: KALL"), "/do/0/branch/then/0/create_task/type", 10, "'CALL'"),
        (RULE.replace("on: lead.created\n", ""), "/on", 1, "is missing"),
        (RULE.replace("1 hour", "[1"), "", 6, "expected"),
        (RULE + "name: again\n", "", 1, "twice"),
        (RULE + "title: 9223372036854775808\n", "", RULE.count("\n") + 1, "too large"),
        ("&a [*a]", "", 1, "alias"),
    ],
)
def test_mistake_is_shown_at_its_line(desk: Desk, text: str, pointer: str, line: int, message: str):
    [mistake] = read(desk, "rule", text)["mistakes"]
    assert (mistake["pointer"], mistake["line"]) == (pointer, line)
    assert message in mistake["message"]


def test_unknown_name_is_a_mistake_of_a_definition_that_can_be_described(desk: Desk):
    text = "name: hello\non: lead.created\ndo: [{send_message: {channel: email, template: nope}}]\n"
    found = read(desk, "rule", text)
    assert [one["pointer"] for one in found["mistakes"]] == ["/do/0/send_message/template"]
    assert found["outline"][-2]["text"] == "E-mail to the lead: nope"


def test_every_shipped_definition_survives_the_way_to_text_and_back(desk: Desk):
    for playbook in map(shipped.load, shipped.names()):
        parts = {"rule": playbook.rules, "sequence": playbook.sequences, "nurture": playbook.nurtures}
        for kind, definitions in parts.items():
            for one in definitions:
                found = desk.admin.post("/api/definitions/read", {"kind": kind, "definition": one}).body
                again = read(desk, kind, found["text"])
                assert again["definition"] == one
                assert again["outline"]
                assert again["picture"]


def test_text_has_the_parts_in_the_order_of_the_reference(desk: Desk):
    definition = {"do": [{"assign": {"to": "by_rules"}}], "on": "lead.created", "name": "x"}
    found = desk.admin.post("/api/definitions/read", {"kind": "rule", "definition": definition}).body
    assert found["text"] == "name: x\non: lead.created\ndo:\n- assign:\n    to: by_rules\n"


def test_vocabulary_has_the_names_of_the_clinic(desk: Desk):
    found = desk.admin.get("/api/definitions/vocabulary", kind="rule").body
    places = {place["key"]: {part["name"]: part for part in place["parts"]} for place in found["places"]}
    assert places[""]["on"]["is_required"]
    assert "lead.created" in places[""]["on"]["values"]
    assert "CALL" in places["create_task"]["type"]["values"]
    assert "contacted" in places["change_stage"]["stage"]["values"]
    assert places["send_message"]["template"]["values"]
    fields = {field["path"]: field for field in found["fields"]}
    assert "NEW" in fields["lead.status"]["values"]
    assert "contacted" in fields["lead.pipeline_stage"]["values"]
    assert "enrollment.opened" not in fields


def test_latest_steps_name_their_leads(desk: Desk, other_desk: Desk):
    lead = desk.capture(first_name="Mia")
    found = desk.admin.get("/api/definitions/no-contact-24h/latest-steps").body["items"]
    assert [(one["lead_id"], one["first_name"], one["state"]) for one in found] == [(lead["id"], "Mia", "planned")]
    assert other_desk.admin.get("/api/definitions/no-contact-24h/latest-steps").body["items"] == []


def test_draft_of_a_rule_is_simulated_by_itself(desk: Desk):
    rule = {"name": "later", "on": "lead.created", "after": "2 days", "do": [{"assign": {"to": "by_rules"}}]}
    created = desk.admin.post("/api/follow-up-rules", {**rule, "is_draft": True}).body
    path = f"/api/follow-up-rules/{created['id']}/simulate"
    found = desk.admin.post(path, {"start": "2026-03-10T15:00:00Z", "days": 3}).body
    ended = [(entry["name"], entry["at"]) for entry in found["timeline"] if entry["what"] == "done"]
    assert ended == [("later", "2026-03-12T15:00:00Z")]
    script = [{"at": "+1 day", "event": "lead.lost"}]
    found = desk.admin.post(path, {"start": "2026-03-10T15:00:00Z", "days": 3, "script": script}).body
    assert [entry["what"] for entry in found["timeline"] if entry["name"] == "later"] == ["skipped"]
