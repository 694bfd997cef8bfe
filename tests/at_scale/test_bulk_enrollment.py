"""Bulk enrollment: each lead is enrolled once, also after a worker is killed, and none after the job is cancelled."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.bulk import busy, chunks, counts, items, many_leads, reasons, run, show, work_off
from tests.support.concurrency import run_concurrently
from tests.support.desk import Caller, Desk
from tests.support.enrolling import WAITING
from tests.support.processes import Processes, wait_until

EACH_ONCE = (
    "SELECT count(*), count(DISTINCT e.lead_id), count(DISTINCT s.id) FROM enrollments e"
    " LEFT JOIN steps s ON s.id = e.step_id AND s.state IN ('planned', 'published')"
)


def made(desk: Desk, **parts: Any) -> dict[str, Any]:
    answer = desk.admin.post("/api/sequences", {**WAITING, **parts})
    assert answer.status == 201, answer.body
    return answer.body


def path(sequence: dict[str, Any]) -> str:
    return f"/api/sequences/{sequence['id']}/enrollments/bulk"


def ask(desk: Desk, sequence: dict[str, Any], by: Caller | None = None, **body: Any) -> dict[str, Any]:
    answer = (by or desk.admin).post(path(sequence), body)
    assert answer.status == 202, answer.body
    assert answer.headers["Location"] == f"/api/jobs/{answer.body['id']}"
    return answer.body


def assert_each_once(desk: Desk, leads: int) -> None:
    """Check that each lead has one enrollment with one step."""
    [(enrollments, of_leads, steps)] = desk.sql(EACH_ONCE)
    assert (enrollments, of_leads, steps) == (leads, leads, leads)


def test_leads_of_a_list_are_enrolled_or_have_a_reason(desk: Desk):
    sequence, ids = made(desk), many_leads(desk, 4)
    desk.admin.post(f"/api/leads/{ids[1]}/opt-out")
    desk.sql("UPDATE leads SET status = 'ARCHIVED' WHERE id = :id", id=ids[2])
    job = ask(desk, sequence, lead_ids=[*ids, ids[0], str(uuid4())])
    done = work_off(desk, job)
    assert (done["state"], counts(done)) == ("done", (0, 2, 4, 0))
    assert reasons(desk, job) == {1: "opted_out", 2: "lead_is_closed", 4: "duplicate", 5: "unknown_lead"}
    assert_each_once(desk, 2)
    again = ask(desk, sequence, lead_ids=ids[:1])
    work_off(desk, again)
    assert reasons(desk, again) == {0: "already_in"}
    [entry] = desk.admin.every("/api/audit", subject_id=ids[3], act="update")
    assert entry["operation"] == f"jobs.{job['id']}"


def test_filter_selects_leads_without_a_limit(desk: Desk):
    sequence, ids = made(desk), many_leads(desk, 1_003)
    desk.sql("UPDATE leads SET tags = ARRAY['school'] WHERE id <> :id", id=ids[7])
    job = ask(desk, sequence, filter={"tag": "school"})
    assert (job["total"], len(chunks(desk, job))) == (1_002, 3)  # chunks of 500
    assert counts(work_off(desk, job)) == (0, 1_002, 0, 0)
    assert_each_once(desk, 1_002)
    empty = ask(desk, sequence, filter={"tag": "unused"})
    assert (empty["total"], empty["state"]) == (0, "done")


def test_list_may_be_as_long_as_the_body_allows(desk: Desk):
    job = ask(desk, made(desk), lead_ids=[str(uuid4()) for _ in range(120_000)])
    assert job["total"] == 120_000
    assert counts(desk.admin.post(f"/api/jobs/{job['id']}/cancel").body) == (0, 0, 0, 120_000)


def test_rate_spreads_the_start_of_enrollments(desk: Desk):
    sequence = made(desk)
    job = ask(desk, sequence, lead_ids=many_leads(desk, 50), per_hour=240)
    due = desk.sql("SELECT due_at FROM steps WHERE kind = 'import_chunk' ORDER BY due_at")
    assert [(row.due_at - due[0].due_at) for row in due] == [timedelta(minutes=5 * n) for n in range(3)]
    run(*chunks(desk, job))
    assert (counts(show(desk, job)), show(desk, job)["state"]) == ((30, 20, 0, 0), "running")
    desk.sql("UPDATE steps SET due_at = now() WHERE kind = 'import_chunk' AND state <> 'done'")
    assert counts(work_off(desk, job)) == (0, 50, 0, 0)
    assert_each_once(desk, 50)


def test_cancelled_job_enrolls_no_more_leads(desk: Desk):
    job = ask(desk, made(desk), lead_ids=many_leads(desk, 50), per_hour=240)
    run(*chunks(desk, job))
    cancelled = desk.admin.post(f"/api/jobs/{job['id']}/cancel").body
    assert (cancelled["state"], counts(cancelled)) == ("cancelled", (0, 20, 0, 30))
    desk.sql("UPDATE steps SET due_at = now() WHERE kind = 'import_chunk' AND state <> 'done'")
    run(*chunks(desk, job))
    assert show(desk, job) == cancelled
    assert_each_once(desk, 20)


def test_inactive_or_deleted_sequence_enrolls_no_lead(desk: Desk):
    off, gone, ids = made(desk, name="off"), made(desk, name="gone"), many_leads(desk, 2)
    jobs = [ask(desk, one, lead_ids=ids) for one in (off, gone)]
    desk.admin.patch(f"/api/sequences/{off['id']}", {"is_active": False})
    desk.admin.delete(f"/api/sequences/{gone['id']}")
    made(desk, name="gone")  # another one of that name
    for job in jobs:
        work_off(desk, job)
        assert reasons(desk, job) == {0: "sequence_inactive", 1: "sequence_inactive"}
    assert_each_once(desk, 0)


def test_workers_share_chunks_with_repeated_messages(desk: Desk):
    job = ask(desk, made(desk), lead_ids=many_leads(desk, 1_001))
    steps = chunks(desk, job)
    run_concurrently(*[partial(run, step) for step in (*steps, *steps)])
    assert counts(work_off(desk, job)) == (0, 1_001, 0, 0)
    assert_each_once(desk, 1_001)


def test_killed_worker_enrolls_each_lead_once(desk: Desk, processes: Processes):
    worker = processes.start_worker("bulk")
    job = ask(desk, made(desk), lead_ids=many_leads(desk, 2_000))
    wait_until(lambda: show(desk, job)["done"] > 0, 60, "the first chunk")
    worker.kill()
    # PostgreSQL ends the worker's transaction some moments later, so the first try may find the chunk locked.
    wait_until(lambda: work_off(desk, job)["state"] == "done", 60, "the rest")
    assert counts(show(desk, job)) == (0, 2_000, 0, 0)
    assert_each_once(desk, 2_000)


def test_locked_lead_is_enrolled_later(desk: Desk):
    ids = many_leads(desk, 5)
    job = ask(desk, made(desk), lead_ids=ids)
    with busy(ids[2]):
        run(*chunks(desk, job))
        assert [item["position"] for item in items(desk, job, status="pending")] == [2]
    desk.sql("UPDATE steps SET due_at = now() WHERE id = :id", id=chunks(desk, job)[0])
    assert counts(work_off(desk, job)) == (0, 5, 0, 0)
    assert_each_once(desk, 5)


def test_same_key_returns_the_same_job(desk: Desk):
    sequence, other, ids = made(desk), made(desk, name="other"), many_leads(desk, 2)
    first = ask(desk, sequence, lead_ids=ids, client_key="spring")
    assert ask(desk, sequence, lead_ids=ids, client_key="spring")["id"] == first["id"]
    assert desk.admin.post(path(other), {"lead_ids": ids, "client_key": "spring"}).pointers == ["/client_key"]


def test_sales_enroll_only_their_own_leads(desk: Desk):
    sequence, sales, ids = made(desk), desk.caller(Role.SALES), many_leads(desk, 3)
    desk.sql("UPDATE leads SET assigned_to_id = :user WHERE id <> :id", user=desk.admin.id, id=ids[1])
    listed = ask(desk, sequence, sales, lead_ids=ids)
    work_off(desk, listed)
    assert reasons(desk, listed) == {0: "unknown_lead", 2: "unknown_lead"}
    assert ask(desk, sequence, sales, filter={"status": "NEW"})["total"] == 1
    assert_each_once(desk, 1)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/filter", "/lead_ids"]),
        ({"lead_ids": ["x"]}, ["/lead_ids/0"]),
        ({"lead_ids": []}, ["/lead_ids"]),
        ({"filter": {}}, ["/filter"]),
        ({"filter": {"tga": "x"}}, ["/filter/tga"]),
        ({"filter": {"value_from": "much"}}, ["/filter/value_from"]),
        ({"filter": {"status": "NEW"}, "per_hour": 0}, ["/per_hour"]),
        ({"filter": {"status": "NEW"}, "clinic_id": str(uuid4())}, ["/clinic_id"]),
    ],
)
def test_invalid_request_names_the_field(desk: Desk, body: dict[str, Any], pointers: list[str]):
    assert desk.admin.post(path(made(desk)), body).pointers == pointers


def test_job_longer_than_a_year_is_refused(desk: Desk):
    body = {"lead_ids": [str(uuid4()) for _ in range(9_000)], "per_hour": 1}
    assert desk.admin.post(path(made(desk)), body).pointers == ["/per_hour"]
    assert desk.sql("SELECT count(*) FROM job_items")[0][0] == 0
