"""Nurtures over REST: configuration, manual runs and previews."""

from datetime import timedelta
from typing import Any

import pytest
import yaml

from app.clock import now
from app.identity.models import Role
from tests.support.desk import Desk
from tests.support.enrolling import WAITING
from tests.support.nurturing import run_nurtures

pytest_plugins = ["tests.support.desk"]

NURTURES = "/api/nurtures"
OURS: dict[str, Any] = {"name": "ours", "sequence": WAITING["name"], "score_from": 2, "score_to": 6}


@pytest.fixture
def sequence(desk: Desk) -> dict[str, Any]:
    made: dict[str, Any] = desk.admin.post("/api/sequences", WAITING).body
    return made


@pytest.fixture
def nurture(desk: Desk, sequence: dict[str, Any]) -> dict[str, Any]:
    answer = desk.admin.post(NURTURES, OURS)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def silent(desk: Desk, score: int = 4) -> str:
    lead: str = desk.capture(phone="+12125550143")["id"]
    long_ago = now() - timedelta(hours=25)
    desk.sql(
        "UPDATE leads SET score = :score, created_at = :then, last_touch_at = :then WHERE id = :id",
        id=lead,
        score=score,
        then=long_ago,
    )
    return lead


def test_nurture_has_the_documented_defaults(nurture: dict[str, Any]):
    assert nurture["run_hours"] == ["09:00", "14:00", "18:00"]
    assert (nurture["silent_for"], nurture["batch"], nurture["most"], nurture["days"]) == ("24 hours", 100, None, None)
    assert nurture["next_run_at"] > now().isoformat()


def test_hours_and_days_are_sorted_and_unique(desk: Desk, nurture: dict[str, Any]):
    change = {"run_hours": ["18:00", "07:30", "18:00"], "days": ["sun", "mon"]}
    changed = desk.admin.patch(f"{NURTURES}/{nurture['id']}", change).body
    assert (changed["run_hours"], changed["days"]) == (["07:30", "18:00"], ["mon", "sun"])
    assert desk.admin.get(f"{NURTURES}/{nurture['id']}").body == changed
    assert (changed["version"], changed["updated_by"]) == (2, desk.admin.id)


def test_inactive_nurture_has_no_next_run(desk: Desk, nurture: dict[str, Any]):
    path = f"{NURTURES}/{nurture['id']}"
    assert desk.admin.patch(path, {"is_active": False}).body["next_run_at"] is None
    assert desk.admin.patch(path, {"is_active": True}).body["next_run_at"] == nurture["next_run_at"]


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"run_hours": []}, ["/run_hours"]),
        ({"run_hours": ["9"]}, ["/run_hours/0"]),
        ({"run_hours": ["24:00"]}, ["/run_hours/0"]),
        ({"days": ["someday"]}, ["/days/0"]),
        ({"score_from": 7}, ["/score_to"]),
        ({"score_to": 101}, ["/score_to"]),
        ({"silent_for": "a while"}, ["/silent_for"]),
        ({"silent_for": "91 days"}, ["/silent_for"]),
        ({"batch": 49}, ["/batch"]),
        ({"batch": 101}, ["/batch"]),
        ({"most": 0}, ["/most"]),
        ({"sequence": "nonsense"}, ["/sequence"]),
        ({"name": "No Slug"}, ["/name"]),
        ({"playbook": "x"}, ["/playbook"]),
        ({"next_run_at": now().isoformat()}, ["/next_run_at"]),
    ],
)
def test_validation_error_names_the_path(
    desk: Desk, sequence: dict[str, Any], wrong: dict[str, Any], pointers: list[str]
):
    assert desk.admin.post(NURTURES, {**OURS, **wrong}).pointers == pointers
    assert desk.admin.every(NURTURES) == []


def test_edit_is_validated_with_unchanged_fields(desk: Desk, nurture: dict[str, Any]):
    path = f"{NURTURES}/{nurture['id']}"
    assert desk.admin.patch(path, {"score_from": 7}).pointers == ["/score_from"]
    assert desk.admin.patch(path, {"sequence": "nonsense"}).pointers == ["/sequence"]
    assert desk.admin.patch(path, {"batch": 50}, seen='"9"').status == 412
    assert desk.admin.patch(path, {"batch": 50}, seen=None).status == 428
    assert desk.admin.get(path).body == nurture


def test_name_is_unique(desk: Desk, nurture: dict[str, Any]):
    assert desk.admin.post(NURTURES, OURS).status == 409


def test_manual_run_takes_the_leads_of_the_preview(desk: Desk, nurture: dict[str, Any]):
    path, lead = f"{NURTURES}/{nurture['id']}", silent(desk)
    silent(desk, score=7)
    assert desk.admin.get(f"{path}/preview").body == {"leads": 1, "is_complete": True, "is_able": True, "warnings": []}
    run = desk.admin.post(f"{path}/run")
    assert (run.status, run.body["state"], run.body["asked_by"]) == (202, "waiting", desk.admin.id)
    assert desk.admin.post(f"{path}/run").status == 409
    run_nurtures()
    [done] = desk.admin.every(f"{path}/runs")
    assert (done["state"], done["taken"], done["refused"], done["id"]) == ("done", 1, {}, run.body["id"])
    assert [one["enrolled"] for one in desk.admin.every("/api/nurtures")] == [1]
    assert [one["lead_id"] for one in desk.admin.every(f"{path}/leads")] == [lead]
    assert desk.admin.get(f"{path}/preview").body["leads"] == 0


def test_preview_warns_when_a_run_would_enroll_no_lead(desk: Desk, nurture: dict[str, Any], sequence: dict[str, Any]):
    desk.admin.patch(f"/api/sequences/{sequence['id']}", {"is_active": False})
    preview = desk.admin.get(f"{NURTURES}/{nurture['id']}/preview").body
    assert preview == {"leads": 0, "is_complete": True, "is_able": False, "warnings": []}


def test_deleted_nurture_leaves_its_leads_in_the_sequence(desk: Desk, nurture: dict[str, Any]):
    path, lead = f"{NURTURES}/{nurture['id']}", silent(desk)
    desk.admin.post(f"{path}/run")
    run_nurtures()
    assert desk.admin.delete(path).status == 204
    assert desk.admin.get(path).status == 404
    [enrollment] = desk.admin.every(f"/api/leads/{lead}/enrollments")
    assert enrollment["state"] == "active"
    assert desk.sql("SELECT * FROM nurture_runs") == []


def test_hidden_leads_are_neither_listed_nor_counted(desk: Desk, nurture: dict[str, Any]):
    path = f"{NURTURES}/{nurture['id']}"
    theirs = silent(desk)
    sales, manager = desk.caller(Role.SALES), desk.caller(Role.MANAGER)
    assert manager.get(f"{path}/preview").body["leads"] == 0
    desk.admin.post(f"{path}/run")
    run_nurtures()
    assert (sales.every(f"{path}/leads"), manager.every(f"{path}/leads")) == ([], [])
    dashboard = manager.get(f"{NURTURES}/dashboard").body
    assert [step["standing"] for step in dashboard["sequences"][0]["steps"]] == [0, 0]
    desk.sql("UPDATE leads SET assigned_to_id = :id WHERE id = :lead", id=sales.id, lead=theirs)
    assert [one["lead_id"] for one in sales.every(f"{path}/leads")] == [theirs]


def test_exported_nurture_can_be_installed_in_another_clinic(desk: Desk, other_desk: Desk, nurture: dict[str, Any]):
    text = desk.admin.get("/api/playbooks/export").body["yaml"]
    [written] = yaml.safe_load(text)["nurtures"]
    assert (written["name"], written["run_hours"]) == ("ours", ["09:00", "14:00", "18:00"])
    added = other_desk.admin.post("/api/playbooks/import", {"yaml": text}).body
    assert added["nurtures"] == ["ours"]
    [brought] = other_desk.admin.every(NURTURES)
    same = written.keys()
    assert {name: brought[name] for name in same} == {name: nurture[name] for name in same}
    assert other_desk.admin.post("/api/playbooks/import", {"yaml": text}).body["nurtures"] == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sequence": "nonsense"}, "nurtures[0].sequence"),
        ({"name": "x", "days_of_week": []}, "nurtures[0].days_of_week"),
    ],
)
def test_playbook_with_an_invalid_nurture_is_refused(desk: Desk, wrong: dict[str, Any], says: str):
    text = yaml.safe_dump({"name": "x", "rules": [], "sequences": [WAITING], "nurtures": [{**OURS, **wrong}]})
    answer = desk.admin.post("/api/playbooks/import", {"yaml": text})
    assert answer.pointers == ["/yaml"]
    assert says in answer.body["errors"][0]["message"]


def test_playbook_cannot_exceed_the_limit_of_nurtures(desk: Desk, nurture: dict[str, Any]):
    ours = {"sequence": WAITING["name"], "score_from": 2, "score_to": 6}
    many = [{**ours, "name": f"n{i}"} for i in range(50)]
    text = yaml.safe_dump({"name": "ours", "rules": [], "nurtures": many})
    assert desk.admin.post("/api/playbooks/import", {"yaml": text}).status == 409
    assert [one["name"] for one in desk.admin.get(NURTURES).body["items"]] == ["ours"]
