"""A worker with a fault: `celery -A tests.support.crashing worker`. One lead's task kills the process that makes it.

As a fault in C or too little memory does: no exception, no clean-up, nothing written down.
"""

import os
from dataclasses import replace
from typing import Any

from app.engine.models import Kind
from app.engine.outcomes import Outcome
from app.engine.step_kind import STEP_KINDS
from workers.app import app

DEADLY = "Number 7"  # the last name of that lead

__all__ = ["app"]


def _decide(context: Any) -> Outcome:
    if context.lead.patient_last_name == DEADLY:
        os.abort()
    outcome: Any = _sound.decide(context)
    return outcome


_sound = STEP_KINDS[Kind.CREATE_TASK]
STEP_KINDS.fill({**STEP_KINDS, _sound.name: replace(_sound, decide=_decide)}.values())
