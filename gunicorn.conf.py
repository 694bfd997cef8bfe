"""Gunicorn configuration of the API. Gunicorn finds this file by its name."""

import gc
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn import util

bind = f"{os.environ.get('BIND_ADDRESS', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 20  # seconds for running requests after a stop signal
keepalive = 5
preload_app = True  # the port is opened after the application has loaded; before, a call is refused, not kept waiting

# On a slow disk, a late heartbeat file would make gunicorn kill the worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# TRUSTED_PROXIES alone decides which X-Forwarded headers are trusted.
forwarded_allow_ips = ""


WORKER_BOOT_ERROR = 3  # exit code of a worker, after which gunicorn ends; after others it starts a worker again


def on_starting(server: Any) -> None:
    """End before any worker starts if the keys are wrong. The check has a process of its own, as it opens the database.

    Gunicorn ends with a traceback if two workers fail to boot at once.
    """
    checker = os.fork()
    if checker == 0:
        code = 0
        with suppress(Exception):  # of a database that does not answer yet: the workers report it
            code = boot_error(server)
        os._exit(code)
    if code := os.waitstatus_to_exitcode(os.waitpid(checker, 0)[1]):
        sys.exit(code)


def boot_error(process: Any) -> int:
    """Check database session and keys; log what is wrong. Return the exit code. Benchmarks' applications have none."""
    if process.app.app_uri.startswith("app:"):
        from app.security.key_verification import require_valid_keys  # noqa: PLC0415  (benchmarks do not need it)

        try:
            require_valid_keys()
        except SystemExit as end:
            process.log.critical(end)
            return WORKER_BOOT_ERROR
    return 0


def post_worker_init(worker: Any) -> None:
    """Check again before the worker serves: the keys of the database may have changed since the start."""
    if code := boot_error(worker):
        sys.exit(code)
    if worker.app.app_uri.startswith("app:"):
        from app.http.request_metrics import start_writing  # noqa: PLC0415

        start_writing()
    gc.freeze()  # excludes imported objects from garbage collection, which shortens its pauses


def worker_exit(_: Any, worker: Any) -> None:
    """Write the last metrics of calls."""
    if worker.app.app_uri.startswith("app:"):
        from app.http.request_metrics import calls  # noqa: PLC0415

        calls.write(is_last=True)


def write_problem(connection: Any, status: int, title: str, detail: str) -> None:
    """Answer a request that gunicorn refuses before the application sees it, as a problem document (RFC 9457)."""
    code = title.lower().replace(" ", "-")
    problem = {"type": f"urn:relance:problem:{code}", "title": title, "status": status, "detail": detail or title}
    body = json.dumps({**problem, "instance": "", "request_id": None, "code": code}).encode()
    head = f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    util.write_nonblock(connection, f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin1") + body)


util.write_error = write_problem  # gunicorn has no setting for it, and would answer with HTML

control_socket_disable = True  # all installations of one user would share it
errorlog = "-"
accesslog = None  # the application logs each request, with its id and without personal data
