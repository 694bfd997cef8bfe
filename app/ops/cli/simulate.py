"""`relance simulate`: simulate a playbook for one lead, day by day. Needs no server."""

import os
from datetime import datetime
from importlib import import_module
from typing import TextIO

import click
import yaml

from app import clock
from app.automation.playbooks import shipped
from app.core.type_aliases import JsonDict
from app.ops.cli.openapi import PLACEHOLDER_SETTINGS
from app.ops.cli.support.lookup import Instant
from app.ops.cli.support.output import as_json, print_json


@click.command()
@click.argument("playbook", type=click.Choice(shipped.names()))
@click.option("--days", type=int, help="Number of days, 1 to 366.  [default: 90]")
@click.option("--start", type=Instant(), help="When the lead is created: 2026-03-10T15:00:00Z.  [default: now]")
@click.option("--zone", help="Time zone of the clinic.  [default: America/New_York]")
@click.option("--region", help="ISO 3166 country of its holidays.  [default: US]")
@click.option(
    "--script", "file", type=click.File(encoding="utf-8"), help="YAML file with these options, `facts` and a `script`."
)
@as_json
def simulate(*, as_json: bool, playbook: str, file: TextIO | None, **options: str | int | datetime | None) -> None:
    """Simulate a shipped playbook for one lead. Nothing is written or sent.

    docs/simulation.md describes the script.
    """
    os.environ.update(PLACEHOLDER_SETTINGS)  # its modules read the settings at import
    sandbox = import_module("app.automation.simulation.sandbox")
    text = import_module("app.ops.cli.support.simulation_text")
    import_module("app.wiring").connect()
    try:
        trial = _written(file) | {name: value for name, value in options.items() if value is not None}
        simulation = sandbox.try_playbook(playbook, trial, now=clock.now())
    except (ValueError, yaml.YAMLError) as mistake:
        raise click.ClickException(str(mistake)) from None
    if as_json:
        print_json(simulation.as_json())
    else:
        click.echo("\n".join(text.lines(simulation)))


def _written(file: TextIO | None) -> JsonDict:
    """Return the content of the file. A list is a script."""
    content = (yaml.safe_load(file) if file else None) or {}
    if isinstance(content, list):
        return {"script": content}
    if not isinstance(content, dict):
        raise click.ClickException("the file must hold a script, or facts and a script")
    return content
