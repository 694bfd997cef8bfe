"""Run steps and be killed before the commit: `python -m tests.support.worker_killed_before_commit ID...`.

The kill comes when the results of the steps and the next steps of their sequences are written.
"""

import os
import signal
import sys
from typing import Any
from uuid import UUID

from app.engine.models import Kind
from app.wiring import connect
from workers import runner
from workers.pipeline import effects_writer


def _advance_and_kill(*args: Any) -> None:
    _advance(*args)
    os.kill(os.getpid(), signal.SIGKILL)


_advance = effects_writer.advance_enrollments

if __name__ == "__main__":
    connect()
    effects_writer.advance_enrollments = _advance_and_kill  # type: ignore[assignment]
    runner.run(Kind.CREATE_TASK, [UUID(id_) for id_ in sys.argv[1:]])
