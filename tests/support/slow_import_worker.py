"""Worker that waits before the commit of an import's first chunk: `celery -A tests.support.slow_import_worker worker`.

The rows of the chunk are written. A test then kills the worker.
"""

import os
import time
from typing import Any

from app.leads.capture.imports import job
from workers.app import app

__all__ = ["app"]


def _write_and_wait(session: Any, context: Any, rows: Any, ends: Any, **more: Any) -> None:
    _write_rows(session, context, rows, ends, **more)
    if 0 in rows:
        os.write(2, b"The first chunk is written.")
        time.sleep(60)


_write_rows = job.write_rows
job.write_rows = _write_and_wait
