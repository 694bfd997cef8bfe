"""`relance openapi`: the API's description, and other pages about it, written or held against the code."""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from app.automation.language.docs.playbooks import playbooks_page
from app.automation.language.docs.rules import rules_page
from app.automation.language.docs.sequences import sequences_page
from app.automation.playbooks import shipped
from app.errors import RelanceError
from app.http.openapi.openapi import as_text, spec
from app.ops.cli.support.http_file import as_calls

# Only described, never run: nothing here is connected to, and nothing of it is in the description.
NOWHERE = {"RELANCE_ENV": "test", "SECRET_KEY": "none", "DATABASE_URL": "postgresql://", "BROKER_URL": "memory://"}


class Outdated(RelanceError):
    """The file is not what the code describes."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--http", type=click.Path(dir_okay=False, path_type=Path), help="A file of calls to try, too.")
@click.option("--rules", type=click.Path(dir_okay=False, path_type=Path), help="The rule language, too.")
@click.option("--sequences", type=click.Path(dir_okay=False, path_type=Path), help="The page about sequences, too.")
@click.option("--playbooks", type=click.Path(dir_okay=False, path_type=Path), help="The page about playbooks, too.")
@click.option("--check", is_flag=True, help="Write nothing; fail when a file says something else.")
def openapi(
    file: Path,
    *,
    http: Path | None,
    rules: Path | None,
    sequences: Path | None,
    playbooks: Path | None,
    check: bool,
) -> None:
    """Write the API's description (OpenAPI 3.1) to FILE. Needs no server."""
    described = describe()
    texts = {file: as_text(described)}
    texts |= {http: as_calls(described)} if http else {}
    texts |= {rules: rules_page()} if rules else {}
    texts |= {sequences: sequences_page()} if sequences else {}
    texts |= {playbooks: playbooks_page(map(shipped.load, shipped.names()))} if playbooks else {}
    for place, text in texts.items():
        if not check:
            place.write_text(text, encoding="utf-8")
        elif not place.is_file() or place.read_text(encoding="utf-8") != text:
            raise Outdated(f"{place} is not what the code describes: write it anew with `make openapi`")


def describe() -> Mapping[str, Any]:
    """The same on every machine, whatever its environment says."""
    os.environ.update(NOWHERE)
    # Only now: its modules read the settings as they are imported.
    described: Mapping[str, Any] = spec(import_module("app.api.application").create_app())
    return described
