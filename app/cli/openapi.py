"""`relance openapi`: the API's description as a file, written or held against the code."""

import os
from importlib import import_module
from pathlib import Path

import click

from app.errors import RelanceError
from app.http.openapi import as_text, spec

# Only described, never run: nothing here is connected to, and nothing of it is in the description.
NOWHERE = {"RELANCE_ENV": "test", "SECRET_KEY": "none", "DATABASE_URL": "postgresql://", "BROKER_URL": "memory://"}


class Outdated(RelanceError):
    """The file is not what the code describes."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail when FILE says something else.")
def openapi(file: Path, *, check: bool) -> None:
    """Write the API's description (OpenAPI 3.1) to FILE. Needs no server."""
    described = describe()
    if not check:
        file.write_text(described, encoding="utf-8")
    elif not file.is_file() or file.read_text(encoding="utf-8") != described:
        raise Outdated(f"{file} is not what the code describes: write it anew with `make openapi`")


def describe() -> str:
    """The same on every machine, whatever its environment says."""
    os.environ.update(NOWHERE)
    # Only now: its modules read the settings as they are imported.
    return as_text(spec(import_module("app.api").create_app()))
