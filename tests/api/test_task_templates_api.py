"""Task templates with variables of the lead."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]

TEMPLATES = "/api/task-templates"
PLAIN = {
    "name": "Card",
    "title": "Ask {{ lead.first_name }} for the card",
    "type": "DOCUMENT_REVIEW",
    "due_in": "2 hours",
}


def make(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = desk.admin.post(TEMPLATES, {**PLAIN, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def use(desk: Desk, template: dict[str, Any], lead: dict[str, Any], **more: Any) -> Answer:
    return desk.front_desk.post("/api/followups", {"lead_id": lead["id"], "template_id": template["id"], **more})


def test_task_is_planned_from_a_template(desk: Desk):
    template = make(
        desk, description="For {{ patient.first_name }} <{{ clinic.name }}>", priority="HIGH", tags=["card"]
    )
    task = use(desk, template, desk.capture(first_name="Zoë")).body
    due_in = datetime.fromisoformat(task["due_at"]) - datetime.fromisoformat(task["created_at"])
    assert (task["title"], task["description"]) == ("Ask Zoë for the card", "For Zoë <A clinic>")
    assert (task["type"], task["priority"], task["tags"]) == ("DOCUMENT_REVIEW", "HIGH", ["card"])
    assert due_in == timedelta(hours=2)


def test_given_fields_override_the_template(desk: Desk):
    task = use(desk, make(desk, priority="HIGH"), desk.capture(), title="Another", tags=[], priority="LOW").body
    assert (task["title"], task["tags"], task["priority"]) == ("Another", [], "LOW")
    assert use(desk, make(desk, name="x", priority="HIGH"), desk.capture()).body["priority"] == "HIGH"


def test_value_of_a_lead_is_not_rendered_as_a_template(desk: Desk):
    lead = desk.capture(first_name="{{ clinic.name }}", last_name="{% if x %}")
    assert use(desk, make(desk), lead).body["title"] == "Ask {{ clinic.name }} for the card"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"title": "{{ lead.phone }}"}, "/title"),
        ({"title": "{{ task.title }}"}, "/title"),  # known in messages, and nothing here
        ({"title": "{{ lead.first_name"}, "/title"),
        ({"title": "{{ ''.__class__ }}"}, "/title"),
        ({"description": "{% for x in y %}{% endfor %}"}, "/description"),
        ({"description": "{{ consultation.scheduled_for }}"}, "/description"),
        ({"due_in": "soon"}, "/due_in"),
        ({"stage": "nowhere"}, "/stage"),
        ({"stage": "lost"}, "/stage"),
        ({"type": "DANCE"}, "/type"),
        ({"clinic_id": str(uuid4())}, "/clinic_id"),
    ],
)
def test_validation_error_names_the_path(desk: Desk, change: dict[str, Any], place: str):
    assert desk.admin.post(TEMPLATES, {**PLAIN, **change}).pointers == [place]


def test_template_can_be_listed_changed_and_deleted(desk: Desk):
    other, template = make(desk, name="B", stage="contacted"), make(desk, name="A")
    assert desk.doctor.every(TEMPLATES, limit=1) == [template, other]
    assert desk.doctor.every(TEMPLATES, stage="contacted") == [other]
    path = f"{TEMPLATES}/{template['id']}"
    changed = desk.admin.put(path, {**PLAIN, "name": "C"}, seen='"1"').body
    assert (changed["name"], changed["version"]) == ("C", 2)
    assert desk.admin.put(path, {**PLAIN, "name": "D"}, seen='"1"').status == 412
    assert desk.admin.put(path, {**PLAIN, "name": "B"}).body["code"] == "template-name-taken"
    assert desk.admin._send("DELETE", path, headers={"If-Match": '"2"'}).status == 204
    assert desk.doctor.every(TEMPLATES) == [other]
    assert desk.admin.post(TEMPLATES, {**PLAIN, "name": "B"}).status == 409


def test_template_of_another_clinic_is_unknown(desk: Desk, other_desk: Desk):
    answers = [use(desk, template, desk.capture()) for template in (make(other_desk), {"id": str(uuid4())})]
    assert [answer.pointers for answer in answers] == [["/template_id"]] * 2
    assert answers[0].body["errors"] == answers[1].body["errors"]


def test_preview_returns_the_task_and_creates_none(desk: Desk):
    desk.admin.post("/api/custom-fields", {"key": "school", "label": "School", "type": "text"})
    words = "{{ lead.stage }}: {{ lead.value }}, {{ lead.value | default('?') }}, {{ custom.school }}"
    template, lead = make(desk, description=words), desk.capture(first_name="Zoë", custom={"school": "Nord"})
    path = f"{TEMPLATES}/{template['id']}"
    shown = desk.doctor.post(f"{path}/preview", {"lead_id": lead["id"]}).body
    assert (shown["title"], shown["missing"]) == ("Ask Zoë for the card", ["lead.value"])
    assert shown["description"] == "New Lead: —, ?, Nord"
    made_up = desk.doctor.post(f"{path}/preview", {}).body
    assert (made_up["title"], made_up["missing"]) == ("Ask Ana for the card", [])
    assert desk.sql("SELECT count(*) FROM lead_tasks") == [(0,)]
    used = use(desk, template, lead).body
    assert (used["title"], used["description"]) == (shown["title"], shown["description"])
    sales = desk.caller(Role.SALES)  # the lead is not in their scope
    assert sales.post(f"{path}/preview", {"lead_id": lead["id"]}).status == 404


def test_report_lists_missing_fields(desk: Desk):
    template = make(desk, description="{{ lead.value }} {{ coordinator.name | default('nobody') }}")
    desk.capture()
    found = desk.doctor.get(f"{TEMPLATES}/{template['id']}/missing").body
    assert found["fields"] == [
        {"field": "lead.first_name", "variants": ["title"], "leads": 0},
        {"field": "lead.value", "variants": ["description"], "leads": 1},
    ]


def test_report_counts_uses_of_a_template(desk: Desk):
    template, lead = make(desk), desk.capture()
    made = [use(desk, template, lead).body for _ in range(3)]
    use(desk, make(desk, name="Other"), lead)
    desk.plan(lead)
    desk.admin.post(f"/api/followups/{made[0]['id']}/complete", {})
    desk.admin.post(f"/api/followups/{made[1]['id']}/cancel", {})
    path = f"{TEMPLATES}/{template['id']}/statistics"
    shown = desk.doctor.get(path).body
    assert tuple(shown[name] for name in ("made", "open", "done", "cancelled")) == (3, 1, 1, 1)
    past = (datetime.fromisoformat(shown["since"]) - timedelta(days=1)).isoformat()
    assert desk.doctor.get(path, since=past, until=shown["since"]).body["made"] == 0


def test_custom_fields_are_those_of_the_clinic(desk: Desk):
    desk.admin.post("/api/custom-fields", {"key": "school", "label": "School", "type": "text"})
    make(desk, title="{{ custom.school }}")
    answer = desk.admin.post(TEMPLATES, {**PLAIN, "name": "x", "description": "{{ custom.shcool }}"})
    assert answer.pointers == ["/description"]
    assert "did you mean 'custom.school'" in answer.body["errors"][0]["message"]


BY_TEMPLATE = {"create_task": {"task_template": "Card"}}
RULE = {"name": "card", "on": "lead.replied", "do": [BY_TEMPLATE]}
SEQUENCE = {"name": "cards", "exit_on": [], "steps": [{"name": "ask", **BY_TEMPLATE}]}


@pytest.mark.parametrize(
    ("path", "definition", "place"),
    [
        ("/api/follow-up-rules", RULE, "/do/0/create_task/task_template"),
        ("/api/sequences", SEQUENCE, "/steps/0/create_task/task_template"),
    ],
)
def test_published_definition_names_a_template_of_the_clinic(
    desk: Desk, other_desk: Desk, path: str, definition: dict[str, Any], place: str
):
    make(other_desk)
    refused = desk.admin.post(path, definition)
    assert (refused.status, refused.pointers) == (422, [place])
    make(desk, name="Cart")
    assert "did you mean 'Cart'?" in desk.admin.post(path, definition).body["errors"][0]["message"]
    make(desk)
    assert desk.admin.post(path, definition).status == 201


def test_draft_with_an_unknown_template_is_refused_when_it_is_published(desk: Desk):
    template = make(desk)
    rule = desk.admin.post("/api/follow-up-rules", {**RULE, "is_draft": True}).body
    assert delete(desk, template).status == 204
    assert desk.admin.post(f"/api/follow-up-rules/{rule['id']}/publish").pointers == ["/do/0/create_task/task_template"]


def delete(desk: Desk, template: dict[str, Any]) -> Answer:
    path = f"{TEMPLATES}/{template['id']}"
    return desk.admin._send("DELETE", path, headers={"If-Match": f'"{template["version"]}"'})


CHOICE = {"branch": {"if": [{"field": "lead.replied_at", "exists": True}], "then": [BY_TEMPLATE]}}
PLAIN_TASK = {"create_task": {"type": "CALL", "title": "Call"}}


def test_template_that_a_definition_names_keeps_its_name(desk: Desk):
    template = make(desk)
    rule = desk.admin.post("/api/follow-up-rules", RULE).body
    nested = desk.admin.post("/api/follow-up-rules", {**RULE, "name": "nested", "do": [CHOICE]}).body
    path = f"{TEMPLATES}/{template['id']}"
    refused = [desk.admin.put(path, {**PLAIN, "name": "C"}, seen='"1"'), delete(desk, template)]
    assert [(answer.status, answer.body["code"]) for answer in refused] == [(409, "template-is-in-use")] * 2
    assert "Change these first: card, nested." in refused[0].body["detail"]
    template = desk.admin.put(path, {**PLAIN, "title": "Another text"}, seen='"1"').body
    for one in (rule, nested):
        gone = f"/api/follow-up-rules/{one['id']}"
        assert desk.admin._send("DELETE", gone, headers={"If-Match": f'"{one["version"]}"'}).status == 204
    assert delete(desk, template).status == 204


def remove(desk: Desk, path: str) -> None:
    version = desk.admin.get(path).body["version"]
    assert desk.admin._send("DELETE", path, headers={"If-Match": f'"{version}"'}).status == 204


@pytest.mark.parametrize("do", [BY_TEMPLATE, CHOICE], ids=["action", "action-of-a-branch"])
def test_template_that_planned_steps_need_cannot_be_deleted(desk: Desk, do: dict[str, Any]):
    template = make(desk)
    later = {**RULE, "on": "lead.created", "after": "1 day", "do": [do]}
    path = f"/api/follow-up-rules/{desk.admin.post('/api/follow-up-rules', later).body['id']}"
    desk.capture()
    assert desk.admin.patch(path, {"do": [PLAIN_TASK]}).status == 200
    refused = delete(desk, template)
    assert (refused.status, refused.body["code"]) == (409, "template-is-in-use")
    assert "Planned steps need it, of: card." in refused.body["detail"]
    assert desk.admin.put(f"{TEMPLATES}/{template['id']}", {**PLAIN, "name": "C"}, seen='"1"').status == 409
    remove(desk, path)  # the steps of a deleted rule do nothing
    assert delete(desk, template).status == 204


def test_template_of_an_earlier_version_stays_while_leads_are_in_it(desk: Desk):
    template = make(desk)
    waits = {"name": "w", "wait": {}, "after": "1 day"}
    steps = [waits, {"name": "a", "after": "1 day", "create_task": BY_TEMPLATE["create_task"]}]
    made = desk.admin.post("/api/sequences", {**SEQUENCE, "steps": steps}).body
    lead = desk.capture()
    path = f"/api/sequences/{made['id']}"
    enrolled = desk.admin.post(f"{path}/enrollments", {"lead_ids": [lead["id"]]})
    assert enrolled.status < 300, enrolled.body
    assert desk.admin.patch(path, {"steps": [waits]}).status == 200
    refused = delete(desk, template)
    assert (refused.status, refused.body["code"]) == (409, "template-is-in-use")
    assert f"Leads are still in an earlier version of: {SEQUENCE['name']}." in refused.body["detail"]
    remove(desk, path)  # ends the enrollment
    assert delete(desk, template).status == 204


def test_outline_of_a_rule_names_its_task_template(desk: Desk):
    make(desk)
    given = {"task_template": "Card", "priority": "HIGH", "assignee": "rotation"}
    for more, text in (
        ({}, "Task: the task template “Card” (high priority, by rotation)"),
        ({"title": "Call"}, "Task: Call (high priority, by rotation, as the task template “Card”)"),
    ):
        rule = {**RULE, "do": [{"create_task": {**given, **more}}]}
        found = desk.admin.post("/api/definitions/read", {"kind": "rule", "definition": rule}).body
        assert [line["text"] for line in found["outline"] if line["role"] == "action"] == [text]


def test_editor_offers_the_task_templates_of_the_clinic(desk: Desk):
    make(desk)
    places = desk.admin.get("/api/definitions/vocabulary", kind="rule").body["places"]
    [offered] = [part["values"] for place in places for part in place["parts"] if part["name"] == "task_template"]
    assert offered == ["Card"]
