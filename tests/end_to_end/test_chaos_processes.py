"""Workers are killed or stopped, and steps crash their process. Each step still runs exactly once."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.support.chaos import Scene, call_task, escalation, ready
from tests.support.processes import wait_until


def test_killed_workers_and_beat_lose_and_repeat_no_step(scene: Scene) -> None:
    crew = [scene.start_worker(), scene.start_beat()]
    clinic = scene.open(call_task(), escalation("3 seconds"))
    ready(crew[0])
    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(clinic.capture, 400)
        for enough in (60, 350):
            wait_until(lambda n=enough: scene.results.ended().total() > n, 60, f"{enough} steps to have ended")
            for process in crew:
                process.kill()
            ended, held = scene.results.ended().total(), scene.held()
            print(f"killed after {ended} of 800 steps, while {held} messages were held")
            assert ended < 800
            crew = [scene.start_worker(), scene.start_beat()]
        assert [answer.status for answer in captured.result()] == [201] * 400

    scene.results.wait_for({"speed-to-lead": 400, "no-contact": 400})
    scene.results.check(planned={"speed-to-lead": 400, "no-contact": 400})


def test_step_that_crashes_its_process_fails_and_others_run(scene: Scene) -> None:
    worker, beat = scene.start_worker(app="tests.support.crashing_worker"), scene.start_beat()
    clinic = scene.open(call_task())
    ready(worker)
    clinic.capture(20)

    scene.results.wait_for({"speed-to-lead": 20})
    scene.results.check(planned={"speed-to-lead": 20})
    assert scene.results.ends() == {("speed-to-lead", "done", None): 19, ("speed-to-lead", "failed", None): 1}
    [dead] = clinic.get("/api/steps", state="failed").json()["items"]
    assert (dead["attempts"], dead["error"]) == (5, "The process that ran it ended.")
    assert worker.is_running()
    assert beat.is_running()


def test_stopped_worker_finishes_its_step_and_returns_messages(scene: Scene) -> None:
    scene.env["HORIZON_SECONDS"] = "9"
    first = scene.start_worker("steps")
    clinic = scene.open(call_task(), escalation("8 seconds"))
    ready(first)
    clinic.capture(60)
    wait_until(lambda: scene.held() >= 5, 60, "the worker to hold messages")

    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(clinic.capture, 100, start=60)
        began = time.monotonic()
        code = first.stop()
        print(f"stopped in {time.monotonic() - began:.1f} s; {scene.waiting()} messages wait, {scene.held()} are held")
        assert code == 0
        assert scene.held() == 0
        assert [answer.status for answer in captured.result()] == [201] * 100
    scene.start_worker("steps")  # without beat, a message that was not returned would never run

    scene.results.wait_for({"speed-to-lead": 160, "no-contact": 160})
    scene.results.check(planned={"speed-to-lead": 160, "no-contact": 160})
