"""Saved reports: parameters, sharing, schedules, edits, and their figures."""

from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.desk import Caller, Desk

pytest_plugins = ["tests.support.desk"]

SAVED = "/api/leads/analytics/saved-reports"
MINE = {"name": "Sources", "report": "source-comparison", "parameters": {"period": "last_month", "by": "week"}}
WEEKLY = {"every": "week", "weekday": "monday", "at": "07:30", "attach": "csv"}


def names(caller: Caller) -> list[str]:
    return [one["name"] for one in caller.every(SAVED)]


def scheduled(*recipients: Caller, **more: Any) -> dict[str, Any]:
    return {**MINE, "schedule": {**WEEKLY, "recipients": [one.id for one in recipients], **more}}


def test_report_is_private_until_shared_and_mailed_ones_are_seen(desk: Desk, other_desk: Desk) -> None:
    doctor, manager = desk.doctor, desk.hire(Role.MANAGER, "Meg")
    mine = desk.admin.post(SAVED, MINE).body
    path = f"{SAVED}/{mine['id']}"
    assert (names(desk.admin), names(doctor), names(manager)) == (["Sources"], [], [])
    assert doctor.get(f"{path}/run").status == 404
    assert desk.admin.patch(path, {"schedule": scheduled(manager)["schedule"]}).status == 200
    assert (names(doctor), names(manager)) == ([], ["Sources"])
    assert desk.admin.patch(path, {"shared": True}).status == 200
    assert (names(doctor), names(other_desk.admin)) == (["Sources"], [])
    assert doctor.get(f"{path}/run").status == 200
    assert [doctor.put(path, MINE).status, manager.delete(path).status] == [404, 404]
    assert desk.admin.delete(path).status == 204
    assert names(desk.admin) == []


def test_run_gives_the_figures_of_its_parameters(desk: Desk) -> None:
    desk.capture(tags=["spring"])
    desk.capture(phone="+12125550144")
    parameters = {"tag": "spring", "period": "this_week", "compare": "previous_period", "mature_days": 0}
    saved = desk.admin.post(SAVED, {**MINE, "report": "total-leads", "parameters": parameters}).body
    assert saved["parameters"] == {**parameters, "basis": "cohort"}
    shown = desk.admin.get(f"{SAVED}/{saved['id']}/run").body
    direct = desk.admin.get("/api/leads/analytics/reports/total-leads", **parameters).body
    assert (shown.pop("saved_report_id"), shown.pop("saved_name")) == (saved["id"], "Sources")
    assert shown == direct
    assert shown["rows"][0]["figures"][0]["value"] == 1


@pytest.mark.parametrize(("name", "mimetype"), [("csv", "text/csv"), ("html", "text/html")])
def test_run_is_a_file_and_noted(desk: Desk, name: str, mimetype: str) -> None:
    saved = desk.admin.post(SAVED, {**MINE, "name": "<script>"}).body
    answer = desk.admin.get(f"{SAVED}/{saved['id']}/run", format=name)
    assert answer.headers["Content-Type"].startswith(mimetype)
    assert b"<script" not in answer.body
    [entry] = desk.admin.every("/api/audit", subject_id=saved["id"], act="read")
    assert entry["subject"] == "report:source-comparison"


def test_parameters_keep_their_values(desk: Desk) -> None:
    parameters = {
        "from": "2026-01-01",
        "to": "2026-02-01",
        "basis": "period",
        "mature_days": 10,
        "source_id": desk.source_id,
        "assigned_to_id": "me",
        "channel": "WEB_FORM",
        "language": "fr-CA",
        "value_from": "10.50",
        "by": "day",
    }
    saved = desk.admin.post(SAVED, {**MINE, "parameters": parameters}).body
    assert saved["parameters"] == parameters
    assert desk.admin.patch(f"{SAVED}/{saved['id']}", {"name": "x"}).body["parameters"] == parameters
    shown = desk.admin.get(f"{SAVED}/{saved['id']}/run").body
    assert (shown["from"], shown["to"], shown["basis"], len(shown["buckets"])) == (
        "2026-01-01",
        "2026-02-01",
        "period",
        31,
    )


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"report": "nothing"}, ["/report"]),
        ({"parameters": {"colour": "red", "by": "hour"}}, ["/parameters/by", "/parameters/colour"]),
        ({"parameters": {"period": "last_week", "from": "2026-01-01"}}, ["/parameters/period"]),
        ({"parameters": {"mature_days": "30"}}, ["/parameters/mature_days"]),
        ({"parameters": {"format": "csv"}}, ["/parameters/format"]),
        ({"schedule": {**WEEKLY, "recipients": []}}, ["/schedule/recipients"]),
        ({"schedule": {"every": "week", "recipients": [str(uuid4())]}}, ["/schedule/weekday"]),
        ({"schedule": {**WEEKLY, "every": "month", "recipients": [str(uuid4())]}}, ["/schedule/day"]),
        ({"schedule": {**WEEKLY, "day": 1, "recipients": [str(uuid4())]}}, ["/schedule/day"]),
        ({"schedule": {**WEEKLY, "at": "25:00", "recipients": [str(uuid4())]}}, ["/schedule/at"]),
        ({"schedule": {**WEEKLY, "attach": "xlsx", "recipients": [str(uuid4())]}}, ["/schedule/attach"]),
    ],
)
def test_mistakes_are_refused_with_their_path(desk: Desk, changes: dict[str, Any], pointers: list[str]) -> None:
    answer = desk.admin.post(SAVED, {**MINE, **changes})
    assert [one for one in answer.pointers if not one.startswith("/schedule/recipients/")] == pointers


def test_scheduled_report_needs_a_relative_period(desk: Desk) -> None:
    body = {**scheduled(desk.admin), "parameters": {"from": "2026-01-01", "to": "2026-02-01"}}
    assert desk.admin.post(SAVED, body).pointers == ["/parameters/from", "/parameters/to"]


def test_recipients_must_be_allowed_to_read_reports(desk: Desk, other_desk: Desk) -> None:
    left = desk.hire(Role.MANAGER, is_active=False)
    body = scheduled(desk.doctor, desk.coordinator, other_desk.admin, left)
    assert desk.admin.post(SAVED, body).pointers == [f"/schedule/recipients/{place}" for place in (1, 2, 3)]
    assert desk.admin.post(SAVED, scheduled(desk.doctor, desk.doctor)).pointers == ["/schedule/recipients"]
    assert desk.admin.post(SAVED, scheduled(desk.doctor)).status == 201


def test_edits_need_the_version_that_was_read(desk: Desk) -> None:
    answer = desk.admin.post(SAVED, scheduled(desk.admin))
    path = f"{SAVED}/{answer.body['id']}"
    assert desk.admin.patch(path, {"name": "x"}, seen='"9"').status == 412
    assert desk.admin.patch(path, {"name": "x"}, seen=None).status == 428
    assert desk.admin.get(path, seen=answer.headers["ETag"]).status == 304
    changed = desk.admin.patch(path, {"schedule": None}, seen=answer.headers["ETag"]).body
    assert (changed["schedule"], changed["report"], changed["version"]) == (None, "source-comparison", 2)


def test_name_is_unique_per_user_and_keys_have_none(desk: Desk) -> None:
    assert [who.post(SAVED, MINE).status for who in (desk.admin, desk.doctor, desk.admin)] == [201, 201, 409]
    assert desk.program("lead:analytics").post(SAVED, MINE).status == 403
    assert desk.coordinator.post(SAVED, MINE).status == 403


def test_changes_are_in_the_audit_log(desk: Desk) -> None:
    saved = desk.admin.post(SAVED, MINE).body
    desk.admin.patch(f"{SAVED}/{saved['id']}", {"shared": True})
    entries = desk.admin.every("/api/audit", subject="saved_report")
    assert [(one["act"], one["ids"]) for one in entries] == [("update", [saved["id"]]), ("create", [saved["id"]])]


def test_schedule_is_paused_and_resumed(desk: Desk) -> None:
    saved = desk.admin.post(SAVED, scheduled(desk.admin)).body
    assert (saved["schedule"]["is_paused"], saved["last_sent_at"]) == (False, None)
    path, paused = f"{SAVED}/{saved['id']}", {**saved["schedule"], "is_paused": True}
    assert desk.admin.patch(path, {"schedule": paused}).body["schedule"] == paused
    assert desk.admin.patch(path, {"schedule": saved["schedule"]}).body["schedule"] == saved["schedule"]
