"""Bulk follow-ups that also create the leads."""

from typing import Any

from app.engine.jobs.items import lead_encryption_context
from app.identity.models import Role
from app.security.encryption import decrypt_json
from tests.support.bulk import ask, counts, items, reasons, tasks, work_off
from tests.support.desk import Desk


def person(desk: Desk, name: str, **more: Any) -> dict[str, Any]:
    return desk.lead_data(first_name=name, email=f"{name.lower()}@people.example", **more)


def stored_fields(desk: Desk) -> list[Any]:
    found = desk.sql("SELECT job_id, position, lead_sealed AS kept FROM job_items ORDER BY position")
    return [
        item.kept and decrypt_json(item.kept, context=lead_encryption_context(item.job_id, item.position))
        for item in found
    ]


def test_bulk_lead_has_the_fields_of_a_lead_captured_alone(desk: Desk):
    coordinator = desk.coordinator
    alone = desk.capture(first_name="Alone", email="alone@people.example")
    job = ask(desk.admin, leads=[person(desk, "Ana"), person(desk, "Bea", phone="+34600111222")])
    assert counts(work_off(desk, job)) == (0, 2, 0, 0)
    ana, bea = (desk.lead({"id": item["lead_id"]}) for item in items(desk, job))
    assert (ana["first_name"], ana["phone"], bea["phone"]) == ("Ana", "+12125550143", "+34600111222")
    assert ana["assigned_to_id"] == bea["assigned_to_id"] == coordinator.id
    for name in ("status", "pipeline_stage", "patient_relationship", "treatment_interest", "created_by", "version"):
        assert ana[name] == alone[name]


def test_bulk_lead_gets_rule_steps_and_the_requested_follow_up(desk: Desk):
    job = ask(desk.admin, leads=[person(desk, "Ana")])
    work_off(desk, job)
    (item,) = items(desk, job)
    steps = desk.steps({"id": item["lead_id"]})
    assert sorted(step["name"] for step in steps) == ["no-contact-24h", "speed-to-lead", "task-reminder"]
    assert [(str(task.id), str(task.lead_id)) for task in tasks(desk)] == [(item["task_id"], item["lead_id"])]


def test_bulk_lead_has_a_first_touch(desk: Desk):
    web = {"capture_channel": "WEB_FORM", "touch": {"utm_source": "google"}}
    job = ask(desk.admin, leads=[person(desk, "Ana"), person(desk, "Bea", **web)])
    work_off(desk, job)
    found = [desk.admin.every(f"/api/leads/{item['lead_id']}/touches") for item in items(desk, job)]
    assert [(touch["channel"], touch["utm_source"]) for [touch] in found] == [("IMPORT", None), ("WEB_FORM", "google")]
    for item, [touch] in zip(items(desk, job), found, strict=True):
        lead = desk.lead({"id": item["lead_id"]})
        assert lead["first_touch_id"] == lead["last_touch_id"] == touch["id"]


def test_custom_fields_are_validated_by_their_definitions(desk: Desk):
    desk.admin.post("/api/custom-fields", {"key": "school", "label": "School", "type": "text", "required": True})
    job = ask(desk.admin, leads=[person(desk, "Ana"), person(desk, "Bea", custom={"school": "PS 9"})])
    assert counts(work_off(desk, job)) == (0, 1, 1, 0)
    [failed] = items(desk, job, status="failed")
    assert failed["error"].startswith("/custom/school:")


def test_invalid_lead_fails_alone_and_names_the_field(desk: Desk, other_desk: Desk):
    wrong = [
        {"first_name": "No surname", "phone": "(212) 555-0143", "source_id": desk.source_id},
        person(desk, "Phone", phone="twelve"),
        {**person(desk, "Source"), "source_id": other_desk.source_id},
        person(desk, "Colleague", assigned_to_id=other_desk.admin.id),
        person(desk, "Clinic", clinic_id=str(other_desk.clinic_id)),
        person(desk, "Type", notes=7),
        {},
    ]
    job = ask(desk.admin, leads=[*wrong, person(desk, "Right")])
    assert counts(work_off(desk, job)) == (0, 1, 7, 0)
    assert set(reasons(desk, job).values()) == {"invalid"}
    pointed = [item["error"].partition(":")[0] for item in items(desk, job, status="failed")]
    assert pointed[:6] == ["/last_name", "/phone", "/source_id", "/assigned_to_id", "/clinic_id", "/notes"]
    assert [lead.first_name for lead in desk.sql("SELECT first_name FROM leads")] == ["Right"]
    assert other_desk.admin.every("/api/leads") == []


def test_coordinator_of_a_bulk_lead_requires_permission_to_assign(desk: Desk):
    colleague = desk.coordinator.id
    refused = ask(desk.front_desk, leads=[person(desk, "Ana", assigned_to_id=colleague)])
    work_off(desk, refused)
    assert reasons(desk, refused) == {0: "invalid"}
    allowed = ask(desk.admin, leads=[person(desk, "Ana", assigned_to_id=colleague)])
    assert counts(work_off(desk, allowed)) == (0, 1, 0, 0)


def test_stored_lead_data_is_deleted_when_the_lead_is_created(desk: Desk):
    job = ask(desk.admin, leads=[person(desk, "Ana"), person(desk, "Bea", phone="twelve")])
    assert [lead["first_name"] for lead in stored_fields(desk)] == ["Ana", "Bea"]
    work_off(desk, job)
    assert [lead and lead["first_name"] for lead in stored_fields(desk)] == [None, "Bea"]  # kept for a retry


def test_stored_lead_data_is_deleted_when_the_job_is_cancelled(desk: Desk):
    job = ask(desk.admin, leads=[person(desk, "Ana")])
    desk.admin.post(f"/api/jobs/{job['id']}/cancel")
    work_off(desk, job)
    assert stored_fields(desk) == [None]
    assert desk.sql("SELECT id FROM leads") == []


def test_failed_lead_can_be_retried(desk: Desk):
    desk.sql("UPDATE lead_sources SET is_active = false WHERE id = :id", id=desk.source_id)
    job = ask(desk.admin, leads=[person(desk, "Ana")])
    assert counts(work_off(desk, job)) == (0, 0, 1, 0)
    desk.sql("UPDATE lead_sources SET is_active = true WHERE id = :id", id=desk.source_id)
    desk.admin.post(f"/api/jobs/{job['id']}/retry-failed")
    assert counts(work_off(desk, job)) == (0, 1, 0, 0)
    assert len(desk.sql("SELECT id FROM leads")) == 1


def test_steps_contain_no_lead_data(desk: Desk):
    work_off(desk, ask(desk.admin, leads=[person(desk, "Canary", last_name="Zyx")]))
    assert desk.sql("SELECT 1 FROM steps WHERE to_jsonb(steps)::text ~* 'canary|zyx|5550143'") == []


def test_new_leads_are_distributed_over_the_coordinators(desk: Desk):
    team = {desk.hire(Role.TREATMENT_COORDINATOR).id for _ in range(2)}
    work_off(desk, ask(desk.admin, leads=[person(desk, f"N{i}") for i in range(40)]))
    # Each lead gets a random coordinator: all forty get the same one with probability 2^-39.
    assert {str(lead.assigned_to_id) for lead in desk.sql("SELECT assigned_to_id FROM leads")} == team
