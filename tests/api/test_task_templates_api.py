"""Task templates: written once, planned by hand with a lead's own words put in."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

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


def test_a_task_is_planned_from_a_template(desk: Desk):
    template = make(
        desk, description="For {{ patient.first_name }} <{{ clinic.name }}>", priority="HIGH", tags=["card"]
    )
    task = use(desk, template, desk.capture(first_name="Zoë")).body
    due_in = datetime.fromisoformat(task["due_at"]) - datetime.fromisoformat(task["created_at"])
    assert (task["title"], task["description"]) == ("Ask Zoë for the card", "For Zoë <A clinic>")
    assert (task["type"], task["priority"], task["tags"]) == ("DOCUMENT_REVIEW", "HIGH", ["card"])
    assert due_in == timedelta(hours=2)


def test_what_is_given_besides_the_template_counts(desk: Desk):
    task = use(desk, make(desk, priority="HIGH"), desk.capture(), title="Another", tags=[], priority="LOW").body
    assert (task["title"], task["tags"], task["priority"]) == ("Another", [], "LOW")
    assert use(desk, make(desk, name="x", priority="HIGH"), desk.capture()).body["priority"] == "HIGH"


def test_a_leads_name_is_text_and_no_template(desk: Desk):
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
def test_a_mistake_is_pointed_at(desk: Desk, change: dict[str, Any], place: str):
    assert desk.admin.post(TEMPLATES, {**PLAIN, **change}).pointers == [place]


def test_a_template_is_listed_changed_and_deleted(desk: Desk):
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


def test_another_clinics_template_is_a_mistake_like_an_unknown_one(desk: Desk, other_desk: Desk):
    answers = [use(desk, template, desk.capture()) for template in (make(other_desk), {"id": str(uuid4())})]
    assert [answer.pointers for answer in answers] == [["/template_id"]] * 2
    assert answers[0].body["errors"] == answers[1].body["errors"]
