"""Audit log: reads and changes are recorded in the transaction of the call (security: 31)."""

import csv
import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import sqlalchemy.exc

from app.audit.audit_log import NEVER_KEPT
from app.audit.hash_chain import extend_chain
from app.clock import now
from app.core.db import transaction
from app.http.schemas.fields import Secret
from app.http.schemas.schema import Schema
from app.identity.models import Role
from app.ops.embedded import Postgres
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]


def entries(desk: Desk, **query: Any) -> list[dict[str, Any]]:
    """Return the entries, without those about reading the audit log itself."""
    found = desk.admin.every("/api/audit", **query)
    return [entry for entry in found if entry["operation"] != "audit.list_entries"]


def about(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["operation"], entry["act"], entry["subject"]


def test_reading_a_lead_records_user_address_and_time(desk: Desk):
    lead = desk.capture()
    answer = desk.doctor.get(f"/api/leads/{lead['id']}")
    [entry] = entries(desk, user_id=desk.doctor.id)
    assert about(entry) == ("leads.get_lead", "read", "lead")
    assert entry["ids"] == [lead["id"]]
    assert entry["request_id"] == answer.headers["X-Request-Id"]
    assert entry["address"] == "127.0.0.1"
    assert entry["at"] > (now() - timedelta(minutes=1)).isoformat()
    assert (entry["before"], entry["after"], entry["fields"]) == (None, None, [])


def test_reading_a_list_is_one_entry_with_the_returned_ids(desk: Desk):
    shown = [desk.capture()["id"] for _ in range(3)]
    desk.doctor.get("/api/leads", limit=2)
    [entry] = entries(desk, user_id=desk.doctor.id)
    assert (about(entry), entry["ids"]) == (("leads.list_leads", "read", "lead"), shown[:0:-1])


def test_new_lead_is_recorded_with_its_values(desk: Desk):
    lead = desk.capture(patient_dob="2012-03-01")
    [made] = entries(desk, subject_id=lead["id"])
    assert about(made) == ("leads.capture_lead", "create", "lead")
    assert made["after"]["patient_dob"] == "2012-03-01"
    assert {"patient_dob", "phone", "source_id"} <= {*made["fields"]}


def test_change_is_recorded_with_the_values_before(desk: Desk):
    lead = desk.capture(city="Lyon")
    desk.coordinator.put(f"/api/leads/{lead['id']}", {"city": "Nice"})
    [change] = entries(desk, user_id=desk.coordinator.id)
    assert (about(change), change["fields"]) == (("leads.update_lead", "update", "lead"), ["city"])
    assert (change["before"]["city"], change["after"]["city"]) == ("Lyon", "Nice")


def test_api_key_is_recorded_as_the_actor(desk: Desk):
    lead = desk.capture()
    robot = desk.program("lead:read")
    robot.get(f"/api/leads/{lead['id']}")
    [entry] = entries(desk, operation="leads.get_lead")
    assert entry["user_id"] is None
    assert entries(desk, api_key_id=entry["api_key_id"]) == [entry]


def test_password_is_never_recorded(desk: Desk):
    made = desk.admin.post("/api/users", {"email": "nina@clinic.example", "name": "Nina", "role": "sales"}).body
    desk.admin.patch(f"/api/users/{made['id']}", {"role": "doctor"})
    [update, create] = entries(desk, subject_id=made["id"])
    assert (update["before"], update["after"]) == ({"role": "sales"}, {"role": "doctor"})
    assert not {"password_hash", "secret_hash"} & {*create["after"]}


def reads_of(desk: Desk, caller: Caller, lead: dict[str, Any]) -> dict[str, int]:
    """Call every GET route that returns data of a lead, and count the entries it adds."""
    task = desk.plan(lead)
    paths = [
        "/api/leads",
        f"/api/leads/{lead['id']}",
        f"/api/leads/{lead['id']}/tasks",
        f"/api/leads/{lead['id']}/activities",
        f"/api/leads/{lead['id']}/automation",
        f"/api/leads/tasks/{task['id']}",
        "/api/pipeline/board",
    ]
    left = {}
    for path in paths:
        before = len(entries(desk, user_id=caller.id))
        assert caller.get(path).status == 200
        left[path] = len(entries(desk, user_id=caller.id)) - before
    return left


def test_no_secret_of_a_request_body_is_recorded():
    """The name of each field that no response has is left out of the log, whatever table stores it."""
    found = [*Schema.__subclasses__()]
    for schema in found:
        found += schema.__subclasses__()
    fields = [field for schema in found for field in schema._declared_fields.items()]
    names = {field.attribute or name for name, field in fields if isinstance(field, Secret)}
    passwords = {name for name in names if name.endswith("password")}  # stored as `password_hash`
    assert names - passwords - NEVER_KEPT - {"refresh_token", "token", "code"} == set()


def test_every_route_that_returns_a_lead_adds_an_entry(desk: Desk):
    lead = desk.capture()
    left = reads_of(desk, desk.doctor, lead)
    assert [path for path, count in left.items() if not count] == []


def test_call_fails_and_changes_nothing_when_the_entry_cannot_be_written(desk: Desk, postgres: Postgres):
    lead = desk.capture(city="Lyon")
    with postgres.connect("relance") as owner:
        owner.execute("ALTER TABLE audit_entries ADD CONSTRAINT full_up CHECK (operation NOT LIKE 'leads.%') NOT VALID")
    try:
        assert desk.doctor.get(f"/api/leads/{lead['id']}").status == 500
        assert desk.coordinator.put(f"/api/leads/{lead['id']}", {"city": "Nice"}).status == 500
        assert desk.coordinator.post("/api/leads", desk.lead_data()).status == 500
    finally:
        with postgres.connect("relance") as owner:
            owner.execute("ALTER TABLE audit_entries DROP CONSTRAINT full_up")
    assert [lead["city"] for lead in desk.admin.every("/api/leads")] == ["Lyon"]


def test_refused_change_adds_no_entry(desk: Desk):
    lead = desk.capture()
    assert desk.coordinator.post(f"/api/leads/{lead['id']}/stage", {"stage": "nowhere"}).status == 422
    assert entries(desk, user_id=desk.coordinator.id) == []


def test_only_an_admin_of_the_clinic_can_read_the_log(desk: Desk, other_desk: Desk):
    lead = other_desk.capture(phone="+12125550143")
    assert desk.admin.get("/api/audit", subject_id=lead["id"]).body["items"] == []
    assert desk.caller(Role.MANAGER).get("/api/audit").status == 403


def test_invalid_period_is_refused(desk: Desk):
    assert desk.admin.get("/api/audit", **{"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}).pointers == [
        "/from"
    ]
    assert desk.admin.get("/api/audit", **{"from": "2000-01-01T00:00:00Z"}).pointers == ["/from"]


def test_values_are_encrypted_in_the_table(desk: Desk):
    desk.capture(last_name="Canary")
    assert "Canary" not in str([bytes(row.sealed) for row in desk.sql("SELECT sealed FROM audit_changes")])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET act = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "DELETE FROM audit_seals",
        "UPDATE audit_changes SET sealed = ''",
        "TRUNCATE audit_changes",
    ],
)
def test_application_role_can_only_insert(desk: Desk, statement: str):
    desk.capture()
    with pytest.raises(sqlalchemy.exc.DBAPIError):
        desk.sql(statement)


SECRET = "Grinds her teeth."


def auditor(desk: Desk, **grants: str) -> Caller:
    """Return a user whose role has `audit:read` and these grants, with `:` for `_`."""
    named = {"audit:read": "all", **{name.replace("_", ":"): scope for name, scope in grants.items()}}
    answer = desk.admin.post("/api/roles", {"slug": "auditor", "name": "Auditor", "grants": named})
    assert answer.status == 201, answer.body
    caller = desk.hire(Role.DOCTOR)
    assert desk.admin.patch(f"/api/users/{caller.id}", {"role": "auditor"}).status == 200
    return caller


def busy_lead(desk: Desk, **more: Any) -> dict[str, Any]:
    """Return a lead with an entry for each kind of its data, each with a text that only some may read."""
    lead = desk.capture(patient_dob="2012-03-01", insurance_member_id="D-1", notes=SECRET, city="Lyon", **more)
    path = f"/api/leads/{lead['id']}"
    desk.coordinator.post(f"{path}/activities", {"type": "NOTE", "notes": SECRET})
    task = desk.plan(lead, title="Ask about Lyon")
    desk.coordinator.post(f"/api/leads/tasks/{task['id']}/complete", {"outcome": "spoke", "notes": SECRET})
    desk.coordinator.put(path, {"city": "Nice"})
    return lead


def ids_about(desk: Desk) -> set[str]:
    return {
        str(row[0])
        for table in ("leads", "lead_tasks", "lead_activities")
        for row in desk.sql(f"SELECT id FROM {table}")
    }


@pytest.mark.parametrize("grants", [{}, {"lead_read": "assigned"}, {"lead_read": "team"}])
def test_entries_about_leads_out_of_scope_are_redacted(desk: Desk, grants: dict[str, str]):
    caller = auditor(desk, **grants)
    lead = busy_lead(desk, assigned_to_id=desk.coordinator.id)
    found = caller.every("/api/audit")
    assert not [word for word in (SECRET, "2012-03-01", "D-1", "Lyon", "Ruiz") if word in str(found)]
    assert not ids_about(desk) & {id_ for entry in found for id_ in entry["ids"]}
    assert [entry for entry in found if entry["operation"] == "leads.capture_lead"]
    for id_ in (lead["id"], *ids_about(desk)):
        assert caller.get("/api/audit", subject_id=id_).body["items"] == []


def test_entries_about_leads_in_scope_are_complete(desk: Desk):
    caller = auditor(desk, lead_read="assigned", lead_private="all")
    desk.sql("UPDATE users SET role = 'sales' WHERE id = :id", id=caller.actor.user_id)
    lead = desk.capture(assigned_to_id=caller.id, notes=SECRET)
    desk.sql("UPDATE users SET role = 'auditor' WHERE id = :id", id=caller.actor.user_id)
    [made] = caller.every("/api/audit", subject_id=lead["id"])
    assert (made["after"]["notes"], made["is_readable"]) == (SECRET, True)


def test_private_fields_of_entries_require_the_permission(desk: Desk):
    caller = auditor(desk, lead_read="all")
    busy_lead(desk)
    found = caller.every("/api/audit")
    assert not [word for word in (SECRET, "2012-03-01", "D-1") if word in str(found)]
    assert "Nice" in str(found)
    assert SECRET in str(desk.admin.every("/api/audit"))


def test_verification_finds_a_changed_entry(desk: Desk, postgres: Postgres):
    desk.capture()
    with transaction() as session:
        extend_chain(session, settled=timedelta())
    shown = desk.admin.get("/api/audit/verification").body
    assert (shown["is_intact"], shown["links"], shown["breaks"]) == (True, 1, [])
    assert shown["entries"] >= 1
    with postgres.connect("relance") as owner:
        owner.execute("SET session_replication_role = replica")  # no trigger
        owner.execute("UPDATE audit_seals SET entries = entries + 1")
    shown = desk.admin.get("/api/audit/verification").body
    assert not shown["is_intact"]
    assert "entries" in shown["breaks"][0]["problem"]
    assert desk.coordinator.get("/api/audit/verification").status == 403


def test_export_has_the_entries_of_the_list_without_formulas(desk: Desk):
    desk.capture(first_name="=1+1")
    file = desk.admin.get("/api/audit/export", subject="lead", act="create")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(StringIO(file.body.decode("utf-8-sig")))
    [entry] = entries(desk, subject="lead", act="create")
    assert (row["number"], row["operation"]) == (str(entry["number"]), "leads.capture_lead")
    assert json.loads(row["after"])["first_name"] == "=1+1"
