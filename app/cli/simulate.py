"""`relance simulate`: what a playbook would do with a lead, day by day. Needs no server."""

import os
from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from typing import Any

import click
import yaml

from app import clock
from app.automation import playbooks
from app.cli.lookup import Instant
from app.cli.openapi import NOWHERE
from app.cli.output import as_json, print_json


class Zone(click.ParamType[str]):
    """An IANA zone."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """`Europe/Paris`."""
        if value not in clock.zones():
            self.fail(f"{value!r} is no zone such as Europe/Paris", param, ctx)
        return value


@click.command()
@click.argument("playbook", type=click.Choice(playbooks.names()))
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True)
@click.option("--start", type=Instant(), help="When the lead comes in: 2026-03-10T15:00:00Z; else now.")
@click.option("--zone", type=Zone(), default="America/New_York", show_default=True, help="Where the clinic is.")
@click.option("--region", default="US", show_default=True, help="Whose holidays it keeps: an ISO 3166 country.")
@click.option("--fact", "facts", multiple=True, help="Of the lead, any number: lead.source_category=WALK_IN.")
@click.option("--script", type=click.File(encoding="utf-8"), help="What happens, as YAML.")
@as_json
def simulate(
    *, as_json: bool, playbook: str, start: datetime | None, facts: Iterable[str], script: Any, **given: Any
) -> None:
    """Show what a playbook that ships would do with a lead: nothing is written, and nobody is told.

    docs/simulation.md says what a script may hold.
    """
    os.environ.update(NOWHERE)  # its modules read the settings as they are imported, and connect to nothing
    trying, text = (import_module(f"app.simulation.{name}") for name in ("trying", "text"))
    said = (fact.partition("=") for fact in facts)
    try:
        written = yaml.safe_load(script) if script else None
        values = {path: yaml.safe_load(value) for path, _, value in said}
        simulation = trying.try_playbook(
            playbook, start=start or clock.now(), facts=values, script=written or [], **given
        )
    except (ValueError, yaml.YAMLError) as mistake:
        raise click.ClickException(str(mistake)) from None
    if as_json:
        print_json(simulation.as_json())
    else:
        click.echo("\n".join(text.lines(simulation)))
