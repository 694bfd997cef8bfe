"""Start of a worker: checks in a fork, and the first connection of children."""

import os
import signal
from pathlib import Path

import pytest
from celery.signals import worker_process_init

from app.core.db import engine
from workers.app import CONNECT_LATER
from workers.start_checks import check_in_fork


def test_check_runs_in_another_process(tmp_path: Path) -> None:
    check_in_fork(lambda: (tmp_path / "pid").write_text(str(os.getpid())) and None)
    assert int((tmp_path / "pid").read_text()) not in {0, os.getpid()}


def test_failed_check_ends_the_worker_with_its_message(capfd: pytest.CaptureFixture[str]) -> None:
    def check() -> None:
        raise SystemExit("relance: a key is wrong")

    with pytest.raises(SystemExit) as end:
        check_in_fork(check)
    assert end.value.code == 1
    assert capfd.readouterr().err == "relance: a key is wrong\n"


def test_error_in_a_check_ends_the_worker_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def check() -> None:
        raise KeyError("unexpected")

    with pytest.raises(SystemExit):
        check_in_fork(check)
    assert "KeyError: 'unexpected'" in capfd.readouterr().err


def test_check_that_is_killed_ends_the_worker() -> None:
    with pytest.raises(SystemExit):
        check_in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL))


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("node", ["steps", "deliveries", "sweeps", *sorted(CONNECT_LATER)])
def test_child_connects_before_its_first_work_unless_that_may_wait(node: str) -> None:
    def check() -> None:
        worker_process_init.send(sender=f"{node}@host")
        assert f"Connections in pool: {int(node not in CONNECT_LATER)} " in engine().pool.status()

    check_in_fork(check)
