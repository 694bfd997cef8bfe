"""Bulk follow-ups under failures: crashes, repeated messages, items that cannot be written, locked leads."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import pytest

from app.engine.models import Kind
from app.engine.steps import publish
from app.ops.embedded import Postgres
from tests.support.bulk import ask, busy, chunks, counts, items, many_leads, reasons, run, show, tasks, work_off
from tests.support.concurrency import run_concurrently
from tests.support.desk import Desk
from tests.support.processes import Processes, wait_until

TASKS_PER_LEAD = "SELECT count(*) AS tasks, count(DISTINCT lead_id) AS leads FROM lead_tasks"
REMINDERS = "SELECT count(*) AS steps FROM steps WHERE kind = 'remind'"

# Runs a function for each inserted task, with the owner's rights, which the application lacks.
TRIGGER = """
    CREATE SEQUENCE nth_task;
    CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN {body} RETURN NEW; END $$;
    CREATE TRIGGER on_insert BEFORE INSERT ON lead_tasks FOR EACH ROW EXECUTE FUNCTION on_insert();
"""


@contextmanager
def insert_trigger(postgres: Postgres, body: str) -> Iterator[None]:
    """Run PL/pgSQL for every inserted task while the context is open."""
    with postgres.connect("relance") as owner:
        owner.execute(TRIGGER.format(body=body))
        try:
            yield
        finally:
            owner.execute("DROP TRIGGER on_insert ON lead_tasks; DROP FUNCTION on_insert; DROP SEQUENCE nth_task")


def assert_each_once(desk: Desk, leads: int) -> None:
    (made,) = desk.sql(TASKS_PER_LEAD)
    assert (made.tasks, made.leads) == (leads, leads)
    assert desk.sql(REMINDERS)[0].steps == leads


def test_repeated_message_creates_no_task_twice(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 50))
    (step,) = chunks(desk, job)
    assert [run(step), run(step), run(step, step)] == [1, 0, 0]
    assert counts(show(desk, job)) == (0, 50, 0, 0)
    assert_each_once(desk, 50)


def test_workers_with_the_same_chunk_create_no_task_twice(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 200))
    (step,) = chunks(desk, job)
    run_concurrently(*[partial(run, step)] * 4)
    assert counts(work_off(desk, job)) == (0, 200, 0, 0)
    assert_each_once(desk, 200)


def test_workers_share_the_chunks_of_a_job(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 2_001))
    ran = run_concurrently(*[partial(run, step) for step in chunks(desk, job)])
    assert sum(ran) == 3
    done = show(desk, job)
    assert (done["state"], counts(done)) == ("done", (0, 2_001, 0, 0))
    assert_each_once(desk, 2_001)


def test_each_chunk_has_a_message_of_its_own(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 2_001))
    now, clinic_id = publish.clock.now(), uuid4()
    wake_ups = [publish.WakeUp(id_, Kind.IMPORT_CHUNK, "x", now, clinic_id) for id_ in chunks(desk, job)]
    assert publish.send(wake_ups) == 3


def test_lost_connection_leaves_no_partial_chunk(desk: Desk, postgres: Postgres):
    job = ask(desk.admin, lead_ids=many_leads(desk, 300))
    # A sequence is not rolled back, so the second try succeeds.
    with insert_trigger(
        postgres, "IF nextval('nth_task') = 150 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
    ):
        done = work_off(desk, job)
    assert counts(done) == (0, 300, 0, 0)
    assert_each_once(desk, 300)


def test_killed_worker_leaves_no_partial_chunk(desk: Desk, processes: Processes):
    worker = processes.start_worker("bulk")
    job = ask(desk.admin, lead_ids=many_leads(desk, 2_500))
    wait_until(lambda: show(desk, job)["done"] > 0, 60, "the first chunk")
    worker.kill()
    # PostgreSQL ends the worker's transaction some moments later, so the first try may find the chunk locked.
    wait_until(lambda: work_off(desk, job)["state"] == "done", 60, "the rest")
    assert counts(show(desk, job)) == (0, 2_500, 0, 0)
    assert_each_once(desk, 2_500)


def test_only_the_item_that_cannot_be_written_fails(desk: Desk, postgres: Postgres):
    ids = many_leads(desk, 300)
    job = ask(desk.admin, lead_ids=ids)
    with insert_trigger(postgres, f"IF NEW.lead_id = '{ids[77]}' THEN RAISE 'poisoned'; END IF;"):
        done = work_off(desk, job)
    assert (done["state"], counts(done)) == ("done", (0, 299, 1, 0))
    assert reasons(desk, job) == {77: "crashed"}
    assert_each_once(desk, 299)
    desk.admin.post(f"/api/jobs/{job['id']}/retry-failed")
    assert counts(work_off(desk, job)) == (0, 300, 0, 0)
    assert_each_once(desk, 300)


def test_locked_lead_is_skipped_and_processed_later(desk: Desk):
    ids = many_leads(desk, 5)
    job = ask(desk.admin, lead_ids=ids)
    with busy(ids[2]):
        run(*chunks(desk, job))
        left = show(desk, job)
        assert (left["state"], counts(left)) == ("running", (1, 4, 0, 0))
        assert [item["position"] for item in items(desk, job, status="pending")] == [2]
    desk.sql("UPDATE steps SET due_at = now() WHERE id = :id", id=chunks(desk, job)[0])
    assert counts(work_off(desk, job)) == (0, 5, 0, 0)
    assert_each_once(desk, 5)


def test_chunk_of_a_deleted_job_does_nothing(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 3))
    steps = chunks(desk, job)
    desk.sql("DELETE FROM jobs")
    assert run(*steps) == 1
    assert tasks(desk) == []


def test_cancelled_job_creates_no_more_tasks(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 2_001))
    first, *rest = chunks(desk, job)
    desk.sql("UPDATE steps SET due_at = now() + interval '1 hour' WHERE id = ANY(:rest)", rest=rest)
    run(first)
    cancelled = desk.admin.post(f"/api/jobs/{job['id']}/cancel").body
    assert (cancelled["state"], counts(cancelled)) == ("cancelled", (0, 1_000, 0, 1_001))
    assert cancelled["finished_at"]
    desk.sql("UPDATE steps SET due_at = now() WHERE id = ANY(:rest)", rest=rest)
    assert run(*rest) == 2
    assert show(desk, job) == cancelled
    assert len(tasks(desk)) == 1_000
    assert {item["position"] for item in items(desk, job, status="cancelled")} == set(range(1_000, 2_001))


def test_counts_are_right_when_a_running_job_is_cancelled(desk: Desk):
    job = ask(desk.admin, lead_ids=many_leads(desk, 2_001))
    steps = chunks(desk, job)
    cancel = partial(desk.admin.post, f"/api/jobs/{job['id']}/cancel")
    run_concurrently(*[partial(run, step) for step in steps], cancel)
    end = work_off(desk, job)
    assert end["pending"] == 0
    assert end["done"] + end["cancelled"] == 2_001
    assert end["done"] == len(tasks(desk)) == len(items(desk, job, status="done"))
    assert end["state"] == ("cancelled" if end["cancelled"] else "done")


def test_retry_processes_failed_items_but_no_duplicates(desk: Desk):
    ids = many_leads(desk, 3)
    desk.sql("UPDATE leads SET status = 'ARCHIVED' WHERE id = ANY(CAST(:ids AS uuid[]))", ids=ids[:2])
    job = ask(desk.admin, lead_ids=[*ids, ids[2]])
    assert counts(work_off(desk, job)) == (0, 1, 3, 0)
    desk.sql("UPDATE leads SET status = 'ACTIVE' WHERE id = :id", id=ids[0])
    again = desk.admin.post(f"/api/jobs/{job['id']}/retry-failed").body
    assert (again["state"], again["finished_at"], counts(again)) == ("running", None, (2, 1, 1, 0))
    done = work_off(desk, job)
    assert (done["state"], counts(done)) == ("done", (0, 2, 2, 0))
    assert reasons(desk, job) == {1: "lead_is_closed", 3: "duplicate"}
    assert_each_once(desk, 2)


def test_concurrent_retries_process_items_once(desk: Desk):
    ids = many_leads(desk, 30)
    desk.sql("UPDATE leads SET status = 'ARCHIVED'")
    job = ask(desk.admin, lead_ids=ids)
    work_off(desk, job)
    desk.sql("UPDATE leads SET status = 'ACTIVE'")
    retry = partial(desk.admin.post, f"/api/jobs/{job['id']}/retry-failed")
    assert [answer.status for answer in run_concurrently(retry, retry, retry)] == [202] * 3
    assert counts(work_off(desk, job)) == (0, 30, 0, 0)
    assert_each_once(desk, 30)


@pytest.mark.parametrize("round_", range(3))
def test_concurrent_requests_with_the_same_key_create_one_job(desk: Desk, round_: int):
    ids = many_leads(desk, 20)
    post = partial(ask, desk.admin, lead_ids=ids, client_key=f"event-{round_}")
    jobs = run_concurrently(*[post] * 5)
    assert len({job["id"] for job in jobs}) == 1
    assert counts(work_off(desk, jobs[0])) == (0, 20, 0, 0)
    assert_each_once(desk, 20)
