"""Write the folder of a release, `releases/VERSION`, from the current code: `make release`.

openapi.json    the API description
schema.sql      the schema that the migrations create, with the rows that they insert

Tests compare later versions with both files. They need no history of the repository.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.ops.backup.tools import find_tools, libpq_environment
from app.ops.embedded import Postgres
from tests.support import environment
from tests.support.environment import ROOT

RELEASES: Final = ROOT / "releases"
POSTGRES: Final = 18
# They differ between two dumps of one database: versions of PostgreSQL, and a random word for psql.
_CHANGING: Final = ("-- Dumped ", "\\restrict ", "\\unrestrict ")


def package_version() -> str:
    """Return the version in pyproject.toml, which the installed package has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def released() -> Sequence[Path]:
    """Return the folders of all releases, the earliest first."""
    return sorted(RELEASES.glob("[0-9]*"), key=lambda folder: [int(part) for part in folder.name.split(".")])


def dump(url: str) -> str:
    """Return a database as SQL. Two dumps of one database are equal."""
    command = find_tools(POSTGRES).command("pg_dump", "--no-owner", "--inserts")
    done = subprocess.run(command, env=libpq_environment(url), capture_output=True, text=True, check=True)
    lines = (line for line in done.stdout.splitlines(keepends=True) if not line.startswith(_CHANGING))
    return "".join(lines)


def write(folder: Path, url: str) -> None:
    """Write both files into a new folder. The database at `url` is empty and migrated."""
    folder.mkdir(parents=True)
    (folder / "schema.sql").write_text(dump(url))
    shutil.copy(ROOT / "docs" / "openapi.json", folder / "openapi.json")


@contextmanager
def _migrated_database() -> Iterator[str]:
    """Run a PostgreSQL with an empty database that the migrations of this working tree created; its URL."""
    environment.prepare()
    server = Postgres(environment.this_process() / "postgres", fast=True)
    try:
        server.start()
        server.prepare()
        owner = {**os.environ, "OWNER_DATABASE_URL": server.url()}
        subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=ROOT, env=owner, check=True)
        yield server.url()
    finally:
        server.stop()
        environment.remove(environment.this_run())


def main() -> None:
    """Write the release of the version in pyproject.toml. A release that exists does not change."""
    folder = RELEASES / package_version()
    if folder.exists():
        sys.exit(f"{folder} exists. Set the next version in pyproject.toml.")
    with _migrated_database() as url:
        write(folder, url)
    print(folder.relative_to(ROOT))


if __name__ == "__main__":
    main()
