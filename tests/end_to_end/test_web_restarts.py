"""Restarts of the API behind a socket that the service manager holds, as with `relance-web.socket`."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.ops.embedded import Postgres, Valkey
from tests.support.environment import ROOT, this_process
from tests.support.processes import is_live, wait_until

RESTARTS = 5
PAUSE = 1 / 200  # seconds between two calls
PATIENCE = 120  # seconds; on a busy machine a start takes long
PASSED_ON = 3  # descriptor of the first socket, as systemd defines it
# The service manager names the process in its environment.
ACTIVATE = f"""
import os, sys
os.dup2(int(sys.argv[1]), {PASSED_ON})
os.environ |= {{"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}}
os.execv(sys.executable, [sys.executable, "-m", "app.ops.cli", "serve", "web"])
"""


@pytest.fixture
def held() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        yield listener


@contextmanager
def web(held: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """Start `relance serve web` with the socket."""
    own = {"RELANCE_ENV": "production", "WEB_WORKERS": "2", "PORT": str(held.getsockname()[1])}
    with (this_process() / "web-restarts.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", ACTIVATE, str(held.fileno())],
            cwd=ROOT,
            env={**os.environ, **own},
            pass_fds=[held.fileno()],
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def wait_until_live(process: subprocess.Popen[bytes], port: int) -> None:
    ready = f"http://127.0.0.1:{port}/livez"
    wait_until(lambda: is_live(ready) or process.poll() is not None, PATIENCE, "the API to answer")
    assert process.poll() is None, (this_process() / "web-restarts.log").read_text()[-4000:]


async def call(port: int) -> str:
    """Make one call on a new connection. Returns its status, or the name of the error."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /livez HTTP/1.1\r\nHost: clinic.example\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer[9:12].decode()
    except (OSError, TimeoutError) as error:
        return type(error).__name__


async def call_until(stop: asyncio.Event, port: int) -> Counter[str]:
    """Begin a call every few milliseconds, whether or not those before have ended. Returns the results."""
    calls = []
    while not stop.is_set():
        calls.append(asyncio.create_task(call(port)))
        await asyncio.sleep(PAUSE)
    return Counter(await asyncio.gather(*calls))


async def restart_meanwhile(held: socket.socket) -> Counter[str]:
    port, stop = held.getsockname()[1], asyncio.Event()
    calling = None
    for _ in range(RESTARTS + 1):
        with web(held) as process:
            await asyncio.to_thread(wait_until_live, process, port)
            calling = calling or asyncio.create_task(call_until(stop, port))
            await asyncio.sleep(1)
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, PATIENCE)
    with web(held):
        stop.set()
        assert calling is not None
        return await calling


@pytest.mark.usefixtures("clean_database", "clean_broker")
def test_200_calls_a_second_through_five_restarts_are_all_answered(
    held: socket.socket, postgres: Postgres, valkey: Valkey
) -> None:
    results = asyncio.run(restart_meanwhile(held))

    assert results.keys() == {"200"}, results
    assert results["200"] > 100 * RESTARTS
