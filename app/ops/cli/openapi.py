"""`relance openapi`: write the OpenAPI description and generated documentation pages, or check them."""

import os
from importlib import import_module
from pathlib import Path

import click

from app.automation.language.docs.playbooks import playbooks_page
from app.automation.language.docs.rules import rules_page
from app.automation.language.docs.sequences import sequences_page
from app.automation.playbooks import shipped
from app.core.type_aliases import JsonObject
from app.errors import RelanceError
from app.http.openapi.openapi import as_text, spec
from app.ops.cli.support.http_file import as_calls

# Placeholder settings: nothing connects to them, and they do not appear in the description.
PLACEHOLDER_SETTINGS = {
    "RELANCE_ENV": "test",
    "SECRET_KEY": "none",
    "DATABASE_URL": "postgresql://",
    "BROKER_URL": "redis://",
}


class Outdated(RelanceError):
    """The file does not match the code."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--http",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write an .http file with a request for each operation.",
)
@click.option(
    "--rules", type=click.Path(dir_okay=False, path_type=Path), help="Also write the reference of the rule language."
)
@click.option(
    "--sequences", type=click.Path(dir_okay=False, path_type=Path), help="Also write the page about sequences."
)
@click.option(
    "--playbooks", type=click.Path(dir_okay=False, path_type=Path), help="Also write the page about playbooks."
)
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is out of date.")
def openapi(
    file: Path,
    *,
    http: Path | None,
    rules: Path | None,
    sequences: Path | None,
    playbooks: Path | None,
    check: bool,
) -> None:
    """Write the OpenAPI 3.1 description of the API to FILE. Needs no server."""
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
            raise Outdated(f"{place} is out of date: update it with `make openapi`")


def describe() -> JsonObject:
    """Return the OpenAPI description. It does not depend on the environment."""
    os.environ.update(PLACEHOLDER_SETTINGS)
    # Import late: the modules read the settings at import.
    described: JsonObject = spec(import_module("app.api.application").create_app())
    return described
