"""The version of Relance before the last five migrations, from the history of the repository.

earlier = EarlierVersion.extract(folder, processes)      # None without that history
earlier.relance("init", env=...)
web = earlier.processes.start_web(env=...)
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.support.environment import ROOT
from tests.support.processes import Process, Processes

MIGRATIONS: Final = 5  # of an upgrade; a version may remove only what the version before does not use
COMMAND: Final = "import sys; from app.ops.cli import main; sys.argv[0] = 'relance'; main()"


@dataclass
class _OfFolder(Processes):
    """Starts processes with the code in a folder."""

    folder: Path = ROOT

    def start(
        self, name: str, module: str, arguments: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Process:
        """Run `python -m module` in the folder with the tests' environment and `env` on top."""
        log = self.new_log(name)
        with log.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(self.folder), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        process = Process(name, log, child)
        self.started.append(process)
        return process


@dataclass(frozen=True)
class EarlierVersion:
    """The code of an earlier commit, in a folder of its own."""

    commit: str
    folder: Path
    processes: Processes

    @classmethod
    def extract(cls, folder: Path, processes: Processes) -> Self | None:
        """Write the files of that commit into the folder. Returns None if the history does not have it."""
        first = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))[-MIGRATIONS].relative_to(ROOT)
        added = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", str(first))
        commit = _git("rev-parse", "--verify", "--quiet", f"{added}^") if added else ""
        if not commit:
            return None
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
        return cls(commit, folder, _OfFolder(processes.logs, processes.started, folder))

    def relance(self, *arguments: str, env: Mapping[str, str], stdin: str = "") -> None:
        """Run a command of this version. Raises AssertionError with its output if it fails."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), **env},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"relance {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"


def _git(*arguments: str) -> str:
    """Return what git prints; nothing without git or outside a repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
