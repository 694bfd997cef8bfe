"""Legal holds of leads over REST, and the preview of what a clinic no longer keeps."""

from typing import Any

import pytest

from app.identity.models import Role
from tests.support.desk import Answer, Desk
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]

SETTINGS = "/api/settings/follow-ups"
PREVIEW = f"{SETTINGS}/retention-preview"
REASON = {"reason": "Claim 114\nKeep everything."}
AGED = {
    "leads": "lost_at = lost_at - interval '400 days'",
    "lead_tasks": "completed_at = completed_at - interval '400 days', updated_at = updated_at - interval '400 days'",
    "lead_activities": "occurred_at = occurred_at - interval '400 days', created_at = created_at - interval '400 days'",
}


def path(lead: Any) -> str:
    return f"/api/leads/{lead['id']}/legal-hold"


def erase(desk: Desk, lead: Any) -> Answer:
    return desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."})


def lost_long_ago(desk: Desk) -> dict[str, Any]:
    """A lead that was lost 400 days ago, with a task and a note of that time."""
    lead = desk.capture(phone="+12125550143")
    task = desk.plan(lead, title="Ask for the needle")
    assert desk.admin.post(f"/api/leads/tasks/{task['id']}/complete", {}).status == 200
    note = {"type": "NOTE", "notes": "The haystack is large"}
    assert desk.admin.post(f"/api/leads/{lead['id']}/activities", note).status == 201
    assert desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"}).status == 200
    for table, values in AGED.items():
        desk.sql(f"UPDATE {table} SET {values} WHERE {'id' if table == 'leads' else 'lead_id'} = :id", id=lead["id"])
    return lead


def found(desk: Desk, q: str, kind: str) -> int:
    return len(desk.admin.post("/api/search", {"q": q, "kinds": [kind]}).body["hits"])


def test_hold_is_placed_changed_and_ended(desk: Desk):
    lead, other = desk.capture(), desk.capture()
    assert desk.admin.get(path(lead)).body == {"legal_hold": None}
    assert desk.lead(lead)["legal_hold"] is None
    placed = desk.admin.put(path(lead), REASON)
    assert placed.status == 200
    assert placed.body["legal_hold"]["reason"] == REASON["reason"]
    assert placed.body["legal_hold"]["placed_by_id"] == desk.admin.id
    assert desk.admin.put(path(lead), REASON).body == placed.body
    shown = desk.coordinator.get(f"/api/leads/{lead['id']}").body
    assert (shown["legal_hold"], shown["version"]) == (placed.body["legal_hold"], lead["version"] + 1)
    listed = {one["id"]: one["legal_hold"] for one in desk.coordinator.every("/api/leads")}
    assert listed == {lead["id"]: placed.body["legal_hold"], other["id"]: None}
    assert desk.coordinator.every("/api/leads", fields="legal_hold")[1] == {"legal_hold": placed.body["legal_hold"]}
    changed = desk.admin.put(path(lead), {"reason": "Claim 115"}).body["legal_hold"]
    assert changed == {**placed.body["legal_hold"], "reason": "Claim 115"}
    assert [desk.admin.delete(path(lead)).status for _ in range(2)] == [204, 204]
    assert desk.lead(lead)["legal_hold"] is None
    assert desk.sql("SELECT id FROM legal_holds WHERE clinic_id = :c", c=desk.clinic_id) == []


def test_reason_is_stored_encrypted_and_audited(desk: Desk):
    lead = desk.capture()
    desk.admin.put(path(lead), REASON)
    desk.admin.delete(path(lead))
    entries = [one for one in desk.admin.every("/api/audit", subject_id=lead["id"]) if one["fields"] == ["legal_hold"]]
    assert [(one["act"], one["user_id"]) for one in entries] == [("update", desk.admin.id)] * 2
    desk.admin.put(path(lead), REASON)
    [row] = desk.sql("SELECT sealed FROM legal_holds WHERE lead_id = :id", id=lead["id"])
    assert b"Claim" not in bytes(row.sealed)


@pytest.mark.parametrize("role", [Role.TREATMENT_COORDINATOR, Role.DOCTOR, Role.MANAGER])
def test_hold_needs_the_permission_of_erasures(desk: Desk, role: Role):
    lead, caller = desk.capture(), desk.caller(role)
    answers = caller.get(path(lead)), caller.put(path(lead), REASON), caller.delete(path(lead))
    assert {answer.status for answer in answers} == {403}


@pytest.mark.parametrize("reason", ["", None, "x" * 1001, 7])
def test_hold_needs_a_reason(desk: Desk, reason: Any):
    assert desk.admin.put(path(desk.capture()), {"reason": reason}).pointers == ["/reason"]


def test_held_lead_is_not_erased_until_the_hold_ends(desk: Desk):
    lead = desk.capture(email="ana@people.org")
    desk.admin.put(path(lead), REASON)
    refused = erase(desk, lead)
    assert (refused.status, refused.body["code"]) == (409, "lead-is-held")
    assert "legal hold" in refused.body["detail"]
    assert desk.lead(lead)["email"] == "ana@people.org"
    desk.admin.delete(path(lead))
    assert erase(desk, lead).status == 200
    assert desk.admin.get(f"/api/leads/{lead['id']}").status == 404


def test_lead_that_a_held_one_was_merged_into_is_not_erased(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture()
    desk.admin.put(path(duplicate), REASON)
    merged = desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    assert merged.body["legal_hold"]["reason"] == REASON["reason"]
    assert erase(desk, survivor).status == 409
    assert desk.admin.get(path(duplicate)).status == 410


def test_converted_and_restricted_leads_can_be_held(desk: Desk):
    converted, restricted = desk.capture(), desk.capture()
    desk.admin.post(f"/api/leads/{converted['id']}/convert", {})
    desk.admin.post(f"/api/leads/{restricted['id']}/restrict", {"is_restricted": True, "reason": "They asked."})
    assert [desk.admin.put(path(lead), REASON).status for lead in (converted, restricted)] == [200, 200]


def test_export_has_the_hold(desk: Desk):
    lead = desk.capture()
    desk.admin.put(path(lead), REASON)
    [row] = desk.admin.post(f"/api/leads/{lead['id']}/export").body["tables"]["legal_holds"]
    assert (row["reason"], row["placed_by_id"]) == (REASON["reason"], desk.admin.id)


def test_preview_counts_and_saving_deletes_nothing(desk: Desk, other_desk: Desk):
    lead, foreign = lost_long_ago(desk), lost_long_ago(other_desk)
    nothing = {"keep_history_days": None, "tasks": 0, "activities": 0}
    assert desk.admin.get(PREVIEW).body == nothing
    assert desk.admin.get(PREVIEW, keep_history_days=500).body == {**nothing, "keep_history_days": 500}
    before = desk.admin.get(PREVIEW, keep_history_days=365).body
    stored = [desk.sql(f"SELECT id FROM {table} WHERE lead_id = :id", id=lead["id"]) for table in list(AGED)[1:]]
    assert before == {"keep_history_days": 365, "tasks": len(stored[0]), "activities": len(stored[1])}
    assert desk.admin.patch(SETTINGS, {"keep_history_days": 365}).body["keep_history_days"] == 365
    assert desk.admin.get(PREVIEW).body == before
    desk.admin.put(path(lead), REASON)
    assert desk.admin.get(PREVIEW).body == {**nothing, "keep_history_days": 365}
    assert sweep("forget_old_history") == 0
    desk.admin.delete(path(lead))
    assert sweep("forget_old_history") == before["tasks"] + before["activities"]
    assert desk.admin.every(f"/api/leads/{lead['id']}/activities") == []
    assert desk.admin.every(f"/api/leads/{lead['id']}/tasks") == []
    assert len(other_desk.admin.every(f"/api/leads/{foreign['id']}/activities")) == before["activities"]


def test_search_finds_no_deleted_task_and_no_deleted_note(desk: Desk):
    lost_long_ago(desk)
    assert (found(desk, "needle", "task"), found(desk, "haystack", "note")) == (1, 1)
    desk.admin.patch(SETTINGS, {"keep_history_days": 365})
    sweep("forget_old_history")
    assert (found(desk, "needle", "task"), found(desk, "haystack", "note")) == (0, 0)


@pytest.mark.parametrize("days", [0, 364, 36501, "400"])
def test_wrong_number_of_days_is_refused(desk: Desk, days: Any):
    assert desk.admin.patch(SETTINGS, {"keep_history_days": days}).pointers == ["/keep_history_days"]
    if days != "400":
        assert desk.admin.get(PREVIEW, keep_history_days=days).pointers == ["/keep_history_days"]


def test_preview_needs_the_permission_to_save(desk: Desk):
    assert desk.coordinator.get(PREVIEW).status == 403
