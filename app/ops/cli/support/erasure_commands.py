"""Commands `erasures list` and `erasures apply`."""

import json
from datetime import datetime
from pathlib import Path

import click

from app.core.db import transaction
from app.leads.privacy.erasures import list_erasures
from app.ops.backup.erasure_list import read_erasures
from app.ops.backup.erasures import erase_again
from app.ops.cli.support.lookup import Instant
from app.ops.cli.support.output import as_json, print_result

FILE = click.Path(dir_okay=False, path_type=Path)
LIST = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def erasures() -> None:
    """List the erased people, and erase them again after a restore."""


@erasures.command("list")
@click.option("--since", type=Instant(), help="Erased at this time or later. Default: all.")
@click.option("--to", "file", type=FILE, help="Write to this file, which is replaced. Default: standard output.")
def list_all(*, since: datetime | None, file: Path | None) -> None:
    """Print one JSON line for each erased lead: ids and the time. Keep it apart from the backups."""
    with transaction() as session:
        lines = "".join(f"{json.dumps(erased)}\n" for erased in list_erasures(session, since))
    if file:
        file.write_text(lines)
    else:
        click.echo(lines, nl=False)


@erasures.command()
@click.argument("file", type=LIST)
@as_json
def apply(*, file: Path, as_json: bool) -> None:
    """Erase the leads of FILE that the database has again. It cannot be undone."""
    print_result({"erased_again": erase_again(read_erasures(file))}, as_json=as_json)
