"""A process that runs steps and is killed before it commits: `python -m tests.support.dying ID...`.

It dies when the steps' ends and what follows in their sequences are written.
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


def _advance_and_die(*given: Any) -> None:
    _advance(*given)
    os.kill(os.getpid(), signal.SIGKILL)


_advance = effects_writer.advance_enrollments

if __name__ == "__main__":
    connect()
    effects_writer.advance_enrollments = _advance_and_die  # type: ignore[assignment]
    runner.run(Kind.CREATE_TASK, [UUID(id_) for id_ in sys.argv[1:]])
