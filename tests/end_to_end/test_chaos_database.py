"""PostgreSQL goes away under load. What was answered with success is kept; what was not may be tried again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.support.chaos import FOUND_AGAIN, Scene, call_task, escalation, ready
from tests.support.processes import wait_until


def test_every_lead_that_was_answered_with_success_outlives_restarts_of_the_database(scene: Scene) -> None:
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

    kept = scene.ledger.leads()
    taken = {answer.id for answer in answers if answer.status == 201}
    statuses, slowest = Counter(answer.status for answer in answers), max(answer.seconds for answer in answers)
    print(f"answers: {dict(statuses)}; {len(kept)} leads are kept; the slowest answer took {slowest:.2f} s")
    assert statuses.keys() <= {201, 503}
    assert taken <= kept
    assert len(kept) <= len(taken) + statuses[503]  # a commit whose answer was lost is kept too

    each = {"speed-to-lead": len(kept), "no-contact": len(kept)}
    scene.ledger.wait_for(each)
    scene.ledger.check(planned=each, late_at_most=FOUND_AGAIN)
    assert worker.is_running()
    assert beat.is_running()


def _wait_for_leads(scene: Scene, number: int) -> None:
    """Not for their tasks: where workers are slow, everybody would be taken in by then."""
    wait_until(lambda: len(scene.ledger.leads()) >= number, 60, f"{number} leads to be taken in")
