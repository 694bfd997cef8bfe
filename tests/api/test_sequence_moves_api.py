"""Migration of enrollments to another version of a sequence, by a plan that is shown first."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.identity.models import Role
from tests.support.bulk import chunks, counts, many_leads, reasons, run, work_off
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Desk
from workers import runner

pytest_plugins = ["tests.support.desk"]

PLANNED = {"planned", "published"}


def wait(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "after": "1 day", "wait": {}, **more}


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "create_task": {"type": "CALL", "title": "Call them", **more}}


def create_sequence(desk: Desk, *steps: dict[str, Any], **parts: Any) -> str:
    """Create a sequence and return its path."""
    answer = desk.admin.post("/api/sequences", {"name": "x", "steps": list(steps), **parts})
    assert answer.status == 201, answer.body
    return f"/api/sequences/{answer.body['id']}"


def rewrite(desk: Desk, path: str, *steps: dict[str, Any], **parts: Any) -> None:
    answer = desk.admin.patch(path, {"steps": list(steps), **parts})
    assert answer.status == 200, answer.body


def put(desk: Desk, path: str, *lead_ids: str) -> None:
    answer = desk.admin.post(f"{path}/enrollments", {"lead_ids": list(lead_ids)})
    assert answer.body["enrolled"] == len(lead_ids)


def skip(desk: Desk, lead_id: str) -> None:
    assert desk.admin.post(f"/api/enrollments/{way(desk, lead_id)['id']}/skip").status == 200


def way(desk: Desk, lead_id: str) -> dict[str, Any]:
    [one] = desk.admin.every(f"/api/leads/{lead_id}/enrollments")
    return one


def at(desk: Desk, lead_id: str) -> tuple[int, str, str]:
    one = way(desk, lead_id)
    return one["sequence_version"], one["step"], one["state"]


def planned(desk: Desk, lead_id: str) -> list[dict[str, Any]]:
    found = desk.steps({"id": lead_id})
    return [step for step in found if step["state"] in PLANNED and step["name"].startswith("x/")]


def plan(desk: Desk, path: str) -> dict[str, Any]:
    """Return the plan to the current version."""
    answer = desk.admin.get(f"{path}/move")
    assert answer.status == 200, answer.body
    return answer.body


def carry_out(desk: Desk, path: str, seen: dict[str, Any], **more: Any) -> Answer:
    return desk.admin.post(f"{path}/move", {"to": seen["to"], "fingerprint": seen["fingerprint"], **more})


def results_of(told: dict[str, Any]) -> tuple[int, int, int, int]:
    return told["stay"], told["jump"], told["exit"], told["cannot"]


def test_plan_shows_when_the_planned_steps_are_due(desk: Desk):
    path = create_sequence(desk, wait("one"), call("two", wait_for="completion"))
    ids = many_leads(desk, 3)
    put(desk, path, *ids)
    due = sorted(step["due_at"] for lead_id in ids for step in planned(desk, lead_id))
    rewrite(desk, path, wait("one"))
    [group] = plan(desk, path)["groups"]
    assert [group["first_due_at"], group["last_due_at"]] == [due[0], due[-1]]
    carry_out(desk, path, plan(desk, path))
    assert sorted(step["due_at"] for lead_id in ids for step in planned(desk, lead_id)) == due


def test_plan_has_no_times_for_paused_enrollments(desk: Desk):
    path = create_sequence(desk, wait("one"))
    [lead_id] = many_leads(desk, 1)
    put(desk, path, lead_id)
    assert desk.admin.post(f"/api/enrollments/{way(desk, lead_id)['id']}/pause").status == 200
    rewrite(desk, path, wait("one"), wait("two"))
    [group] = plan(desk, path)["groups"]
    assert (group["first_due_at"], group["last_due_at"]) == (None, None)


def test_plan_shows_every_move_and_writes_nothing(desk: Desk):
    path = create_sequence(desk, wait("one"), wait("two"), wait("three"), wait("four"))
    ids = many_leads(desk, 6)
    put(desk, path, *ids)
    for lead_id, times in ((ids[3], 1), (ids[4], 1), (ids[5], 3)):
        for _ in range(times):
            skip(desk, lead_id)
    rewrite(desk, path, wait("one"), wait("three"))
    before = desk.sql("SELECT id, sequence_version, step, step_id FROM enrollments ORDER BY id")
    shown = plan(desk, path)
    assert (shown["total"], results_of(shown)) == (6, (3, 2, 0, 1))
    groups = [(one["step"], one["lands"], one["to_step"], one["why"], one["leads"]) for one in shown["groups"]]
    assert groups == [
        ("four", "cannot", None, "nothing_left", 1),
        ("one", "stay", "one", None, 3),
        ("two", "jump", "three", None, 2),
    ]
    assert shown["groups"][0]["lead_ids"] == [ids[5]]
    assert desk.sql("SELECT id, sequence_version, step, step_id FROM enrollments ORDER BY id") == before


def test_migration_follows_the_plan_and_keeps_due_times(desk: Desk):
    path = create_sequence(desk, wait("one"), wait("two"), call("three"))
    ids = many_leads(desk, 2)
    put(desk, path, *ids)
    skip(desk, ids[1])
    due = [planned(desk, lead_id)[0]["due_at"] for lead_id in ids]
    rewrite(desk, path, call("one"), call("three"), exit_on=["lead.lost"], label="in x")
    assert results_of(carry_out(desk, path, plan(desk, path)).body) == (1, 1, 0, 0)
    assert [at(desk, lead_id) for lead_id in ids] == [(2, "one", "active"), (2, "three", "active")]
    now_planned = [planned(desk, lead_id) for lead_id in ids]
    assert [[(one["name"], one["kind"], one["due_at"]) for one in steps] for steps in now_planned] == [
        [("x/one", "create_task", due[0])],
        [("x/three", "create_task", due[1])],
    ]
    gone = [step for step in desk.steps({"id": ids[0]}, state="cancelled") if step["name"] == "x/one"]
    assert [step["reason"] for step in gone] == ["new_version"]
    assert desk.lead({"id": ids[0]})["tags"] == ["in x"]
    # What ends it is the new text's, too.
    desk.admin.post(f"/api/leads/{ids[0]}/activities", {"type": "EMAIL", "direction": "INBOUND"})
    assert way(desk, ids[0])["state"] == "active"
    desk.admin.post(f"/api/leads/{ids[0]}/lost", {"reason": "OTHER"})
    assert (way(desk, ids[0])["reason"], desk.lead({"id": ids[0]})["tags"]) == ("lost", [])


def test_unmappable_enrollment_moves_as_requested_or_stays(desk: Desk):
    path = create_sequence(desk, wait("one"), wait("two"))
    ids = many_leads(desk, 3)
    put(desk, path, *ids)
    skip(desk, ids[2])
    rewrite(desk, path, wait("a"), wait("b"))
    shown = plan(desk, path)
    assert results_of(shown) == (0, 0, 0, 3)
    told = carry_out(desk, path, shown, steps={"one": "b"}).body
    assert results_of(told) == (0, 2, 0, 1)
    assert [at(desk, lead_id) for lead_id in ids] == [(2, "b", "active"), (2, "b", "active"), (1, "two", "active")]
    told = carry_out(desk, path, plan(desk, path), steps={"two": "exit"}).body
    assert results_of(told) == (0, 0, 1, 0)
    assert (way(desk, ids[2])["reason"], planned(desk, ids[2])) == ("by_hand", [])


def test_outdated_plan_is_refused(desk: Desk):
    path = create_sequence(desk, wait("one"), wait("two"), wait("three"))
    ids = many_leads(desk, 3)
    put(desk, path, *ids[:2])
    rewrite(desk, path, wait("two"))
    seen = plan(desk, path)
    skip(desk, ids[0])  # a step without enrollments
    assert carry_out(desk, path, seen).status == 409
    seen = plan(desk, path)
    skip(desk, ids[1])
    assert carry_out(desk, path, seen).status == 409
    seen = plan(desk, path)
    skip(desk, ids[0])
    assert carry_out(desk, path, seen).status == 409  # one that cannot be moved
    assert {at(desk, lead_id)[0] for lead_id in ids[:2]} == {1}
    assert carry_out(desk, path, plan(desk, path)).status == 200


def test_additional_jumps_do_not_invalidate_the_plan(desk: Desk):
    path = create_sequence(desk, wait("one"), wait("two"), wait("three"))
    ids = many_leads(desk, 3)
    put(desk, path, *ids)
    skip(desk, ids[0])
    rewrite(desk, path, wait("three"))
    seen = plan(desk, path)
    skip(desk, ids[1])
    assert results_of(carry_out(desk, path, seen).body) == (0, 3, 0, 0)


def test_enrollment_waiting_for_its_task_keeps_waiting(desk: Desk):
    path = create_sequence(desk, call("speak", wait_for="completion"), wait("after"))
    [lead_id] = many_leads(desk, 1)
    put(desk, path, lead_id)
    work(desk, lead_id)
    [task] = [task for task in desk.admin.every(f"/api/leads/{lead_id}/tasks") if task["title"] == "Call them"]
    rewrite(desk, path, call("speak"), wait("other"))
    assert results_of(carry_out(desk, path, plan(desk, path)).body) == (1, 0, 0, 0)
    assert way(desk, lead_id)["waits_for_task_id"] == task["id"]
    desk.admin.post(f"/api/leads/tasks/{task['id']}/complete", {})
    assert [step["name"] for step in planned(desk, lead_id)] == ["x/other"]


def test_enrollment_waiting_for_a_removed_step_cannot_move(desk: Desk):
    path = create_sequence(desk, call("speak", wait_for="completion"), wait("after"))
    [lead_id] = many_leads(desk, 1)
    put(desk, path, lead_id)
    work(desk, lead_id)
    rewrite(desk, path, wait("after"))
    [group] = plan(desk, path)["groups"]
    assert (group["lands"], group["why"], group["waits_for_task"]) == ("cannot", "waits_for_task", True)


def test_paused_enrollment_resumes_in_the_new_version(desk: Desk):
    path = create_sequence(desk, wait("one"))
    [lead_id] = many_leads(desk, 1)
    put(desk, path, lead_id)
    enrollment = f"/api/enrollments/{way(desk, lead_id)['id']}"
    desk.admin.post(f"{enrollment}/pause")
    rewrite(desk, path, call("one"))
    carry_out(desk, path, plan(desk, path))
    assert (at(desk, lead_id), planned(desk, lead_id)) == ((2, "one", "paused"), [])
    desk.admin.post(f"{enrollment}/resume")
    assert [step["kind"] for step in planned(desk, lead_id)] == ["create_task"]


def test_enrollment_with_a_failed_or_running_step_stays(desk: Desk):
    path = create_sequence(desk, wait("one"))
    [lead_id] = many_leads(desk, 1)
    put(desk, path, lead_id)
    desk.sql("UPDATE steps SET state = 'failed' WHERE name = 'x/one'")
    rewrite(desk, path, wait("one"))
    seen = plan(desk, path)
    assert [group["why"] for group in seen["groups"]] == ["under_way"]
    assert results_of(carry_out(desk, path, seen).body) == (0, 0, 0, 1)
    assert at(desk, lead_id) == (1, "one", "held")


def test_many_enrollments_are_moved_by_a_job(desk: Desk):
    path, ids = create_sequence(desk, wait("one"), wait("two")), many_leads(desk, 1_200)
    enrolled = desk.admin.post(f"{path}/enrollments/bulk", {"lead_ids": ids}).body
    assert counts(work_off(desk, enrolled)) == (0, 1_200, 0, 0)
    skip(desk, ids[0])
    rewrite(desk, path, call("one"))
    told = carry_out(desk, path, plan(desk, path)).body
    job = told["job"]
    assert (results_of(told), job["total"], len(chunks(desk, job))) == ((0, 0, 0, 0), 1_200, 3)
    desk.admin.post(f"/api/enrollments/{way(desk, ids[1])['id']}/exit")
    run_concurrently(*[partial(run, step) for step in chunks(desk, job) for _ in range(2)])
    assert counts(work_off(desk, job)) == (0, 1_198, 2, 0)
    assert sorted(reasons(desk, job).values()) == ["cannot_move", "no_longer_in"]
    [(moved, steps)] = desk.sql(
        "SELECT count(DISTINCT e.id), count(s.id) FROM enrollments e JOIN steps s ON s.lead_id = e.lead_id"
        " AND s.name = 'x/one' AND s.kind = 'create_task' AND s.state IN ('planned', 'published')"
        " WHERE e.sequence_version = 2 AND s.id = e.step_id"
    )
    assert (moved, steps) == (1_198, 1_198)


def test_earlier_version_is_a_target_and_an_unknown_version_is_refused(desk: Desk):
    path = create_sequence(desk, wait("one"))
    rewrite(desk, path, wait("one"), wait("two"))
    [lead_id] = many_leads(desk, 1)
    put(desk, path, lead_id)
    back = desk.admin.get(f"{path}/move", to=1).body
    assert (back["to"], results_of(back)) == (1, (1, 0, 0, 0))
    assert results_of(carry_out(desk, path, back).body) == (1, 0, 0, 0)
    assert at(desk, lead_id) == (1, "one", "active")
    draft = create_sequence(desk, wait("one"), name="draft", is_draft=True)
    assert desk.admin.get(f"{draft}/move").pointers == ["/to"]


def test_only_sequence_editors_can_migrate_enrollments(desk: Desk):
    path = create_sequence(desk, wait("one"))
    manager = desk.caller(Role.MANAGER)
    assert manager.get(f"{path}/move", to=1).status == 403
    assert manager.post(f"{path}/move", {"to": 1, "fingerprint": "x"}).status == 403


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"to": 3}, "/to"),
        ({"steps": {"one": "nowhere"}}, "/steps/one"),
        ({"steps": {"two": "a"}}, "/steps/two"),
        ({"steps": {"one": 7}}, "/steps/one"),
        ({"fingerprint": ""}, "/fingerprint"),
        ({"force": True}, "/force"),
    ],
)
def test_validation_error_names_the_path(desk: Desk, more: dict[str, Any], pointer: str):
    path = create_sequence(desk, wait("one"), wait("two"))
    put(desk, path, *many_leads(desk, 1))
    rewrite(desk, path, wait("a"))
    assert carry_out(desk, path, plan(desk, path), **more).pointers == [pointer]


def work(desk: Desk, lead_id: str) -> None:
    """Run the planned steps of the lead in the sequence."""
    for step in planned(desk, lead_id):
        runner.run(step["kind"], [UUID(step["id"])])
