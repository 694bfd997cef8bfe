"""Template reports: preview, missing fields and performance."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Answer, Desk

pytest_plugins = ["tests.support.desk"]

TEMPLATES = "/api/message-templates"
DEFAULT = {"subject": "Hello {{ lead.first_name }}", "body": "{{ lead.first_name }} of {{ custom.school }}"}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """A clinic with a coordinator and a custom field."""
    desk.coordinator  # noqa: B018  (hired when first asked for)
    desk.admin.post("/api/custom-fields", {"key": "school", "label": "School", "type": "text"})
    return desk


def make(desk: Desk, *variants: dict[str, Any], slug: str = "welcome") -> dict[str, Any]:
    given = {"slug": slug, "name": slug, "variants": list(variants) or [DEFAULT]}
    answer = desk.admin.post(TEMPLATES, given)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def preview(desk: Desk, template: dict[str, Any], **asked: Any) -> Answer:
    return desk.admin.post(f"{TEMPLATES}/{template['id']}/preview", asked)


def rows_of(desk: Desk) -> list[int]:
    tables = ("notifications", "steps", "lead_activities", "message_template_versions")
    return [desk.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


def test_preview_equals_the_message_of_the_lead(desk: Desk):
    template = make(desk, DEFAULT, {"language": "fr", "subject": "Bonjour", "body": "{{ lead.first_name }} !"})
    lead = desk.capture(first_name="Zoë", language="fr-CA", custom={"school": "Nord"})
    before = rows_of(desk)
    assert preview(desk, template, lead_id=lead["id"]).body == {
        "variant": "any:fr",
        "looked_for": ["email:fr-CA", "email:fr", "email:en", "email:default", "any:fr-CA", "any:fr"],
        "subject": "Bonjour",
        "body": "Zoë !",
        "media": None,
        "missing": [],
    }
    other = preview(desk, template, lead_id=lead["id"], language="de").body
    assert (other["variant"], other["subject"], other["body"]) == ("any:default", "Hello Zoë", "Zoë of Nord")
    assert rows_of(desk) == before


def test_missing_values_are_named(desk: Desk):
    body = (
        "{{ custom.school }} {{ lead.value | upper }} {{ lead.value | default('much') }}"
        "{% if custom.school %}{{ lead.value }}{% endif %} {{ coordinator.email }} {{ lead.stage }}"
    )
    template = make(desk, {"subject": "{{ lead.value }}", "body": body})
    shown = preview(desk, template, lead_id=desk.capture()["id"]).body
    assert shown["missing"] == ["lead.value", "custom.school"]
    assert shown["subject"] == "[lead.value]"
    address = desk.sql("SELECT email FROM users WHERE id = :id", id=desk.coordinator.id)[0][0]
    assert shown["body"] == f"[custom.school] [LEAD.VALUE] much {address} New Lead"


def test_preview_without_a_lead_uses_sample_data(desk: Desk):
    body = "{{ task.title }}, {{ consultation.scheduled_for }}, {{ user.name }}, {{ lead.value }}, {{ custom.school }}"
    template = make(desk, {"subject": "{{ lead.first_name }}", "body": body})
    shown = preview(desk, template).body
    assert (shown["subject"], shown["missing"], shown["variant"]) == ("Ana", [], "any:default")
    given = {"lead.first_name": "Mia", "lead.value": None, "task.title": "Call", "custom.school": "Nord"}
    told = preview(desk, template, values=given).body
    assert (told["subject"], told["missing"]) == ("Mia", ["lead.value"])
    assert told["body"].startswith("Call, ")
    assert told["body"].endswith(", [lead.value], Nord")


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"values": {"lead.frist_name": "x"}}, "/values/lead.frist_name"),
        ({"values": {"custom.city": "x"}}, "/values/custom.city"),
        ({"values": {"lead.first_name": 7}}, "/values/lead.first_name"),
        ({"channel": "pigeon"}, "/channel"),
        ({"language": "french"}, "/language"),
        ({"lead_id": "x"}, "/lead_id"),
        ({"clinic_id": str(uuid4())}, "/clinic_id"),
    ],
)
def test_validation_error_names_the_path(desk: Desk, asked: dict[str, Any], pointer: str):
    assert preview(desk, make(desk), **asked).pointers == [pointer]


def test_unsaved_texts_can_be_previewed_and_are_validated(desk: Desk):
    media = {"type": "video", "url": "https://media.example/tour.mp4"}
    texts = [DEFAULT, {"channel": "http", "body": "Hi {{ lead.first_name }}", "media": media}]
    before = rows_of(desk)
    shown = desk.admin.post(f"{TEMPLATES}/preview", {"variants": texts, "channel": "http"}).body
    assert (shown["variant"], shown["subject"], shown["body"], shown["media"]) == (
        "http:default",
        None,
        "Hi Ana",
        media,
    )
    wrong = [{**DEFAULT, "body": "{{ lead.phone }}"}]
    assert desk.admin.post(f"{TEMPLATES}/preview", {"variants": wrong}).pointers == ["/variants/0/body"]
    compared = [{**DEFAULT, "body": "{% if lead.value < 3 %}x{% endif %}"}]
    answer = desk.admin.post(f"{TEMPLATES}/preview", {"variants": compared})
    assert (answer.status, "cannot be worked out" in answer.body["detail"]) == (422, True)
    assert rows_of(desk) == before


def test_users_with_lead_update_can_choose_templates(desk: Desk, other_desk: Desk):
    template, lead = make(desk), desk.capture()
    path, theirs = f"{TEMPLATES}/{template['id']}/preview", {"lead_id": other_desk.capture(phone="+12125550143")["id"]}
    for role in (Role.TREATMENT_COORDINATOR, Role.FRONT_DESK):
        caller = desk.caller(role)
        assert template["id"] in [one["id"] for one in caller.every(TEMPLATES)]
        assert caller.post(path, {"lead_id": lead["id"]}).status == 200
        assert caller.post(path, theirs).status == 404
        closed = (caller.get(f"{TEMPLATES}/{template['id']}"), caller.post(f"{TEMPLATES}/preview", {"variants": []}))
        assert [answer.status for answer in closed] == [403, 403]
    assert template["id"] not in [one["id"] for one in other_desk.coordinator.every(TEMPLATES)]
    assert other_desk.coordinator.post(path, {}).status == 404
    sales = desk.caller(Role.SALES)  # sees the leads assigned to them
    assert (sales.get(TEMPLATES).status, sales.post(path, {"lead_id": lead["id"]}).status) == (200, 404)
    assert desk.doctor.get(TEMPLATES).status == 403


def test_preview_of_a_lead_requires_access_to_it(desk: Desk, other_desk: Desk):
    template, lead = make(desk), desk.capture()
    theirs = other_desk.capture(phone="+12125550143")
    manager = desk.caller(Role.MANAGER)  # of a team that the lead is not of
    path = f"{TEMPLATES}/{template['id']}/preview"
    answers = [
        desk.admin.post(path, {"lead_id": theirs["id"]}),
        desk.admin.post(path, {"lead_id": str(uuid4())}),
        manager.post(path, {"lead_id": lead["id"]}),
    ]
    assert [answer.status for answer in answers] == [404] * 3
    program = desk.program("automation:read")
    assert (program.post(path, {"lead_id": lead["id"]}).status, program.post(path, {}).status) == (403, 200)
    seen = desk.admin.every("/api/audit", subject_id=lead["id"])
    assert [entry["operation"] for entry in seen if entry["act"] == "read"] == []
    desk.admin.post(path, {"lead_id": lead["id"]})
    looked = desk.admin.every("/api/audit", subject_id=lead["id"])
    assert "message-templates.preview_template" in [entry["operation"] for entry in looked]


def missing(desk: Desk, template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = desk.admin.get(f"{TEMPLATES}/{template['id']}/missing").body
    return found


def test_report_counts_open_leads_without_required_fields(desk: Desk):
    school = {"channel": "email", "subject": "{{ lead.value }}", "body": "{{ lead.value }} {{ coordinator.name }}"}
    template = make(desk, DEFAULT, school, {"language": "fr", "subject": "x", "body": "{{ task.title }}"})
    desk.capture(custom={"school": "Nord"}, lead_value="12.00")
    desk.capture(lead_value="0.00")
    desk.capture(custom={"school": ""})
    lost = desk.capture()
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})  # lost leads get no messages
    found = missing(desk, template)
    assert (found["open_leads"], found["is_all"]) == (3, True)
    assert found["fields"] == [
        {"field": "coordinator.name", "variants": ["email:default"], "leads": 0},
        {"field": "custom.school", "variants": ["any:default"], "leads": 1},
        {"field": "lead.first_name", "variants": ["any:default"], "leads": 0},
        {"field": "lead.value", "variants": ["email:default"], "leads": 1},
        {"field": "task.title", "variants": ["any:fr"], "leads": None},
    ]


def test_fields_with_a_default_or_condition_are_not_required(desk: Desk):
    body = "{{ lead.value | default('much') }}{% if custom.school %}{{ custom.school }}{% endif %}"
    assert missing(desk, make(desk, {"subject": "x", "body": body}))["fields"] == []


def test_unassigned_leads_without_eligible_users_lack_a_coordinator(desk: Desk):
    template = make(desk, {"subject": "x", "body": "{{ coordinator.name }}"})
    desk.capture()
    desk.multiply(desk.capture(), times=2)
    desk.sql("UPDATE leads SET assigned_to_id = NULL WHERE id <> :id", id=desk.capture()["id"])
    assert missing(desk, template)["fields"][0]["leads"] == 0  # a coordinator is eligible
    dispatcher = desk.caller(Role.DISPATCHER)
    desk.sql("UPDATE leads SET assigned_to_id = :id WHERE assigned_to_id IS NOT NULL", id=dispatcher.id)
    desk.sql("UPDATE users SET role = 'dispatcher' WHERE clinic_id = :c", c=desk.clinic_id)
    found = dispatcher.get(f"{TEMPLATES}/{template['id']}/missing").body
    assert (found["open_leads"], found["fields"][0]["leads"]) == (5, 4)


def test_manager_counts_leads_of_the_team(desk: Desk):
    template = make(desk, {"subject": "x", "body": "{{ lead.value }}"})
    desk.capture()
    found = desk.caller(Role.MANAGER).get(f"{TEMPLATES}/{template['id']}/missing").body
    assert found["open_leads"] == 0


def write(desk: Desk, version_id: str, lead: dict[str, Any], state: str, *, days_ago: int, **more: Any) -> None:
    at = now() - timedelta(days=days_ago)
    desk.sql(
        "INSERT INTO notifications (id, clinic_id, lead_id, user_id, channel, template, template_version_id, subject,"
        " body, state, attempts, created_at, sent_at) VALUES (:id, :clinic, :lead, CAST(:user AS uuid), 'email',"
        " 'welcome', :version, 'x', 'x', :state, 1, :at, CASE WHEN :state = 'sent' THEN CAST(:at AS timestamptz) END)",
        id=uuid4(),
        clinic=desk.clinic_id,
        lead=lead["id"],
        user=more.get("user"),
        version=version_id,
        state=state,
        at=at,
    )


def hear(desk: Desk, lead: dict[str, Any], *, days_ago: int) -> None:
    body = {"type": "EMAIL", "direction": "INBOUND", "occurred_at": (now() - timedelta(days=days_ago)).isoformat()}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", body).status == 201


def test_performance_is_counted_by_version(desk: Desk):
    template = make(desk)
    changed = {"variants": [{**DEFAULT, "subject": "Better"}]}
    second = desk.admin._send("PATCH", f"{TEMPLATES}/{template['id']}", headers={"If-Match": "*"}, json=changed).body
    soon, late, converted = (desk.capture() for _ in range(3))
    write(desk, template["version_id"], soon, "sent", days_ago=20)
    write(desk, template["version_id"], late, "sent", days_ago=20)
    write(desk, template["version_id"], late, "failed", days_ago=20)
    write(desk, template["version_id"], late, "sent", days_ago=40)  # too long ago
    write(desk, second["version_id"], converted, "sent", days_ago=1)
    write(desk, second["version_id"], converted, "suppressed", days_ago=1)
    write(
        desk, second["version_id"], converted, "sent", days_ago=1, user=desk.coordinator.id
    )  # to a user, not to a lead
    hear(desk, soon, days_ago=14)  # on the sixth day
    hear(desk, soon, days_ago=13)  # once more: still one message that was replied to
    hear(desk, late, days_ago=12)  # on the eighth
    desk.admin.post(f"/api/leads/{converted['id']}/convert", {})
    shown = desk.admin.get(f"{TEMPLATES}/{template['id']}/statistics").body
    figures = ("written", "sent", "failed", "suppressed", "replied", "converted")
    assert [tuple(one[name] for name in ("number", *figures)) for one in shown["versions"]] == [
        (2, 3, 2, 0, 1, 0, 1),
        (1, 3, 2, 1, 0, 1, 0),
    ]
    assert tuple(shown[name] for name in figures) == (6, 4, 1, 1, 1, 1)
    since = (now() - timedelta(days=60)).isoformat()
    assert desk.admin.get(f"{TEMPLATES}/{template['id']}/statistics", since=since).body["written"] == 7
    of_team = desk.caller(Role.MANAGER).get(f"{TEMPLATES}/{template['id']}/statistics").body
    assert of_team["written"] == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "/since"),
        ({"since": "2024-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "/since"),
        ({"since": "yesterday"}, "/since"),
        ({"by": "day"}, "/by"),
    ],
)
def test_invalid_period_is_refused_with_its_path(desk: Desk, query: dict[str, str], pointer: str):
    assert desk.admin.get(f"{TEMPLATES}/{make(desk)['id']}/statistics", **query).pointers == [pointer]
