"""Bulk follow-ups over REST: validation, responses and limits."""

import json
from collections import Counter
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.config import get_settings
from app.identity.models import Role
from app.ops.embedded import Postgres
from app.tasks.bulk import fill
from tests.support.bulk import FOLLOW_UP, ask, counts, items, many_leads, show, work_off
from tests.support.desk import Answer, Caller, Desk

BULK = "/api/followups/bulk"
AN_ID = "01890000-0000-7000-8000-000000000000"


def post(caller: Caller, **body: Any) -> Answer:
    return caller.post(BULK, {"lead_ids": [AN_ID], "followup": FOLLOW_UP, **body})


def with_follow_up(caller: Caller, **more: Any) -> Answer:
    return post(caller, followup={"type": "CALL", "title": "x", **more})


def with_key(desk: Desk, *scopes: str) -> Caller:
    """An API key of the clinic."""
    made = desk.admin.post("/api/api-keys", {"name": "Events", "scopes": list(scopes)}).body
    return Caller(desk.client(), made["key"], desk.admin.actor)


def test_answer_is_a_job_with_its_location(desk: Desk):
    lead = desk.capture()
    answer = post(desk.front_desk, lead_ids=[lead["id"]], client_key="talk-7")
    job = answer.body
    assert answer.status == 202
    assert answer.headers["Location"] == f"/api/jobs/{job['id']}"
    assert desk.front_desk.get(answer.headers["Location"]).body == job
    assert set(job) == {
        *("id", "client_key", "state", "total", "pending", "done", "failed", "cancelled", "percent"),
        *("created_at", "created_by", "started_at", "finished_at"),
    }
    assert (job["client_key"], job["state"], job["total"], job["percent"]) == ("talk-7", "running", 1, 0.0)
    assert (job["created_by"], job["started_at"], job["finished_at"]) == (desk.front_desk.id, None, None)


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"lead_ids": [AN_ID], "filter": {"status": "NEW"}},
        {"lead_ids": [AN_ID], "leads": [{}]},
        {"lead_ids": [AN_ID], "leads": [{}], "filter": {"status": "NEW"}},
    ],
)
def test_exactly_one_selection_of_leads_is_required(desk: Desk, sources: dict[str, Any]):
    answer = desk.admin.post(BULK, {"followup": FOLLOW_UP, **sources})
    assert answer.pointers == ["/filter", "/lead_ids", "/leads"]


@pytest.mark.parametrize(
    ("ids", "pointers"),
    [
        ([], ["/lead_ids"]),
        ("all", ["/lead_ids"]),
        (None, ["/lead_ids"]),
        ([AN_ID, "x", AN_ID, 7, None], ["/lead_ids/1", "/lead_ids/3", "/lead_ids/4"]),
        ([AN_ID.replace("-", "")], ["/lead_ids/0"]),
        ([AN_ID + "\n"], ["/lead_ids/0"]),
        ([f"{{{AN_ID}}}"], ["/lead_ids/0"]),
        (["x"] * 500, [f"/lead_ids/{place}" for place in sorted(map(str, range(100)))]),
        ([AN_ID] * 100_001, ["/lead_ids"]),
    ],
)
def test_invalid_ids_are_refused_with_their_path(desk: Desk, ids: Any, pointers: list[str]):
    assert post(desk.admin, lead_ids=ids).pointers == pointers


@pytest.mark.parametrize(
    ("leads", "pointers"),
    [([], ["/leads"]), ({}, ["/leads"]), ([{}, "Ana", None], ["/leads/1", "/leads/2"])],
)
def test_new_leads_must_be_objects(desk: Desk, leads: Any, pointers: list[str]):
    assert desk.admin.post(BULK, {"leads": leads, "followup": FOLLOW_UP}).pointers == pointers


@pytest.mark.parametrize(
    ("tests", "pointers"),
    [
        ({}, ["/filter"]),
        ({"status": "HOT"}, ["/filter/status"]),
        ({"source_id": "x"}, ["/filter/source_id"]),
        ({"clinic_id": AN_ID}, ["/filter/clinic_id"]),
        ("status=NEW", ["/filter"]),
    ],
)
def test_filter_is_validated_strictly(desk: Desk, tests: Any, pointers: list[str]):
    assert desk.admin.post(BULK, {"filter": tests, "followup": FOLLOW_UP}).pointers == pointers


@pytest.mark.parametrize(
    ("follow_up", "pointers"),
    [
        ({}, ["/followup/due_at", "/followup/due_in_minutes"]),
        ({"due_in_minutes": 1, "due_at": "2030-01-01T00:00:00Z"}, ["/followup/due_at", "/followup/due_in_minutes"]),
        ({"due_in_minutes": -1}, ["/followup/due_in_minutes"]),
        ({"due_in_minutes": "1"}, ["/followup/due_in_minutes"]),
        ({"due_at": "2030-01-01T00:00:00"}, ["/followup/due_at"]),
        ({"due_at": "9999-12-31T00:00:00Z"}, ["/followup/due_at"]),
        ({"due_in_minutes": 1, "title": " "}, ["/followup/title"]),
        ({"due_in_minutes": 1, "type": "VISIT"}, ["/followup/type"]),
        ({"due_in_minutes": 1, "priority": "highest"}, ["/followup/priority"]),
        ({"due_in_minutes": 1, "assigned_to_id": AN_ID}, ["/followup/assigned_to_id"]),
        ({"due_in_minutes": 1, "reminder_minutes": [-5]}, ["/followup/reminder_minutes/0"]),
    ],
)
def test_follow_up_is_validated_like_a_task(desk: Desk, follow_up: dict[str, Any], pointers: list[str]):
    assert with_follow_up(desk.admin, **follow_up).pointers == pointers


@pytest.mark.parametrize(
    ("assignee", "pointers"),
    [
        ({"strategy": "user"}, ["/followup/assignee/user_id"]),
        ({"strategy": "luck"}, ["/followup/assignee/strategy"]),
        ({"strategy": "keep", "user_id": AN_ID}, ["/followup/assignee/user_id"]),
        ({"strategy": "user", "user_id": AN_ID, "user_ids": [AN_ID]}, ["/followup/assignee/user_ids"]),
        ({"strategy": "round_robin", "user_ids": []}, ["/followup/assignee/user_ids"]),
        ({"strategy": "user", "user_id": AN_ID}, ["/followup/assignee/user_id"]),  # nobody we know
    ],
)
def test_strategy_requires_its_users(desk: Desk, assignee: dict[str, Any], pointers: list[str]):
    assert with_follow_up(desk.admin, due_in_minutes=1, assignee=assignee).pointers == pointers


@pytest.mark.parametrize(
    "more",
    [{"stagger_per_hour": 0}, {"stagger_per_hour": 1.5}, {"client_key": ""}, {"client_key": "k" * 201}, {"x": 1}],
)
def test_other_fields_are_validated_strictly(desk: Desk, more: dict[str, Any]):
    assert post(desk.admin, **more).pointers == [f"/{name}" for name in more]


def test_assignees_must_be_active_users(desk: Desk, other_desk: Desk):
    gone = desk.hire(Role.TREATMENT_COORDINATOR, is_active=False)
    named = [desk.coordinator.id, other_desk.coordinator.id, gone.id]
    answer = with_follow_up(desk.admin, due_in_minutes=1, assignee={"strategy": "round_robin", "user_ids": named})
    assert answer.pointers == ["/followup/assignee/user_ids/1", "/followup/assignee/user_ids/2"]


def test_assigning_others_requires_the_permission(desk: Desk):
    mine = {"strategy": "user", "user_id": desk.front_desk.id}
    yours = {"strategy": "user", "user_id": desk.coordinator.id}
    ours = {"strategy": "round_robin", "user_ids": [desk.front_desk.id, desk.coordinator.id]}
    assert with_follow_up(desk.front_desk, due_in_minutes=1, assignee=yours).status == 403
    assert with_follow_up(desk.front_desk, due_in_minutes=1, assignee=ours).status == 403
    assert with_follow_up(desk.front_desk, due_in_minutes=1, assignee=mine).status == 202
    assert with_follow_up(desk.coordinator, due_in_minutes=1, assignee=yours).status == 202


def test_new_leads_require_the_permission_to_create(desk: Desk):
    program = with_key(desk, "lead:update")
    assert program.post(BULK, {"leads": [desk.lead_data()], "followup": FOLLOW_UP}).status == 403
    program = with_key(desk, "lead:update", "lead:create")
    answer = program.post(BULK, {"leads": [desk.lead_data()], "followup": FOLLOW_UP})
    assert (answer.status, answer.body["created_by"]) == (202, None)
    assert counts(work_off(desk, answer.body)) == (0, 1, 0, 0)


def test_read_only_user_sees_no_jobs(desk: Desk):
    path = f"/api/jobs/{ask(desk.admin, lead_ids=[AN_ID])['id']}"
    assert post(desk.doctor).status == 403
    calls = [desk.doctor.get(path), desk.doctor.get(f"{path}/items"), desk.doctor.post(f"{path}/cancel")]
    assert [answer.status for answer in [*calls, desk.doctor.post(f"{path}/retry-failed")]] == [403] * 4


def test_job_of_another_clinic_is_not_found(desk: Desk, other_desk: Desk):
    job = ask(other_desk.admin, lead_ids=[AN_ID])
    for path in (f"/api/jobs/{job['id']}", f"/api/jobs/{uuid4()}"):
        calls = [desk.admin.get(path), desk.admin.get(f"{path}/items"), desk.admin.post(f"{path}/cancel")]
        assert [answer.status for answer in [*calls, desk.admin.post(f"{path}/retry-failed")]] == [404] * 4
    assert counts(show(other_desk, job)) == (1, 0, 0, 0)


def test_same_idempotency_key_is_the_same_job(desk: Desk, other_desk: Desk):
    ids = [desk.capture()["id"] for _ in range(2)]
    first = ask(desk.admin, lead_ids=ids, client_key="talk-7")
    done = work_off(desk, first)
    again = post(desk.admin, lead_ids=ids, client_key="talk-7")
    assert (again.status, again.body) == (202, done)
    assert again.headers["Location"] == f"/api/jobs/{first['id']}"
    assert ask(other_desk.admin, lead_ids=ids, client_key="talk-7")["id"] != first["id"]
    assert ask(desk.admin, lead_ids=ids)["id"] != first["id"]


def test_users_and_keys_of_a_clinic_have_their_own_client_keys(desk: Desk):
    ids = [desk.capture()["id"]]
    callers = [desk.admin, desk.coordinator, desk.program("lead:update"), desk.program("lead:update")]
    jobs = [ask(one, lead_ids=ids, client_key="talk-7") for one in callers]
    assert len({job["id"] for job in jobs}) == len(callers)
    assert {job["client_key"] for job in jobs} == {"talk-7"}
    assert [ask(one, lead_ids=ids, client_key="talk-7")["id"] for one in callers] == [job["id"] for job in jobs]
    other_body = post(desk.admin, lead_ids=ids, client_key="talk-8", stagger_per_hour=9)
    assert (other_body.status, post(desk.coordinator, lead_ids=ids, client_key="talk-8").status) == (202, 202)


def test_client_key_of_a_job_from_before_the_upgrade_still_names_it(desk: Desk):
    ids = [desk.capture()["id"]]
    first = ask(desk.admin, lead_ids=ids, client_key="talk-7")
    desk.sql("UPDATE jobs SET client_key = 'talk-7'")
    again = ask(desk.admin, lead_ids=ids, client_key="talk-7")
    assert (again["id"], again["client_key"]) == (first["id"], "talk-7")
    assert ask(desk.coordinator, lead_ids=ids, client_key="talk-7")["id"] != first["id"]


def test_same_key_with_another_body_is_refused(desk: Desk):
    first = ask(desk.admin, lead_ids=[desk.capture()["id"]], client_key="talk-7")
    answer = post(desk.admin, client_key="talk-7")
    assert (answer.pointers, answer.body["code"]) == (["/client_key"], "client-key-reused")
    assert desk.sql("SELECT id::text FROM jobs") == [(first["id"],)]


def test_items_are_paginated_in_the_given_order(desk: Desk):
    ids = [desk.capture()["id"] for _ in range(5)]
    job = ask(desk.admin, lead_ids=[ids[0], *ids])
    work_off(desk, job)
    path = f"/api/jobs/{job['id']}/items"
    page = desk.admin.get(path, limit=2).body
    assert [item["position"] for item in page["items"]] == [0, 1]
    assert [item["position"] for item in desk.admin.every(path, limit=2)] == list(range(6))
    assert [item["position"] for item in items(desk, job, status="failed")] == [1]
    (failed,) = items(desk, job, status="failed")
    assert failed == {
        "position": 1,
        "status": "failed",
        "lead_id": ids[0],
        "task_id": None,
        "matched_lead_id": None,
        "reason": "duplicate",
        "error": "The lead appears earlier in the list.",
    }
    assert desk.admin.get(path, status="late").pointers == ["/status"]
    assert desk.admin.get(path, state="failed").pointers == ["/state"]


def test_cancelling_is_idempotent_and_a_finished_job_cannot_be_cancelled(desk: Desk):
    job = ask(desk.admin, lead_ids=[AN_ID])
    first, second = (desk.admin.post(f"/api/jobs/{job['id']}/cancel") for _ in range(2))
    assert (first.status, first.body["state"], second.body) == (200, "cancelled", first.body)
    finished = ask(desk.admin, lead_ids=[AN_ID])
    work_off(desk, finished)
    answer = desk.admin.post(f"/api/jobs/{finished['id']}/cancel")
    assert (answer.status, answer.body["code"]) == (409, "job-is-finished")


def test_cancelled_job_cannot_be_retried(desk: Desk):
    lead_id = desk.capture()["id"]
    job = ask(desk.admin, lead_ids=[lead_id, lead_id])
    desk.admin.post(f"/api/jobs/{job['id']}/cancel")
    answer = desk.admin.post(f"/api/jobs/{job['id']}/retry-failed")
    assert (answer.status, answer.body["code"]) == (409, "job-is-cancelled")


def test_retry_without_failed_items_changes_nothing(desk: Desk):
    job = ask(desk.admin, lead_ids=[desk.capture()["id"]])
    done = work_off(desk, job)
    answer = desk.admin.post(f"/api/jobs/{job['id']}/retry-failed")
    assert (answer.status, answer.body) == (202, done)


def test_hundred_thousand_leads_fit_into_one_call(desk: Desk):
    ids = [str(uuid4()) for _ in range(100_000)]  # 3.9 MB
    job = ask(desk.admin, lead_ids=ids)
    assert counts(job) == (100_000, 0, 0, 0)
    (planned,) = desk.sql("SELECT count(*) AS chunks FROM steps WHERE kind = 'import_chunk'")
    assert planned.chunks == 100
    assert desk.admin.get(f"/api/jobs/{job['id']}/items", limit=1).body["items"][0]["lead_id"] == ids[0]


def test_filter_with_too_many_matches_is_refused_and_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    assert fill.MAX_ITEMS == 100_000
    monkeypatch.setattr(fill, "MAX_ITEMS", 1_000)  # 100,001 leads would take PostgreSQL eight seconds
    many_leads(desk, 1_001)
    answer = desk.admin.post(BULK, {"filter": {"status": "NEW"}, "followup": FOLLOW_UP})
    assert answer.pointers == ["/filter"]
    assert desk.sql("SELECT id FROM jobs UNION ALL SELECT job_id FROM job_items") == []


def test_only_this_route_accepts_a_large_body(desk: Desk):
    large = "x" * get_settings().max_body_bytes
    assert desk.admin.post("/api/leads", desk.lead_data(notes=large)).status == 413
    assert post(desk.admin, followup={**FOLLOW_UP, "description": large}).pointers == ["/followup/description"]
    assert post(desk.admin, followup={**FOLLOW_UP, "description": large * 20}).status == 413


def test_slow_upload_holds_no_database_connection(desk: Desk, postgres: Postgres):
    body = json.dumps({"lead_ids": [AN_ID], "followup": FOLLOW_UP}).encode()
    held: list[int] = []

    class Slow(BytesIO):
        def readinto(self, buffer: Any) -> int:
            with postgres.connect("relance") as owner:
                open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                held.append(owner.execute(open_ones).fetchone()[0])
            return super().readinto(buffer)

        def read(self, *_: Any) -> bytes:
            buffer = bytearray(len(body))
            return bytes(buffer[: self.readinto(buffer)])

    answer = desk.client().post(
        BULK,
        input_stream=Slow(body),
        content_length=len(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {desk.admin.token}"},
    )
    assert (answer.status_code, set(held)) == (202, {0})


def test_deeply_nested_body_is_refused_before_it_uses_memory(desk: Desk):
    assert desk.admin.post(BULK, {"leads": [{}] * 600_000, "followup": FOLLOW_UP}).status == 400


def test_follow_ups_in_the_past_are_due_at_once(desk: Desk):
    due_at = (now() - timedelta(hours=1)).isoformat()
    job = ask(desk.admin, lead_ids=[desk.capture()["id"]], followup={"type": "CALL", "title": "x", "due_at": due_at})
    assert counts(work_off(desk, job)) == (0, 1, 0, 0)


def test_merge_fields_of_a_follow_up_are_filled_in_for_each_lead(desk: Desk):
    made = desk.capture(first_name="Zoë")
    follow_up = {**FOLLOW_UP, "title": "Call {{ lead.first_name }}", "description": "Stage: {{ lead.stage }}"}
    job = desk.admin.post(BULK, {"lead_ids": [made["id"]], "followup": follow_up}).body
    other = desk.admin.post(BULK, {"leads": [desk.lead_data(first_name="Ada")], "followup": follow_up}).body
    for one in (job, other):
        assert counts(work_off(desk, one))[1] == 1
    tasks = desk.sql("SELECT title, description FROM lead_tasks WHERE title LIKE 'Call %' ORDER BY title")
    assert [tuple(task) for task in tasks] == [("Call Ada", "Stage: New Lead"), ("Call Zoë", "Stage: New Lead")]


def test_unknown_merge_field_of_a_follow_up_is_refused(desk: Desk):
    refused = with_follow_up(desk.admin, due_in_minutes=1, title="Call {{ lead.frist_name }}")
    assert (refused.status, refused.pointers) == (422, ["/followup/title"])


# --- preview ---


def preview_and_job(desk: Desk, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the preview of a bulk follow-up, which writes nothing, and then its finished job."""
    written = ("jobs", "job_items", "leads", "lead_tasks", "steps", "lead_touches")
    rows = {table: desk.sql(f"SELECT count(*) FROM {table}") for table in written}
    shown = desk.admin.post(f"{BULK}/preview", {"followup": FOLLOW_UP, **body})
    assert shown.status == 200, shown.body
    assert {table: desk.sql(f"SELECT count(*) FROM {table}") for table in written} == rows
    return shown.body, work_off(desk, ask(desk.admin, **body))


def made_by(desk: Desk, job: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """Return the number of tasks of a job, and of the items without one by reason."""
    found = items(desk, job)
    left_out = Counter(item["reason"] for item in found if item["task_id"] is None)
    return len({item["task_id"] for item in found} - {None}), dict(left_out)


def test_preview_of_ids_counts_as_the_job(desk: Desk, other_desk: Desk):
    leads = [desk.capture(phone=f"+1212555014{n}") for n in range(5)]
    desk.admin.post(f"/api/leads/{leads[1]['id']}/lost", {"reason": "OTHER"})
    desk.admin.post(f"/api/leads/{leads[2]['id']}/convert", {})
    desk.admin.post(f"/api/leads/{leads[3]['id']}/restrict", {"is_restricted": True, "reason": "Asked for it"})
    ids = [*(lead["id"] for lead in leads), leads[0]["id"], other_desk.capture(phone="600111222")["id"]]
    shown, job = preview_and_job(desk, lead_ids=ids)
    assert (shown["leads"], shown["tasks"], shown["new_leads"], shown["updated_leads"]) == (7, 2, 0, 0)
    assert (shown["tasks"], shown["left_out"]) == made_by(desk, job)
    why = ("duplicate", "unknown_lead", "lead_is_closed", "lead_is_locked", "lead_is_restricted")
    assert shown["left_out"] == dict.fromkeys(why, 1)


def test_preview_of_a_filter_counts_the_leads_that_the_caller_sees(desk: Desk):
    leads = [desk.capture(phone=f"+1212555014{n}") for n in range(4)]
    sales = desk.caller(Role.SALES)
    desk.admin.post(f"/api/leads/{leads[0]['id']}/assign", {"assigned_to_id": sales.id})
    body = {"filter": {"stage": "new_lead"}, "followup": FOLLOW_UP, "stagger_per_hour": 2}
    assert sales.post(f"{BULK}/preview", body).body["tasks"] == 1
    shown, job = preview_and_job(desk, **body)
    assert (shown["leads"], shown["tasks"], shown["left_out"]) == (4, *made_by(desk, job))
    first, last = (datetime.fromisoformat(shown[name]) for name in ("first_due_at", "last_due_at"))
    assert last - first == timedelta(minutes=90)  # three half hours after the first


@pytest.mark.parametrize("policy", ["create", "skip", "refuse", "update"])
def test_preview_of_new_leads_counts_known_people(desk: Desk, policy: str):
    desk.capture(phone="+12125550140")
    desk.admin.post(f"/api/leads/{desk.capture(phone='+12125550141')['id']}/lost", {"reason": "OTHER"})
    listed = ("+12125550140", "+12125550140", "+12125550141", "+12125550142", "12")
    leads = [desk.lead_data(phone=phone, email=None) for phone in listed]
    before = desk.sql("SELECT count(*) AS n FROM leads")[0].n
    shown, job = preview_and_job(desk, leads=leads, on_duplicate=policy)
    assert (shown["leads"], shown["tasks"], shown["left_out"]) == (5, *made_by(desk, job))
    assert shown["new_leads"] == desk.sql("SELECT count(*) AS n FROM leads")[0].n - before
    assert shown["updated_leads"] == (1 if policy == "update" else 0)


def test_preview_needs_the_permissions_of_the_job(desk: Desk):
    given = {"followup": FOLLOW_UP, "leads": [desk.lead_data()]}
    for caller in (desk.caller(Role.SALES), desk.doctor):
        assert caller.post(f"{BULK}/preview", given).status == caller.post(BULK, given).status == 403
