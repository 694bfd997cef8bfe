"""Processes of this installation on this host that run but do not answer."""

import os
import time

import psutil

_MODULES = {"inbound": "workers.inbound", "stream": "app.ops.live_updates"}  # of parts that are no Celery workers
STARTING = 30.0  # seconds that a process may take to start


def advice_for_silent(part: str, otherwise: str) -> str:
    """Return how to bring back a part that gives no sign of life: a frozen process has to end before it is started."""
    process = _process_of(part)
    if process is None:
        return otherwise
    if process.status() == psutil.STATUS_STOPPED:
        return f"process {process.pid} is stopped by a signal: run `kill -CONT {process.pid}`, {_else(process)}"
    if time.time() - process.create_time() < STARTING:
        return f"process {process.pid} has just started: wait half a minute and run `relance doctor` again"
    return f"process {process.pid} runs but does not answer: wait for it, {_else(process)}"


def _else(process: psutil.Process) -> str:
    return (
        f"or end it with `kill -9 {process.pid}`; its supervisor starts it again (`relance serve` does that by itself)"
    )


def _process_of(part: str) -> psutil.Process | None:
    """Return the main process of a part that works for the same broker."""
    found = {process.pid: process for process in psutil.process_iter(["cmdline"]) if _runs(process, part)}
    return next((process for process in found.values() if process.ppid() not in found), None)


def _runs(process: psutil.Process, part: str) -> bool:
    command = process.info["cmdline"] or []
    queues = command[command.index("-Q") + 1].split(",") if "-Q" in command[:-1] else []
    is_celery = "workers.app" in command and (part in queues or (part == "beat" and "beat" in command))
    if not (is_celery or (part in _MODULES and _MODULES[part] in command)):
        return False
    try:
        return process.environ().get("BROKER_URL") == os.environ.get("BROKER_URL")
    except psutil.Error:
        return False
