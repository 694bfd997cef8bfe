"""`relance simulate`: what a playbook would do with a lead, day by day. Needs no server."""

import os
from datetime import datetime
from importlib import import_module
from typing import Any, TextIO

import click
import yaml

from app import clock
from app.automation.playbooks import shipped
from app.ops.cli.openapi import NOWHERE
from app.ops.cli.support.lookup import Instant
from app.ops.cli.support.output import as_json, print_json


@click.command()
@click.argument("playbook", type=click.Choice(shipped.names()))
@click.option("--days", type=int, help="How many, 1 to 366.  [default: 90]")
@click.option("--start", type=Instant(), help="When the lead comes in: 2026-03-10T15:00:00Z.  [default: now]")
@click.option("--zone", help="Where the clinic is.  [default: America/New_York]")
@click.option("--region", help="Whose holidays it keeps: an ISO 3166 country.  [default: US]")
@click.option("--script", "file", type=click.File(encoding="utf-8"), help="YAML: all of these, `facts` and a `script`.")
@as_json
def simulate(*, as_json: bool, playbook: str, file: TextIO | None, **options: str | int | datetime | None) -> None:
    """Show what a playbook that ships would do with a lead: nothing is written, and nobody is told.

    docs/simulation.md says what a script may hold.
    """
    os.environ.update(NOWHERE)  # its modules read the settings as they are imported, and connect to nothing
    trying, text = (import_module(f"app.automation.simulation.{name}") for name in ("sandbox", "text"))
    import_module("app.wiring").connect()
    try:
        trial = _written(file) | {name: value for name, value in options.items() if value is not None}
        simulation = trying.try_playbook(playbook, trial, now=clock.now())
    except (ValueError, yaml.YAMLError) as mistake:
        raise click.ClickException(str(mistake)) from None
    if as_json:
        print_json(simulation.as_json())
    else:
        click.echo("\n".join(text.lines(simulation)))


def _written(file: TextIO | None) -> dict[str, Any]:
    """What a file says; one that is a list is a script and nothing else."""
    content = (yaml.safe_load(file) if file else None) or {}
    if isinstance(content, list):
        return {"script": content}
    if not isinstance(content, dict):
        raise click.ClickException("the file must hold a script, or facts and a script")
    return content
