"""A worker that crashes: `celery -A tests.support.crashing_worker worker`. The task of one lead aborts its process.

This is like a fault in C code or a lack of memory: no exception, no clean-up and no log line.
"""

import os
from dataclasses import replace
from typing import Any

from app.engine.models import Kind
from app.engine.outcomes import Outcome
from app.engine.step_kind import STEP_KINDS
from workers.app import app

CRASHING = "Number 7"  # the last name of that lead

__all__ = ["app"]


def _decide(context: Any) -> Outcome:
    if context.lead.last_name == CRASHING:
        os.abort()
    outcome: Any = _sound.decide(context)
    return outcome


_sound = STEP_KINDS[Kind.CREATE_TASK]
STEP_KINDS.fill({**STEP_KINDS, _sound.name: replace(_sound, decide=_decide)}.values())
