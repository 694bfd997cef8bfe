"""A process that runs steps and is killed before it commits: `python -m tests.support.dying ID...`.

It dies when the steps' ends and what follows in their sequences are written.
"""

import os
import signal
import sys
from typing import Any
from uuid import UUID

from app.automation.models import Kind
from workers import runner, writing


def _advance_and_die(*given: Any) -> None:
    _advance(*given)
    os.kill(os.getpid(), signal.SIGKILL)


_advance = writing.advance_enrollments

if __name__ == "__main__":
    writing.advance_enrollments = _advance_and_die  # type: ignore[assignment]
    runner.run(Kind.CREATE_TASK, [UUID(id_) for id_ in sys.argv[1:]])
