"""Real processes start, answer, and stop as a deployment would stop them."""

import httpx

from tests.support.processes import Processes


def test_a_worker_answers_and_stops_cleanly(processes: Processes) -> None:
    worker = processes.start_worker("steps,sweeps", concurrency=1)

    assert worker.stop() == 0
    assert "Traceback" not in worker.output()


def test_a_killed_worker_is_gone_with_its_children(processes: Processes) -> None:
    worker = processes.start_worker("bulk", concurrency=2)

    worker.kill()

    assert not worker.is_running()


def test_beat_runs_until_it_is_stopped(processes: Processes) -> None:
    beat = processes.start_beat()
    beat.wait_for("beat: Starting")  # said once it listens to signals

    assert beat.is_running()
    assert beat.stop() == 0


def test_the_api_is_alive_and_ready(processes: Processes) -> None:
    web = processes.start_web()

    assert httpx.get(f"{web.url}/readyz").json() == {"status": "ready"}
    assert web.stop() == 0
