"""pg_dump, pg_restore and psql: those of the embedded PostgreSQL, of PATH, or of Debian's packages."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from app.core.database.plain_url import plain_url
from app.errors import RelanceError
from app.ops.embedded import CannotStart
from app.ops.embedded.postgres_install import error_line, programs

PROGRAMS: Final = ("pg_dump", "pg_restore", "psql")
PACKAGES: Final = Path("/usr/lib/postgresql")  # where Debian installs each version
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")


class ToolsMissing(RelanceError):
    """The client programs of PostgreSQL are missing."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of one version."""

    folder: Path
    major: int

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return a command line with this version's program."""
        return [str(self.folder / program), *arguments]


def find_tools(server_major: int) -> Tools:
    """Return the programs of the server's version; if there are none, those of the next newer one.

    Raises ToolsMissing. Older programs cannot read a newer server.
    """
    fitting = sorted((tools for tools in _installed() if tools.major >= server_major), key=lambda tools: tools.major)
    if not fitting:
        raise ToolsMissing(
            f"pg_dump, pg_restore and psql of version {server_major} or newer are missing: install them"
            f" (Debian: apt install postgresql-client-{server_major})"
        )
    return fitting[0]


def _installed() -> Iterator[Tools]:
    for folder in _folders():
        if all((folder / program).exists() for program in PROGRAMS) and (major := _major(folder)):
            yield Tools(folder, major)


def _folders() -> Iterator[Path]:
    with suppress(CannotStart):  # not installed on this platform
        yield programs()
    yield from sorted(PACKAGES.glob("*/bin"))
    if found := shutil.which("pg_dump"):
        yield Path(found).parent


def _major(folder: Path) -> int | None:
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False)
    found = _VERSION.search(said.stdout)
    return int(found[1]) if found else None


def libpq_environment(url: str) -> Mapping[str, str]:
    """Return the environment for a client program of PostgreSQL. Other users see no password in its arguments."""
    names = {option.keyword.decode(): option.envvar for option in Conninfo.get_defaults()}
    given = {
        variable.decode(): str(value)
        for name, value in conninfo_to_dict(plain_url(url)).items()
        if (variable := names.get(name)) and value is not None
    }
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, **given}


def last_error(file: IO[bytes]) -> str:
    """Return the reason in a program's error output, in one line."""
    file.seek(0)
    return error_line(file.read().decode(errors="replace"))
