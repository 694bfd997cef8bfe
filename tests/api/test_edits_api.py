"""PATCH merges and PUT replaces."""

from functools import partial
from typing import Any

import pytest

from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

USERS = "/api/users"


def _source(desk: Desk) -> tuple[str, dict[str, Any]]:
    said = {"name": "Radio", "category": "OTHER", "monthly_cost": "250.00", "aliases": ["fm"], "description": "Spots"}
    return "/api/lead-sources", said


def _stage(desk: Desk) -> tuple[str, dict[str, Any]]:
    return "/api/pipeline-stages", {"name": "X-rays", "slug": "x_rays", "color": "#c2502f", "max_days_in_stage": 3}


def _custom_field(desk: Desk) -> tuple[str, dict[str, Any]]:
    return "/api/custom-fields", {"key": "school", "label": "School", "type": "choice", "options": ["A", "B"]}


def _view(desk: Desk) -> tuple[str, dict[str, Any]]:
    return "/api/followups/views", {"name": "Mine", "filters": {"status": "PENDING"}, "shared": True}


def _template(desk: Desk) -> tuple[str, dict[str, Any]]:
    said = {"name": "Check", "title": "Call {{ lead.first_name }}", "type": "CALL", "due_in": "2 hours"}
    return "/api/task-templates", {**said, "tags": ["a"], "business_time": True, "description": "Twice"}


def _assignment_rule(desk: Desk) -> tuple[str, dict[str, Any]]:
    members = [{"user_id": desk.coordinator.id, "weight": 3, "ceiling": 9}]
    conditions = {"source_ids": [desk.source_id], "postal_prefixes": ["10"]}
    return "/api/assignment-rules", {
        "name": "North",
        "strategy": "capacity",
        "members": members,
        "conditions": conditions,
    }


def _team(desk: Desk) -> tuple[str, dict[str, Any]]:
    return "/api/teams", {"name": "North"}


def _role(desk: Desk) -> tuple[str, dict[str, Any]]:
    return "/api/roles", {"slug": "night", "name": "Night", "grants": {"lead:read": "all", "lead:create": "all"}}


def _form(desk: Desk) -> tuple[str, dict[str, Any]]:
    asked = [{"name": "phone", "required": True}]
    said = {"name": "Braces", "allowed_origins": ["https://clinic.example"], "source_id": desk.source_id}
    return "/api/web-forms", {**said, "fields": asked, "thank_you": "Thanks", "campaign": "Spring"}


ALL = [_source, _stage, _custom_field, _view, _template, _assignment_rule, _team, _role, _form]


def _admin(desk: Desk) -> Caller:
    """Return a client of its own for the admin, for a thread."""
    return Caller(desk.client(), desk.admin.token, desk.admin.actor)


CHANGING = {"version", "updated_at"}


@pytest.mark.parametrize("resource", ALL)
def test_patch_leaves_other_fields_unchanged(desk: Desk, resource: Any):
    path, said = resource(desk)
    name = "label" if "label" in said else "name"
    made = desk.admin.post(path, said)
    place = f"{path}/{made.body['id']}"
    tag = desk.admin.get(place).headers["ETag"]
    edited = desk.admin.patch(place, {name: "Renamed"}, seen=tag)

    assert (edited.status, edited.body[name]) == (200, "Renamed"), edited.body
    changed = {field for field in made.body if edited.body[field] != made.body[field]}
    assert changed - CHANGING == {name}
    assert desk.admin.get(place).body == edited.body
    assert desk.admin.patch(place, {name: "Late"}, seen=tag).status == 412
    assert desk.admin.patch(place, {name: "Blind"}, seen=None).status == 428


@pytest.mark.parametrize("resource", ALL)
def test_patch_reports_unknown_and_invalid_fields(desk: Desk, resource: Any):
    path, said = resource(desk)
    name = "label" if "label" in said else "name"
    place = f"{path}/{desk.admin.post(path, said).body['id']}"
    assert sorted(desk.admin.patch(place, {name: "", "nonsense": 1}).pointers) == sorted([f"/{name}", "/nonsense"])
    assert desk.admin.patch(place, [1]).status == 422


def test_source_that_is_switched_off_keeps_its_cost(desk: Desk):
    path, said = _source(desk)
    made = desk.admin.post(path, said).body
    off = desk.admin.patch(f"{path}/{made['id']}", {"is_active": False}).body
    assert (off["is_active"], off["monthly_cost"], off["aliases"]) == (False, "250.00", ["fm"])


def test_put_replaces_absent_fields_with_their_default(desk: Desk):
    path, said = _source(desk)
    made = desk.admin.post(path, said).body
    replaced = desk.admin.put(f"{path}/{made['id']}", {"name": "Radio", "category": "OTHER"}).body
    assert (replaced["monthly_cost"], replaced["aliases"], replaced["description"]) == (None, [], None)


def test_patch_checks_the_resource_as_a_whole(desk: Desk):
    path, said = _assignment_rule(desk)
    place = f"{path}/{desk.admin.post(path, said).body['id']}"
    assert desk.admin.patch(place, {"members": []}).pointers == ["/members"]
    assert desk.admin.patch(place, {"fallback_id": desk.coordinator.id}).pointers == ["/fallback_id"]


def test_patch_with_a_star_applies_to_the_newest_version(desk: Desk):
    path, said = _source(desk)
    place = f"{path}/{desk.admin.post(path, said).body['id']}"
    assert desk.admin.patch(place, {"monthly_cost": "9.00"}).status == 200
    edited = desk.admin.patch(place, {"is_active": False}).body
    assert (edited["monthly_cost"], edited["version"]) == ("9.00", 3)


@pytest.mark.parametrize("resource", ALL)
def test_concurrent_patches_with_a_star_all_succeed(desk: Desk, resource: Any):
    path, said = resource(desk)
    name = "label" if "label" in said else "name"
    made = desk.admin.post(path, said).body
    place = f"{path}/{made['id']}"
    answers = run_concurrently(*[partial(_admin(desk).patch, place, {name: f"Name {n}"}) for n in range(6)])
    assert [(answer.status, answer.body) for answer in answers if answer.status != 200] == []
    assert desk.admin.get(place).body["version"] == made["version"] + 6


@pytest.mark.parametrize(
    ("place", "edits"),
    [
        ("/api/settings/contact-policy", [{"daily_cap": 2}, {"weekly_cap": 5}]),
        ("/api/settings/follow-ups", [{"stale_after_days": 9}, {"spread_tasks_per_hour": 3}]),
        (
            "/api/settings/hours",
            [{"closed_dates": ["2031-05-01"]}, {"quiet_hours": {"starts": "22:00", "ends": "07:00"}}],
        ),
    ],
)
def test_concurrent_patches_of_settings_keep_each_other(desk: Desk, place: str, edits: list[dict[str, Any]]):
    answers = run_concurrently(*[partial(_admin(desk).patch, place, edit) for edit in edits * 3])
    assert {answer.status for answer in answers} == {200}
    found = desk.admin.get(place).body
    assert {name: found[name] for edit in edits for name in edit} == {**edits[0], **edits[1]}


def test_patch_of_the_contact_policy_keeps_other_limits(desk: Desk):
    place = "/api/settings/contact-policy"
    desk.admin.put(place, {"daily_cap": 2, "window": "1 day"})
    edited = desk.admin.patch(place, {"weekly_cap": 5}, seen=desk.admin.get(place).headers["ETag"])
    assert edited.status == 200
    assert [edited.body[name] for name in ("daily_cap", "weekly_cap", "window")] == [2, 5, "1 day"]
    assert desk.admin.get(place).body == edited.body


def test_put_of_a_user_replaces_and_patch_merges(desk: Desk):
    team = desk.admin.post("/api/teams", {"name": "North"}).body["id"]
    place = f"{USERS}/{desk.coordinator.id}"
    role = desk.admin.get(place).body["role"]
    assert desk.admin.patch(place, {"team_id": team}).body["role"] == role
    assert desk.admin.patch(place, {"name": "Ana"}).body["team_id"] == team
    assert sorted(desk.admin.put(place, {}).pointers) == ["/name", "/role"]
    assert desk.admin.put(place, {"name": "Eva", "role": role}).body["team_id"] is None


@pytest.mark.parametrize("method", ["put", "patch"])
def test_published_put_of_leads_and_tasks_edits_like_patch(desk: Desk, method: str):
    lead = desk.capture(city="Lyon")
    task = desk.plan(lead, title="Call")
    edit = getattr(desk.admin, method)
    assert edit(f"/api/leads/{lead['id']}", {"notes": "Evenings"}).body["city"] == "Lyon"
    for path in ("/api/leads/tasks", "/api/followups"):
        edited = edit(f"{path}/{task['id']}", {"description": f"By {path}"})
        assert (edited.status, edited.body["title"]) == (200, "Call")
