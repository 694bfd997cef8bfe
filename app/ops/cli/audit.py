"""`relance audit`: whether the trail is whole."""

import sys

import click

from app.audit.hash_chain import verify as find_breaks
from app.core.db import transaction
from app.ops.cli.support.lookup import actors
from app.ops.cli.support.output import as_json, print_rows


@click.group()
def audit() -> None:
    """Check the record of who saw and changed what."""


@audit.command()
@click.option("--clinic", "slug", help="The clinic's slug; else every clinic.")
@as_json
def verify(*, slug: str | None, as_json: bool) -> None:
    """Look for entries that were changed, removed, swapped or slipped in. Exit code 1 when there are any."""
    with transaction() as session:
        breaks = [
            {
                "clinic": actor.clinic.name,
                "seal": found.seal or "-",
                "entries": f"{found.after + 1}-{found.up_to}",
                "problem": found.problem,
            }
            for actor in actors(session, slug)
            for found in find_breaks(session, actor.clinic.id)
        ]
    print_rows(breaks, as_json=as_json, empty="every seal holds")
    sys.exit(1 if breaks else 0)
