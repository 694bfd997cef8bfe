"""Cancellation of a running job: it waits for the chunks in progress, and for no later one."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import text

from app.core.db import transaction
from tests.support.bulk import chunks, counts, run, show
from tests.support.desk import Desk
from tests.support.importing import send
from tests.support.processes import wait_until

pytest_plugins = ["tests.support.desk"]

ROWS = 2001  # three chunks
HOLD_IMPORTS = text("SELECT pg_advisory_xact_lock(hashtext('import'), hashtext(CAST(:clinic AS text)))")


@pytest.mark.parametrize("on_duplicate", ["create", "update"])
def test_no_chunk_begins_while_a_cancellation_waits(desk: Desk, on_duplicate: str):
    file = "First name,Last name,E-mail\n" + "".join(f"A,B,a{n}@lead.example\n" for n in range(ROWS))
    kept = send(desk.admin, file.encode()).body
    options = {"source_id": desk.source_id, "on_duplicate": on_duplicate}
    job = desk.admin.post(f"/api/imports/{kept['id']}/start", options).body["job"]
    first, second, third = chunks(desk, job)
    with ThreadPoolExecutor(4) as threads:
        with transaction() as session:  # the first chunk waits for this import
            session.execute(HOLD_IMPORTS, {"clinic": desk.clinic_id})
            running = threads.submit(run, first)
            wait_until(lambda: waiting(desk) == 1, 60, "the first chunk to wait")
            cancelling = threads.submit(partial(desk.admin.post, f"/api/jobs/{job['id']}/cancel"))
            wait_until(lambda: waiting(desk) == 2, 60, "the cancellation to wait")
            later = [threads.submit(run, step) for step in (second, third)]
            wait_until(lambda: all(one.done() for one in later) or waiting(desk) > 2, 60, "the other chunks")
        running.result()
        cancelled = cancelling.result()
    assert cancelled.status == 200, cancelled.body
    assert counts(cancelled.body) == (0, 1000, 0, 1001)
    for step in chunks(desk, job):
        run(step)
    assert (show(desk, job)["state"], counts(show(desk, job))) == ("cancelled", (0, 1000, 0, 1001))


def waiting(desk: Desk) -> int:
    [found] = desk.sql("SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return int(found.n)
