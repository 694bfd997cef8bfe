"""Start Python processes as forks of one that has already imported the application: `python -m module`, but faster.

Imports take most of a process's start. `ForkServer` imports the libraries and the application once per test process.
Each fork then reads the settings from its own environment. Processes started without the fork server are covered by
`end_to_end/test_serve.py`.

fork_server().start("celery", ["-A", "workers.app", "worker"], env=..., log=Path(...))     # -> a Fork, like a Popen
run_module("app.ops.cli", "simulate", env=...)                                                 # -> a CompletedProcess
"""

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.config import get_settings
from app.engine import broker
from tests.support.environment import ROOT

LIBRARIES = (
    *("celery.bin.celery", "celery.bin.worker", "celery.apps.worker", "celery.apps.beat", "celery.worker.consumer"),
    *("celery.worker.components", "celery.concurrency.prefork", "celery.fixups.django", "celery.events.state"),
    *("kombu.transport.redis", "redis.asyncio", "billiard.pool", "sqlalchemy.orm", "orjson", "yaml"),
    *("sqlalchemy.dialects.postgresql.psycopg", "pydantic_settings", "structlog", "flask_smorest", "jinja2.sandbox"),
    *("apispec.ext.marshmallow", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "httpx", "phonenumbers"),
    *("cryptography.hazmat.primitives.ciphers.aead", "argon2", "jwt", "holidays", "prometheus_client", "rapidfuzz"),
    *("holidays.countries", "python_calamine", "xlsxwriter", "email_validator", "rich.console", "alembic.config"),
)  # fmt: skip
APPLICATION = ("app.api.application", "app.ops.cli", "app.ops.mailbox", "workers.app")


@dataclass
class Fork:
    """A process that the server started, with the part of Popen's interface that tests need."""

    pid: int
    _server: "ForkServer"
    _code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs, or the negative number of the signal that ended it."""
        if self._code is None:
            self._code = self._server.ask(poll=self.pid)
        return self._code

    def wait(self, patience: float = 60) -> int:
        """Return the exit code. Raises `subprocess.TimeoutExpired` after `patience` seconds."""
        deadline = time.monotonic() + patience
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), patience)
            time.sleep(0.02)
        return code

    def terminate(self) -> None:
        """Send SIGTERM unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


@dataclass
class ForkServer:
    """The server's process. It ends with the process that created it."""

    _process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(
        self, module: str, arguments: Sequence[str], *, env: Mapping[str, str], log: Path, errors: Path | None = None
    ) -> Fork:
        """Run `python -m module arguments` with that environment. `errors`, if given, receives standard error."""
        outputs = [str(log), str(errors or log)]
        return Fork(self.ask(run=module, arguments=list(arguments), env=dict(env), outputs=outputs), self)

    def ask(self, **request: Any) -> Any:
        """Send a request as a line of JSON and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@cache
def fork_server() -> ForkServer:
    """Return the fork server of this test process."""
    return ForkServer()


def run_module(module: str, *arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` until it ends, with exactly that environment."""
    with tempfile.TemporaryDirectory() as folder:
        log, errors = Path(folder) / "out", Path(folder) / "err"
        code = fork_server().start(module, arguments, env=env, log=log, errors=errors).wait(120)
        return subprocess.CompletedProcess([module, *arguments], code, log.read_text(), errors.read_text())


def serve() -> Mapping[str, Any] | None:
    """Answer requests. Return the request in each fork, and None in the server when standard input is closed."""
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            answer = _exit_code(request["poll"])
            print(json.dumps(answer), flush=True)
        elif os.fork() == 0:
            return dict(request)
    return None


def _exit_code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def become(request: Mapping[str, Any]) -> None:
    """Answer with the process id and run the requested module in this fork, in a session of its own."""
    os.setsid()
    print(json.dumps(os.getpid()), flush=True)
    os.environ.clear()
    os.environ.update(request["env"])
    reload_settings()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(request["outputs"], start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.argv = [request["run"], *request["arguments"]]
    runpy.run_module(request["run"], run_name="__main__", alter_sys=True)


def reload_settings() -> None:
    """Make the imported application use the settings of the changed environment, as if it were imported now."""
    get_settings.cache_clear()
    with suppress(ValidationError):  # the module itself reports wrong settings when it reads them
        fresh = broker.make_celery(get_settings())
        schedule = broker.celery.conf.beat_schedule  # set by `workers.app`; it depends on no setting
        broker.celery.conf.update({**fresh.conf.changes, "beat_schedule": schedule})
        broker.celery.set_current()


if __name__ == "__main__":
    for name in (*LIBRARIES, *APPLICATION):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    if (request := serve()) is not None:
        become(request)
