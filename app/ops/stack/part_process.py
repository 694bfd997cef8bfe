"""Start a part of the Procfile as a process of its own."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from app.ops.stack.procfile import ROOT, Part

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
MOST_BYTES = 1 << 20  # of a request to fork, which holds the environment

Request = Mapping[str, Any]  # to fork: module, arguments, environment


class PartProcess(Protocol):
    """A running part. Its output ends when all its processes have closed it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    async def wait(self) -> int:
        """Wait for the end of the process. Returns its exit code, or the negative number of the signal."""


StartPart = Callable[[Part, Mapping[str, str]], Awaitable[PartProcess]]


async def start_part(part: Part, environment: Mapping[str, str]) -> PartProcess:
    """Start the part in a process group of its own, with these variables added to the environment."""
    return await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        f"exec {part.command}",
        cwd=ROOT,
        env={**part_environment(part), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def part_environment(part: Part) -> dict[str, str]:
    """Return this process's environment, with its own programs first in PATH, and the name of the part for traces."""
    programs = str(Path(sys.executable).parent)
    return {
        "OTEL_SERVICE_NAME": f"relance-{part.name}",
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def die_with_parent() -> None:
    """On Linux, end this process when its parent is killed. Elsewhere its port stays taken."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
