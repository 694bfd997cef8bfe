"""Relance's processes, started with the commands of the Procfile."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from app.ops.stack import procfile
from bench.processes import Processes
from bench.servers import Servers


@contextmanager
def running(servers: Servers, names: Sequence[str], env: Mapping[str, str]) -> Iterator[dict[str, Processes]]:
    """Start these parts, each in its own process group to measure its memory. They stop at the end of the block."""
    commands = procfile.parts()
    parts = {name: Processes(servers.folder / f"{name}.log") for name in names}
    programs = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        for name, part in parts.items():
            part.start(["/bin/sh", "-c", f"exec {commands[name].command}"], {**programs, **env})
        yield parts
    finally:
        with ThreadPoolExecutor(len(parts)) as side_by_side:  # a worker needs time to return its messages
            list(side_by_side.map(Processes.stop, parts.values()))


def check(parts: Mapping[str, Processes]) -> None:
    """Raise an error if any process has died."""
    for part in parts.values():
        part.check()
