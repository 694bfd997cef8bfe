"""`relance audit`: verify the audit log."""

import sys

import click

from app.audit.hash_chain import verify_chain as find_breaks
from app.core.db import transaction
from app.ops.cli.support.lookup import actors
from app.ops.cli.support.output import as_json, print_rows


@click.group()
def audit() -> None:
    """Verify the audit log."""


@audit.command()
@click.option("--clinic", "slug", help="Slug of a clinic. Default: all clinics.")
@as_json
def verify(*, slug: str | None, as_json: bool) -> None:
    """Find audit log entries that were changed, removed, reordered or inserted. Exit code 1 if there are any."""
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
    print_rows(breaks, as_json=as_json, empty="no manipulated entries found")
    sys.exit(1 if breaks else 0)
