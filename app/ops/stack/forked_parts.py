"""Start parts as forks of a process that has imported the application (`preload.py`)."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from app.ops.stack.part_process import MOST_BYTES, PartProcess, Request, StartPart, part_environment, start_part
from app.ops.stack.procfile import ROOT, Part

PATIENCE: Final = 60  # seconds for the imports and a fork
ENDING: Final = 5  # seconds
KILLED: Final = -9  # code of a part whose parent was killed; its real code is unknown
COMMAND_LINES: Final = {"celery", "gunicorn"}  # programs that are modules of the same name
INHERITED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "RELANCE_HOME")
# Each fork reads its own settings. The imports need some.
ANY_SETTINGS: Final = {
    "SECRET_KEY": "no key, only for the imports of the parts",
    "DATABASE_URL": "postgresql://127.0.0.1/-",
    "BROKER_URL": "redis://127.0.0.1/0",
}


@dataclass(eq=False)
class ForkedProcess:
    """A part that was forked. See PartProcess."""

    pid: int
    stdout: asyncio.StreamReader | None
    returncode: int | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> int:
        """Wait for the end of the process. Returns its exit code, or the negative number of the signal."""
        await self._ended.wait()
        return KILLED if self.returncode is None else self.returncode

    def end(self, code: int) -> None:
        """Store the exit code and release those who wait for it."""
        self.returncode = code
        self._ended.set()


class ForkedParts:
    """The parent of the parts. Parts that it cannot fork are started as processes of their own."""

    def __init__(self, parent: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._parent, self._connection = parent, connection
        self._running: dict[int, ForkedProcess] = {}
        self._one_at_a_time = asyncio.Lock()
        self._output: asyncio.StreamReader | None = None  # of the part that is being started
        self._started: asyncio.Queue[ForkedProcess | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None

    async def start(self, part: Part, environment: Mapping[str, str]) -> PartProcess:
        """Start the part in a process group of its own, with these variables added to the environment."""
        request = await _request_of(part, environment)
        async with self._one_at_a_time:
            forked = await self._fork(request) if request else None
        return forked or await start_part(part, environment)

    async def _fork(self, request: Request) -> ForkedProcess | None:
        """Return None if the parent has ended, or does not answer and is killed."""
        self._reading = self._reading or asyncio.create_task(self._read())
        try:
            await self._send(request)
            return await asyncio.wait_for(self._started.get(), PATIENCE)
        except TimeoutError:
            self._parent.kill()  # otherwise it would start the part later, a second time
        except OSError:
            pass
        return None

    async def _send(self, request: Request) -> None:
        readable, writable = os.pipe()
        self._output = output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), os.fdopen(readable, "rb", 0))
        try:
            socket.send_fds(self._connection, [json.dumps(request).encode()], [writable])
        finally:
            os.close(writable)

    async def _read(self) -> None:
        """Read the answers of the parent. When it ends, its parts do, too."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # reset, if the parent was killed
            while answer := await loop.sock_recv(self._connection, MOST_BYTES):
                self._take(json.loads(answer))
        for process in self._running.values():
            process.end(KILLED)
        self._started.put_nowait(None)

    def _take(self, answer: Mapping[str, int]) -> None:
        if "started" in answer:
            process = self._running[answer["started"]] = ForkedProcess(answer["started"], self._output)
            self._started.put_nowait(process)
        else:
            self._running.pop(answer["ended"]).end(answer["code"])


@contextmanager
def forked_parts() -> Iterator[StartPart]:
    """Start the parent of the parts. Yields the function that starts a part; ends the parent at the end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.setblocking(False)
        with theirs:
            parent = _start_parent(theirs.fileno())
        yield ForkedParts(parent, ours).start
    try:
        parent.wait(ENDING)
    except subprocess.TimeoutExpired:
        parent.kill()


def _start_parent(descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.ops.stack.preload", str(descriptor)],
        cwd=ROOT,
        env={name: os.environ[name] for name in INHERITED if name in os.environ} | ANY_SETTINGS,
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
        start_new_session=True,
    )


async def _request_of(part: Part, environment: Mapping[str, str]) -> Request | None:
    """Return the Python module that the part runs, with its arguments and environment. None if it is none."""
    variables, words = await _expand(part, environment)
    module, arguments = _module(words)
    environment = part_environment(part) | dict(environment) | variables
    return {"module": module, "arguments": arguments, "environment": environment} if module else None


async def _expand(part: Part, environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Let the shell expand the command of a part. Returns the variables that `env` sets, and the words that follow."""
    shell = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"set -- {part.command}\nprintf '%s\\0' \"$@\""),
        env=part_environment(part) | dict(environment),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await shell.communicate()
    words = output.decode().split("\0")[:-1]
    variables: dict[str, str] = {}
    if words[:1] == ["env"]:
        given = list(takewhile(lambda word: "=" in word, words[1:]))
        variables, words = dict(word.split("=", 1) for word in given), words[1 + len(given) :]
    return variables, words


def _module(words: list[str]) -> tuple[str | None, list[str]]:
    """Return the module of a command line, and its arguments."""
    if words[:2] == ["python", "-m"]:
        return words[2], words[3:]
    return (words[0], words[1:]) if words[:1] and words[0] in COMMAND_LINES else (None, [])
