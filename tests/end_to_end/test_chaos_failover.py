"""The primary of the database dies under load, and its synchronous replica takes over."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.ops.embedded import Postgres
from tests.support.chaos import Scene, call_task, escalation, ready
from tests.support.processes import wait_until
from tests.support.replica import is_alone, keep_in_step, running_replica


@pytest.fixture
def replica(scene: Scene, configure: Callable[..., None]) -> Iterator[Postgres]:
    """A synchronous replica, which all processes know as the second address of the database."""
    primary = scene.postgres
    with running_replica(primary) as replica:
        hosts = f"{primary.socket_folder},{replica.socket_folder}"
        url = f"postgresql://relance_web@/relance?host={hosts}&target_session_attrs=read-write"
        configure(database_url=url)
        scene.env["DATABASE_URL"] = url
        try:
            keep_in_step(primary)
            yield replica
        finally:
            scene.processes.kill_all()
            primary.start()
            is_alone(primary)


def test_failover_of_the_database_loses_and_repeats_no_step(scene: Scene, replica: Postgres) -> None:
    worker, beat = scene.start_worker(), scene.start_beat()
    clinic = scene.open(call_task(), escalation("2 seconds"))
    ready(worker)
    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(clinic.capture, 600)
        wait_until(lambda: len(scene.results.leads()) >= 100, 60, "100 captured leads")
        assert not captured.done()
        scene.postgres.kill()
        scene.postgres = replica
        with replica.connect() as owner:
            owner.execute("SELECT pg_promote()")
        answers = captured.result()

    kept = scene.results.leads()
    taken = {answer.id for answer in answers if answer.status == 201}
    statuses = Counter(answer.status for answer in answers)
    print(f"answers: {dict(statuses)}; {len(kept)} leads are stored")
    assert statuses.keys() <= {201, 503}
    assert len(taken) > 100, "captures go on after the failover"
    assert taken <= kept
    assert len(kept) <= len(taken) + statuses[503]  # a commit whose answer was lost is kept too

    each = {"speed-to-lead": len(kept), "no-contact": len(kept)}
    scene.results.wait_for(each)
    scene.results.check(planned=each)
    assert worker.is_running()
    assert beat.is_running()
