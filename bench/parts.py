"""Relance's own processes, started by the lines of its Procfile and watched from outside."""

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
    """Start these parts; each by itself, so that each one's memory can be told. They end with the block."""
    commands = procfile.parts()
    parts = {name: Processes(servers.folder / f"{name}.log") for name in names}
    programs = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        for name, part in parts.items():
            part.start(["/bin/sh", "-c", f"exec {commands[name].command}"], {**programs, **env})
        yield parts
    finally:
        with ThreadPoolExecutor(len(parts)) as side_by_side:  # a worker takes its time to put back what it holds
            list(side_by_side.map(Processes.stop, parts.values()))


def check(parts: Mapping[str, Processes]) -> None:
    """Raise if any has died."""
    for part in parts.values():
        part.check()
