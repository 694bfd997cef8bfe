"""The master of the broker dies while workers hold messages; Valkey Sentinel makes the replica the master."""

from collections.abc import Callable
from typing import Final

from app.config import get_settings
from app.ops.stack.connectivity import broker_problem
from tests.support.chaos import QUICK, Scene, call_task, ready
from tests.support.processes import wait_until
from tests.support.sentinel import running_sentinels
from tests.support.step_copies import NAME, plan_copies

COPIES: Final = 600
# One step per message, held for a quarter of a minute.
ONE_EACH: Final = {**QUICK, "BATCH_SIZE": "1", "HORIZON_SECONDS": "40", "VISIBILITY_TIMEOUT": "60"}


def test_failover_of_the_broker_loses_and_repeats_no_step(scene: Scene, configure: Callable[..., None]) -> None:
    with running_sentinels() as sentinels:
        configure(**sentinels.env)
        assert broker_problem(get_settings()) is None
        scene.env = {**ONE_EACH, **sentinels.env}
        workers = [scene.start_worker("steps"), scene.start_worker("steps,sweeps")]
        beat = scene.start_beat()
        clinic = scene.open(call_task())
        ready(*workers)
        clinic.capture(1)
        wait_until(lambda: scene.results.ended()[NAME] == 1, 60, "the step of the first lead to end")
        with scene.postgres.connect("relance") as owner:
            plan_copies(owner, COPIES, seconds=15)
        wait_until(lambda: sentinels.held() >= COPIES // 4, 60, "the workers to hold messages")

        dead = sentinels.kill_master()
        wait_until(lambda: sentinels.master() != dead, 60, "the replica to become the master")
        during = clinic.capture(10, start=1)

        assert [answer.status for answer in during] == [201] * 10
        planned = {NAME: COPIES + 11}
        scene.results.wait_for(planned)
        scene.results.check(planned=planned)
        assert all(process.is_running() for process in [*workers, beat])
