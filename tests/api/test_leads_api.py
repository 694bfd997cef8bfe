"""Leads: capture, read, list and edit."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]


def test_captured_lead_is_new_in_the_first_stage_with_a_coordinator(desk: Desk):
    coordinator = desk.coordinator
    answer = desk.front_desk.post("/api/leads", desk.lead_data(notes="Asked about braces.\nCalls after six."))
    lead = answer.body
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/leads/{lead['id']}"
    assert (lead["status"], lead["pipeline_stage"]) == ("NEW", "new_lead")
    assert lead["assigned_to_id"] == coordinator.id
    assert lead["created_by"] == desk.front_desk.id
    assert desk.admin.get(answer.headers["Location"]).body.items() <= lead.items()


def test_captured_lead_has_its_first_follow_ups(desk: Desk):
    lead = desk.capture()
    assert [step["name"] for step in desk.steps(lead)] == ["speed-to-lead", "no-contact-24h"]
    assert {step["cause"]["event"] for step in desk.steps(lead)} == {"lead.created"}


def test_refused_lead_leaves_no_rows(desk: Desk):
    desk.front_desk.post("/api/leads", desk.lead_data(source_id=str(uuid4())))
    assert desk.sql("SELECT id FROM leads UNION ALL SELECT id FROM steps") == []


def test_every_field_is_returned_as_given(desk: Desk):
    given = desk.lead_data(
        patient_first_name="Leo",
        patient_last_name="Ruiz-Okafor",
        patient_dob="2014-02-28",
        patient_relationship="CHILD",
        email="ana@people.example",
        phone="+12125550143",
        phone_alt="+34600111222",
        preferred_contact="TEXT",
        preferred_time="after six",
        timezone="America/Chicago",
        address_line1="1 Main St",
        address_line2="Apt 2",
        city="Chicago",
        state="IL",
        postal_code="60601",
        source_campaign="spring",
        source_detail="poster",
        referring_provider_id=str(uuid4()),
        referring_patient_id=str(uuid4()),
        treatment_interest=["INVISALIGN", "RETAINER"],
        insurance_carrier="Acme Dental",
        insurance_member_id="X-1",
        consultation_id=str(uuid4()),
        notes="Ünïcode ✓",
        assigned_to_id=desk.admin.id,
    )
    lead = desk.capture(**given)
    assert {name: lead[name] for name in given} == given


def test_contact_is_the_patient_by_default(desk: Desk):
    lead = desk.capture()
    assert (lead["patient_first_name"], lead["patient_last_name"]) == ("Ana", "Ruiz")
    assert lead["patient_relationship"] == "SELF"


def test_other_patient_requires_a_name(desk: Desk):
    answer = desk.front_desk.post("/api/leads", desk.lead_data(patient_relationship="CHILD"))
    assert answer.pointers == ["/patient_first_name", "/patient_last_name"]


def test_lead_requires_a_phone_or_an_email(desk: Desk):
    data = desk.lead_data()
    del data["phone"]
    assert desk.front_desk.post("/api/leads", data).pointers == ["/email", "/phone"]
    assert desk.front_desk.post("/api/leads", {**data, "email": "ana@people.example"}).status == 201


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("(212) 555-0143", "+12125550143"),  # the clinic is in the US
        ("212.555.0143", "+12125550143"),
        ("+34 600 11 12 22", "+34600111222"),
        ("0034 600111222", None),  # 00 is no prefix in the US
        ("12", None),
        ("call me", None),
        ("(212) 555-0143 ext. 7", None),  # E.164 has no room for it
    ],
)
def test_phone_number_is_stored_as_e164_or_refused(desk: Desk, written: str, kept: str | None):
    answer = desk.front_desk.post("/api/leads", desk.lead_data(phone=written))
    if kept:
        assert answer.body["phone"] == kept
    else:
        assert answer.pointers == ["/phone"]


def test_phone_number_without_country_code_uses_the_clinics_country(other_desk: Desk):
    assert other_desk.capture(phone="600 11 12 22")["phone"] == "+34600111222"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("patient_dob", "2999-01-01"),
        ("patient_dob", "2023-02-29"),
        ("treatment_interest/1", ["RETAINER", "GOLD_TEETH"]),
        ("treatment_interest", "INVISALIGN"),
        ("preferred_contact", "PIGEON"),
        ("first_name", ""),
        ("first_name", None),
        ("first_name", 7),
        ("first_name", "x" * 101),
        ("source_id", "web"),
        ("phone_alt", "none"),
    ],
)
def test_validation_error_names_the_path(desk: Desk, field: str, value: Any):
    assert desk.front_desk.post("/api/leads", desk.lead_data(**{field.partition("/")[0]: value})).pointers == [
        f"/{field}"
    ]


@pytest.mark.parametrize(
    "field",
    ["id", "clinic_id", "status", "pipeline_stage", "created_by", "created_at", "version", "failed_attempts", "role"],
)
def test_read_only_field_is_refused(desk: Desk, field: str):
    assert desk.front_desk.post("/api/leads", desk.lead_data(**{field: "NEW"})).pointers == [f"/{field}"]
    assert desk.front_desk.put(f"/api/leads/{desk.capture()['id']}", {field: "NEW"}).pointers == [f"/{field}"]


def test_archived_or_foreign_source_is_refused(desk: Desk, other_desk: Desk):
    assert desk.front_desk.post("/api/leads", desk.lead_data(source_id=other_desk.source_id)).pointers == ["/source_id"]
    desk.sql("UPDATE lead_sources SET is_active = false WHERE id = :id", id=desk.source_id)
    assert desk.front_desk.post("/api/leads", desk.lead_data()).pointers == ["/source_id"]


def test_choosing_the_coordinator_requires_the_permission_to_assign(desk: Desk):
    chosen = desk.lead_data(assigned_to_id=desk.coordinator.id)
    assert desk.front_desk.post("/api/leads", chosen).status == 403
    assert desk.coordinator.post("/api/leads", chosen).body["assigned_to_id"] == desk.coordinator.id


def test_coordinator_must_be_an_active_user_of_the_clinic(desk: Desk, other_desk: Desk):
    gone = desk.hire(Role.TREATMENT_COORDINATOR, is_active=False)
    for chosen in (gone.id, other_desk.coordinator.id, str(uuid4())):
        answer = desk.coordinator.post("/api/leads", desk.lead_data(assigned_to_id=chosen))
        assert answer.pointers == ["/assigned_to_id"]


def test_capture_requires_the_permission_to_create(desk: Desk):
    statuses = {role: desk.caller(role).post("/api/leads", desk.lead_data()).status for role in Role}
    assert statuses == {
        Role.FRONT_DESK: 201,
        Role.TREATMENT_COORDINATOR: 201,
        Role.CLINIC_ADMIN: 201,
        Role.DOCTOR: 403,
        Role.MARKETING_MANAGER: 403,
        Role.MANAGER: 201,
        Role.DISPATCHER: 201,
        Role.SALES: 201,
    }


def test_lead_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk):
    theirs = f"/api/leads/{other_desk.capture(phone='600111222')['id']}"
    calls = [
        desk.admin.get(theirs),
        desk.admin.put(theirs, {"notes": "mine now"}),
        desk.admin.get(f"{theirs}/automation"),
        desk.admin.get(f"{theirs}/tasks"),
        desk.admin.get(f"{theirs}/activities"),
        desk.admin.post(f"{theirs}/stage", {"stage": "contacted"}),
        desk.admin.post(f"{theirs}/assign", {"assigned_to_id": desk.admin.id}),
        desk.admin.post(f"{theirs}/convert", {}),
        desk.admin.post(f"{theirs}/lost", {"reason": "OTHER"}),
        desk.admin.post(f"{theirs}/opt-out"),
        desk.admin.post(f"{theirs}/activities", {"type": "NOTE"}),
    ]
    assert {call.status for call in calls} == {404}
    assert desk.admin.get("/api/leads").body["items"] == []


def test_leads_are_listed_newest_first_in_pages(desk: Desk):
    made = [desk.capture(first_name=f"Lead {number}") for number in range(5)]
    first = desk.doctor.get("/api/leads", limit=2).body
    assert first["items"] == [made[4], made[3]]
    assert [lead["id"] for lead in desk.doctor.every("/api/leads", limit=2)] == [lead["id"] for lead in made[::-1]]


def test_each_filter_returns_its_leads(desk: Desk):
    other_source = desk.admin.get("/api/lead-sources").body["items"][-1]["id"]
    assert other_source != desk.source_id
    plain = desk.capture(assigned_to_id=desk.coordinator.id)
    moved = desk.capture(source_id=other_source, assigned_to_id=desk.admin.id)
    desk.admin.post(f"/api/leads/{moved['id']}/stage", {"stage": "contacted"})

    def found(**query: Any) -> list[str]:
        return [lead["id"] for lead in desk.admin.every("/api/leads", **query)]

    assert found(status="NEW") == [plain["id"]]
    assert found(stage="contacted") == [moved["id"]]
    assert found(source_id=other_source) == [moved["id"]]
    assert found(assigned_to_id=desk.coordinator.id) == [plain["id"]]
    assert found(assigned_to_id="me") == [moved["id"]]
    assert found(assigned_to_id="me", status="NEW") == []


def test_leads_are_filtered_by_creation_time(desk: Desk):
    before = now()
    lead = desk.capture()
    after = now() + timedelta(microseconds=1)

    def found(**query: Any) -> int:
        return len(desk.admin.every("/api/leads", **{name: at.isoformat() for name, at in query.items()}))

    assert found(created_from=before) == found(created_to=after) == found(created_from=before, created_to=after) == 1
    assert found(created_from=after) == found(created_to=before) == 0
    assert lead["created_at"] >= before.isoformat()[:26]


@pytest.mark.parametrize("query", [{"status": "OLD"}, {"colour": "red"}, {"assigned_to_id": "you"}, {"cursor": "abc"}])
def test_invalid_filter_is_refused(desk: Desk, query: dict[str, str]):
    assert desk.admin.get("/api/leads", **query).pointers == [f"/{name}" for name in query]


def test_edit_changes_given_fields_only(desk: Desk):
    lead = desk.capture(city="Albany", notes="old")
    answer = desk.front_desk.put(f"/api/leads/{lead['id']}", {"notes": None, "phone": "212 555 0199"})
    changed = {"notes": None, "phone": "+12125550199", "version": 2, "updated_by": desk.front_desk.id}
    assert answer.body == {**lead, **changed, "updated_at": answer.body["updated_at"]}
    assert desk.lead(lead) == answer.body


def test_edit_cannot_remove_the_last_contact_detail(desk: Desk):
    lead = desk.capture()
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"phone": None}).pointers == ["/email", "/phone"]
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"phone": None, "email": "a@people.example"}).status == 200
    assert desk.lead(lead)["phone"] is None


def test_edit_is_validated_like_a_capture(desk: Desk, other_desk: Desk):
    lead = f"/api/leads/{desk.capture()['id']}"
    assert desk.admin.put(lead, {"source_id": other_desk.source_id}).pointers == ["/source_id"]
    assert desk.admin.put(lead, {"phone": "12"}).pointers == ["/phone"]
    assert desk.admin.put(lead, {"first_name": None}).pointers == ["/first_name"]
    assert desk.admin.put(lead, {"assigned_to_id": desk.admin.id}).pointers == ["/assigned_to_id"]


def test_corrected_name_also_changes_the_patient_if_they_are_the_same(desk: Desk):
    lead, mother = (
        desk.capture(),
        desk.capture(patient_relationship="CHILD", patient_first_name="Leo", patient_last_name="Ruiz"),
    )
    for person in (lead, mother):
        desk.admin.put(f"/api/leads/{person['id']}", {"first_name": "Anna"})
    assert desk.lead(lead)["patient_first_name"] == "Anna"
    assert desk.lead(mother)["patient_first_name"] == "Leo"


def test_steps_show_how_late_they_ran(desk: Desk):
    lead = desk.capture()
    desk.sql("UPDATE steps SET state = 'done', finished_at = due_at + interval '1.5 s' WHERE name = 'speed-to-lead'")
    ran, waiting = desk.steps(lead)
    assert (ran["state"], ran["lateness_seconds"]) == ("done", 1.5)
    assert (waiting["state"], waiting["lateness_seconds"]) == ("planned", None)
    assert [step["id"] for step in desk.admin.every(f"/api/leads/{lead['id']}/automation", limit=1)] == [
        ran["id"],
        waiting["id"],
    ]


def test_api_key_can_capture_leads_but_is_no_user(desk: Desk):
    program = desk.program("lead:read", "lead:create", "lead:update")
    lead = program.post("/api/leads", desk.lead_data()).body
    assert lead["created_by"] is None
    assert program.get("/api/leads", assigned_to_id="me").pointers == ["/assigned_to_id"]
    assert program.get("/api/leads/tasks/my-tasks").status == 403
    desk.sql("UPDATE leads SET assigned_to_id = NULL")
    task = {"title": "Call", "type": "CALL", "due_at": now().isoformat()}
    assert program.post(f"/api/leads/{lead['id']}/tasks", task).pointers == ["/assigned_to_id"]
    assert program.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"}).body["updated_by"] is None
    assert desk.timeline(lead)[-1]["created_by"] is None
