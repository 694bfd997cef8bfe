"""API and workers reach the database through PgBouncer in transaction mode."""

from collections.abc import Callable

from tests.support.chaos import Scene, call_task, escalation, ready
from tests.support.pooler import stored_settings
from tests.support.processes import wait_until


def test_worker_killed_behind_a_pooler_loses_and_repeats_no_step(scene: Scene, pooler: Callable[..., int]) -> None:
    with stored_settings(scene.postgres):
        _kill_a_worker(scene, pooler())


def _kill_a_worker(scene: Scene, port: int) -> None:
    scene.env["DATABASE_URL"] = f"postgresql://relance_web@127.0.0.1:{port}/relance"
    worker, beat = scene.start_worker(), scene.start_beat()
    clinic = scene.open(call_task(), escalation("3 seconds"))
    ready(worker)

    answers = clinic.capture(60)
    wait_until(lambda: scene.results.ended().total() > 30, 60, "30 steps to have ended")
    worker.kill()
    worker = scene.start_worker()

    assert [answer.status for answer in answers] == [201] * 60
    scene.results.wait_for({"speed-to-lead": 60, "no-contact": 60})
    scene.results.check(planned={"speed-to-lead": 60, "no-contact": 60})
    assert worker.is_running()
    assert beat.is_running()
