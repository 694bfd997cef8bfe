"""Command of workers: report which keys this worker has."""

from typing import Any

from celery.worker.control import inspect_command

from app.engine.statistics.process_keys import REPORT
from app.security.key_fingerprints import data_keys


@inspect_command(name=REPORT)
def report_keys(state: Any) -> dict[str, list[str]]:
    """Return the queues of the worker, and the fingerprints of its keys. They reveal no key."""
    queues = state.consumer.task_consumer.queues
    return {"queues": sorted(queue.name for queue in queues), "keys": list(data_keys().values())}
