"""Preload: a process that has imported the application, and runs parts as forks of itself.

Imports take most of the start of a part and most of its memory. Forks share both. `forked_parts.py` starts this module
with the number of a socket, and sends the requests.
"""

import gc
import hmac
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import setproctitle
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError
from sqlalchemy.orm import configure_mappers

from app.config import get_settings
from app.core.calendar.calendar import HolidayCalendar
from app.engine import broker
from app.ops.stack.part_process import MOST_BYTES, Request, die_with_parent

LIBRARIES = (
    *("celery.bin.celery", "celery.bin.worker", "celery.apps.worker", "celery.apps.beat", "celery.worker.consumer"),
    *("celery.worker.components", "celery.concurrency.prefork", "celery.fixups.django", "celery.events.state"),
    *("kombu.transport.redis", "redis.asyncio", "billiard.pool", "sqlalchemy.orm", "orjson", "yaml"),
    *("sqlalchemy.dialects.postgresql.psycopg", "pydantic_settings", "structlog", "flask_smorest", "jinja2.sandbox"),
    *("apispec.ext.marshmallow", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "httpx", "phonenumbers"),
    *("cryptography.hazmat.primitives.ciphers.aead", "argon2", "jwt", "holidays", "prometheus_client", "rapidfuzz"),
    *("holidays.countries.united_states", "python_calamine", "xlsxwriter", "email_validator", "rich.console"),
    *("alembic.config", "celery.app.control"),
)  # fmt: skip
APPLICATION = ("app.api.application", "app.ops.cli", "app.ops.mailbox.server", "workers.app")
# Parts of `relance serve` alone: what their `__main__` imports.
PARTS = (
    *("app.ops.echo.server", "app.ops.live_updates.feed", "app.ops.live_updates.receiver", "flower.command"),
    *("tornado.platform.asyncio", "workers.inbound.process"),
)


def import_modules(modules: Sequence[str] = (*LIBRARIES, *APPLICATION)) -> None:
    """Import the modules. The garbage collector leaves them alone, so that forks share their memory."""
    for name in modules:
        importlib.import_module(name)
    _prepare_first_uses()
    gc.collect()
    gc.freeze()


def _prepare_first_uses() -> None:
    """Do what a part would do at the first use of a library, so that forks share the memory: 20 MB in each of them."""
    configure_mappers()
    AESGCM(bytes(32)).encrypt(bytes(12), b"", None)  # OpenSSL loads its algorithms
    hmac.digest(b"-", b"", "sha256")
    HolidayCalendar("US")
    get_settings.cache_clear()
    get_settings()  # twice: Python optimizes functions that are called again
    broker.celery.finalize()


def run_module(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run `python -m module arguments` in this process, with exactly this environment."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    _reload_settings()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.argv = [module, *arguments]
    setproctitle.setproctitle(" ".join((sys.executable, "-m", *sys.argv)))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _reload_settings() -> None:
    """Make the imported application use the settings of the changed environment, as if it were imported now."""
    get_settings.cache_clear()
    with suppress(ValidationError):  # the module itself reports wrong settings when it reads them
        broker.celery.conf.update(broker.configuration(get_settings()))
        broker.celery.set_current()


def serve(supervisor: socket.socket) -> Request | None:
    """Start a fork for each request, and report forks that end.

    A request is a JSON object, with a file descriptor for the output. It is answered with `{"started": pid}`, and later
    with `{"ended": pid, "code": exit code}`. Returns the request in the fork that runs it. Returns None in this process
    when the supervisor has closed the socket.
    """
    with selectors.DefaultSelector() as sockets, _child_signals() as ended_children:
        sockets.register(supervisor, selectors.EVENT_READ)
        sockets.register(ended_children, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in sockets.select()}
            if ended_children in ready:
                ended_children.recv(MOST_BYTES)
                _report_ended(supervisor)
            if supervisor in ready:
                request, output = _receive(supervisor)
                if request is None or _is_fork(supervisor, output):
                    return request


def _child_signals() -> socket.socket:
    """Return a socket that can be read after children have ended."""
    sender, receiver = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return receiver


def _report_ended(supervisor: socket.socket) -> None:
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            _send(supervisor, ended=found[0], code=os.waitstatus_to_exitcode(found[1]))


def _receive(supervisor: socket.socket) -> tuple[Request | None, int]:
    """Return a request and the descriptor of its output. The request is None when the supervisor has closed."""
    packet, descriptors, _, _ = socket.recv_fds(supervisor, MOST_BYTES, 1)
    return (json.loads(packet), descriptors[0]) if packet else (None, -1)


def _is_fork(supervisor: socket.socket, output: int) -> bool:
    """Fork. Return True in the new process, False in this one."""
    parent = os.getpid()
    if os.fork():
        os.close(output)
        return False
    os.setsid()  # before the answer: from then on the supervisor may signal the group
    _send(supervisor, started=os.getpid())
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    supervisor.close()
    _redirect(output)
    return True


def _redirect(output: int) -> None:
    """Read nothing, and write both outputs to the descriptor."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)


def _send(supervisor: socket.socket, **answer: int) -> None:
    with suppress(OSError):  # the supervisor has ended
        supervisor.send(json.dumps(answer).encode())


if __name__ == "__main__":
    die_with_parent()
    setproctitle.setproctitle("relance: parent of the parts")
    import_modules((*LIBRARIES, *APPLICATION, *PARTS))
    if found := serve(socket.socket(fileno=int(sys.argv[1]))):
        run_module(found["module"], found["arguments"], found["environment"])
