"""Conditional requests: If-Match on edits, If-None-Match on reads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.desk import Answer, Caller, Desk

CALL = {"create_task": {"type": "CALL", "title": "Call"}}

pytest_plugins = ["tests.support.desk"]


@pytest.fixture(params=["lead", "task", "source", "stage"])
def editable(request: pytest.FixtureRequest, desk: Desk) -> tuple[str, dict[str, str]]:
    """The path of an editable resource, and an edit of it."""
    if request.param in {"source", "stage"}:
        name = {"source": "lead-sources", "stage": "pipeline-stages"}[request.param]
        found = desk.admin.every(f"/api/{name}")[1]
        more = {"category": found["category"]} if request.param == "source" else {}
        return f"/api/{name}/{found['id']}", {"name": "Another name", **more}
    lead = desk.capture()
    if request.param == "lead":
        return f"/api/leads/{lead['id']}", {"notes": "Prefers mornings."}
    return f"/api/leads/tasks/{desk.plan(lead)['id']}", {"title": "Call again"}


def test_edit_with_the_current_etag_succeeds(desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}"
    shown = desk.admin.get(path)
    edited = desk.admin.put(path, {"notes": "Prefers mornings."}, seen=shown.headers["ETag"])

    assert (edited.status, edited.body["version"]) == (200, shown.body["version"] + 1)
    assert edited.headers["ETag"] == desk.admin.get(path).headers["ETag"] != shown.headers["ETag"]
    assert desk.admin.put(path, {"notes": "Or evenings."}, seen=edited.headers["ETag"]).status == 200


def test_edit_without_if_match_is_refused(desk: Desk, editable: tuple[str, dict[str, str]]):
    answer = desk.admin.put(*editable, seen=None)
    assert (answer.status, answer.body["code"]) == (428, "precondition-required")


def test_edit_with_a_stale_etag_is_refused(desk: Desk, editable: tuple[str, dict[str, str]]):
    path, edit = editable
    first = desk.admin.put(path, edit)
    assert desk.admin.put(path, edit).status == 200
    late = desk.admin.put(path, edit, seen=first.headers["ETag"])

    assert (late.status, late.body["code"]) == (412, "changed-meanwhile")


@pytest.mark.parametrize("seen", ['"nonsense"', '""', '"999-00"', 'W/"1-00"', "", '"-1-00"', '"99999999999999-00"'])
def test_unknown_etag_matches_nothing(desk: Desk, seen: str):
    path = f"/api/leads/{desk.capture()['id']}"
    assert desk.admin.put(path, {"notes": "x"}, seen=seen).status == 412


def test_version_without_hash_is_accepted(desk: Desk, editable: tuple[str, dict[str, str]]):
    path, edit = editable
    assert [desk.admin.put(path, edit, seen=f'"{version}"').status for version in (1, 1, 2)] == [200, 412, 200]


def test_new_default_stage_changes_the_etag_of_the_previous_one(desk: Desk):
    before, other = desk.admin.every("/api/pipeline-stages")[:2]
    stages = "/api/pipeline-stages"
    assert desk.admin.put(f"{stages}/{other['id']}", {"name": "B", "is_default": True}, seen='"1"').status == 200
    stale = desk.admin.put(f"{stages}/{before['id']}", {"name": "A", "is_default": True}, seen='"1"')
    assert stale.status == 412


def test_one_of_several_etags_is_enough(desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}"
    tag = desk.admin.get(path).headers["ETag"]
    assert desk.admin.put(path, {"notes": "x"}, seen=f'"7-00", {tag}').status == 200


def test_logged_activities_do_not_change_the_etag_of_an_edit(desk: Desk):
    lead = desk.capture()
    path = f"/api/leads/{lead['id']}"
    tag = desk.admin.get(path).headers["ETag"]
    desk.sql("UPDATE leads SET stale_since = now() WHERE id = :id", id=lead["id"])

    assert desk.admin.get(path).headers["ETag"] != tag  # something else is shown
    assert desk.admin.put(path, {"notes": "x"}, seen=tag).status == 200  # no edit in between


@pytest.mark.parametrize(
    ("path", "begin"),
    [
        ("/api/follow-up-rules", {"name": "call", "on": "lead.created", "do": [CALL]}),
        ("/api/sequences", {"name": "welcome", "steps": [{"name": "one", "after": "1 day", "wait": {}}]}),
    ],
    ids=["rule", "sequence"],
)
def test_publishing_another_draft_than_the_one_seen_is_refused(desk: Desk, path: str, begin: dict[str, Any]):
    one = f"{path}/{desk.admin.post(path, begin).body['id']}"
    seen = desk.admin.patch(one, {"description": "Seen", "is_draft": True}).headers["ETag"]
    desk.admin.patch(one, {"description": "Not seen", "is_draft": True})
    assert desk.admin.post(f"{one}/publish", seen=seen).status == 412
    assert desk.admin.post(f"{one}/rollback", {"number": 1}, seen=seen).status == 412
    assert desk.admin.get(one).body["draft"]["description"] == "Not seen"
    assert desk.admin.post(f"{one}/publish", seen=desk.admin.get(one).headers["ETag"]).status == 200
    assert desk.admin.post(f"{one}/rollback", {"number": 1}).status == 200  # the header is optional


def test_one_of_many_concurrent_edits_succeeds(desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}"
    tag = desk.admin.get(path).headers["ETag"]

    def edit(number: int) -> Answer:
        caller = Caller(desk.client(), desk.admin.token, desk.admin.actor)
        return caller.put(path, {"notes": f"Note {number}"}, seen=tag)

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status for answer in pool.map(edit, range(8)))
    assert statuses == [200] + [412] * 7


@pytest.mark.parametrize("editable", ["lead", "task"], indirect=True)
def test_read_with_the_current_etag_gets_304(desk: Desk, editable: tuple[str, dict[str, str]]):
    path, edit = editable
    tag = desk.admin.get(path).headers["ETag"]
    same = desk.admin.get(path, seen=tag)
    assert (same.status, same.body, same.headers["ETag"]) == (304, None, tag)
    assert desk.admin.get(path, seen=f'W/{tag}, "other"').status == 304

    assert desk.admin.put(path, edit, seen=tag).status == 200
    assert desk.admin.get(path, seen=tag).status == 200


def test_unauthenticated_read_never_gets_304(desk: Desk, other_desk: Desk):
    path = f"/api/leads/{desk.capture()['id']}"
    tag = desk.admin.get(path).headers["ETag"]
    assert other_desk.admin.get(path, seen=tag).status == 404
