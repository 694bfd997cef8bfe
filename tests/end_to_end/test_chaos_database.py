"""PostgreSQL restarts under load. Leads answered with success are kept; failed requests can be repeated."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.support.chaos import Scene, call_task, escalation, ready
from tests.support.processes import wait_until


def test_leads_answered_with_success_survive_database_restarts(scene: Scene) -> None:
    worker, beat = scene.start_worker(), scene.start_beat()
    clinic = scene.open(call_task(), escalation("2 seconds"))
    ready(worker)
    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(clinic.capture, 600)
        _wait_for_leads(scene, 100)
        scene.postgres.stop()
        scene.postgres.start()
        _wait_for_leads(scene, 250)
        scene.postgres.kill()
        scene.postgres.start()
        assert not captured.done()
        answers = captured.result()

    kept = scene.results.leads()
    taken = {answer.id for answer in answers if answer.status == 201}
    statuses, slowest = Counter(answer.status for answer in answers), max(answer.seconds for answer in answers)
    print(f"answers: {dict(statuses)}; {len(kept)} leads are stored; the slowest answer took {slowest:.2f} s")
    assert statuses.keys() <= {201, 503}
    assert taken <= kept
    assert len(kept) <= len(taken) + statuses[503]  # a commit whose answer was lost is kept too

    each = {"speed-to-lead": len(kept), "no-contact": len(kept)}
    scene.results.wait_for(each)
    scene.results.check(planned=each)
    assert worker.is_running()
    assert beat.is_running()


def _wait_for_leads(scene: Scene, number: int) -> None:
    """Wait for leads, not for their tasks: slow workers would finish after the last capture."""
    wait_until(lambda: len(scene.results.leads()) >= number, 60, f"{number} captured leads")
