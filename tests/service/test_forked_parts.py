"""Parts of `relance serve` run as forks of one process, which has imported the application."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from app.ops.stack import forked_parts as module
from app.ops.stack.forked_parts import forked_parts
from app.ops.stack.part_process import StartPart
from app.ops.stack.procfile import Part
from tests.support.processes import wait_until

SLEEP = Part("sleep", "python -m timeit -n 1 -s 'import time' 'time.sleep(600)'")


@contextmanager
def parent_of_parts() -> Iterator[tuple[StartPart, psutil.Process]]:
    before = {child.pid for child in psutil.Process().children()}
    with forked_parts() as start:
        (parent,) = [child for child in psutil.Process().children() if child.pid not in before]
        yield start, parent


async def run(start: StartPart, command: str, **environment: str) -> tuple[int, str]:
    """Return the exit code and the output of a part."""
    process = await start(Part("one", command), environment)
    assert process.stdout
    output = await process.stdout.read()
    return await process.wait(), output.decode()


def test_part_is_a_fork_with_its_own_environment_and_arguments() -> None:
    with parent_of_parts() as (start, parent):

        async def scene() -> None:
            shown = 'import os, sys; print(os.environ["LOG_LEVEL"], os.environ["A"], "flask" in sys.modules)'
            command = f"env LOG_LEVEL=${{LEVEL:-ERROR}} A=b python -m timeit -n 1 -r 1 '{shown}'"
            code, output = await run(start, command, LEVEL="DEBUG")
            assert (code, output.splitlines()[0]) == (0, "DEBUG b True")
            process = await start(SLEEP, {})
            forked = psutil.Process(process.pid)
            assert (forked.ppid(), os.getsid(process.pid)) == (parent.pid, process.pid)
            wait_until(lambda: "timeit" in " ".join(forked.cmdline()), 60, "the name of the part")
            os.kill(process.pid, signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL

        asyncio.run(scene())
    assert not parent.is_running()


def test_settings_are_those_of_the_part() -> None:
    """The settings of the imports, which are placeholders, are read again."""
    command = "python -m app.ops.cli steps stats"
    given = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", "SECRET_KEY": "1", "RELANCE_ENV": "production"}
    with parent_of_parts() as (start, _):
        code, output = asyncio.run(run(start, command, **given))
    assert (code, "SECRET_KEY must be random" in output) == (2, True), output


def test_program_that_is_no_module_is_started_itself() -> None:
    with parent_of_parts() as (start, _):
        code, output = asyncio.run(run(start, "sh -c 'echo $PPID; exit 3'"))
    assert (code, int(output)) == (3, os.getpid())


def test_parts_end_with_their_parent_and_start_again_without_it() -> None:
    with parent_of_parts() as (start, parent):

        async def scene() -> None:
            first = await start(SLEEP, {})
            parent.kill()
            assert await asyncio.wait_for(first.wait(), 60) == -signal.SIGKILL
            wait_until(lambda: not psutil.pid_exists(first.pid), 60, "the part to end with its parent")
            second = await start(SLEEP, {})
            assert psutil.Process(second.pid).ppid() == os.getpid()
            os.kill(second.pid, signal.SIGKILL)
            await second.wait()

        asyncio.run(scene())


def test_frozen_parent_is_killed_and_starts_no_part_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with parent_of_parts() as (start, parent):

        async def scene() -> None:
            monkeypatch.setattr(module, "PATIENCE", 60)
            assert (await run(start, "python -m timeit -n 1 1"))[0] == 0  # the imports are done
            monkeypatch.setattr(module, "PATIENCE", 1)
            parent.suspend()
            process = await start(SLEEP, {})
            assert psutil.Process(process.pid).ppid() == os.getpid()
            wait_until(lambda: parent.status() == psutil.STATUS_ZOMBIE, 60, "the frozen parent to end")
            assert [child.pid for child in parent.children()] == []
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()

        asyncio.run(scene())
