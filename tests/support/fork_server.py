"""Start Python processes as forks of one that has already imported the application: `python -m module`, but faster.

Imports take most of a process's start. The fork server imports the libraries and the application once per run, for all
test processes. Each fork then reads the settings from its own environment. Processes started without the fork server
are covered by `end_to_end/test_serve.py`.

fork_server().start("celery", ["-A", "workers.app", "worker"], env=..., log=Path(...))     # -> a Fork, like a Popen
run_module("app.ops.cli", "simulate", env=...)                                                 # -> a CompletedProcess
"""

import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from app.ops.stack import preload
from tests.support.environment import ROOT, this_run


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


class ForkServer:
    """A connection to the server of this run."""

    def __init__(self, socket_path: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        try:
            self._connection.connect(str(socket_path))
        except OSError:
            self._connection.close()
            raise
        self._stream = self._connection.makefile("rw")

    def start(
        self, module: str, arguments: Sequence[str], *, env: Mapping[str, str], log: Path, errors: Path | None = None
    ) -> Fork:
        """Run `python -m module arguments` with that environment. `errors`, if given, receives standard error."""
        outputs = [str(log), str(errors or log)]
        return Fork(self.ask(run=module, arguments=list(arguments), env=dict(env), outputs=outputs), self)

    def ask(self, **request: Any) -> Any:
        """Send a request as a line of JSON and return the answer."""
        print(json.dumps(request), file=self._stream, flush=True)
        return json.loads(self._stream.readline())


@cache
def fork_server() -> ForkServer:
    """Return this process's connection. The first process of the run to ask starts the server."""
    socket_path = this_run() / "fork-server.socket"
    with (this_run() / "fork-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(OSError):
            return ForkServer(socket_path)
        _start_server(socket_path)
        return ForkServer(socket_path)


def _start_server(socket_path: Path) -> None:
    """Start the server. Return when it accepts connections."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fork_server", str(socket_path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout
    with server.stdout:
        assert server.stdout.readline(), "the fork server ended at its start"


def run_module(module: str, *arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` until it ends, with exactly that environment."""
    with tempfile.TemporaryDirectory() as folder:
        log, errors = Path(folder) / "out", Path(folder) / "err"
        code = fork_server().start(module, arguments, env=env, log=log, errors=errors).wait(120)
        return subprocess.CompletedProcess([module, *arguments], code, log.read_text(), errors.read_text())


def serve(socket_path: Path) -> Mapping[str, Any] | None:
    """Answer requests. Return the request in each fork, and None in the server when the last test process has ended."""
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as sockets:
        listener.bind(str(socket_path))
        listener.listen()
        print("ready", flush=True)
        _welcome(listener, sockets)
        sockets.register(listener, selectors.EVENT_READ)
        while len(sockets.get_map()) > 1:
            for key, _ in sockets.select():
                if key.fileobj is listener:
                    _welcome(listener, sockets)
                elif (request := _answer(key, sockets)) is not None:
                    return request
    socket_path.unlink()
    return None


def _welcome(listener: socket.socket, sockets: selectors.BaseSelector) -> None:
    """Accept a test process."""
    connection, _ = listener.accept()
    sockets.register(connection, selectors.EVENT_READ, data=connection.makefile("rw"))


def _answer(key: selectors.SelectorKey, sockets: selectors.BaseSelector) -> Mapping[str, Any] | None:
    """Answer one request of a test process. Return it in the fork that runs it."""
    if not (line := key.data.readline()):  # the test process has ended
        _close(sockets.unregister(key.fileobj))
        return None
    request = json.loads(line)
    if "poll" in request:
        print(json.dumps(_exit_code(request["poll"])), file=key.data, flush=True)
    elif os.fork() == 0:
        os.setsid()  # before the answer: from then on the test process may signal the group
        print(json.dumps(os.getpid()), file=key.data, flush=True)
        for other in [one for one in sockets.get_map().values() if one.data]:
            _close(other)
        return dict(request)
    return None


def _close(client: selectors.SelectorKey) -> None:
    client.data.close()
    cast("socket.socket", client.fileobj).close()


def _exit_code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def become(request: Mapping[str, Any]) -> None:
    """Run the requested module in this fork."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, output in enumerate(request["outputs"], start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
    preload.run_module(request["run"], request["arguments"], request["env"])


if __name__ == "__main__":
    preload.import_modules()
    if (request := serve(Path(sys.argv[1]))) is not None:
        become(request)
