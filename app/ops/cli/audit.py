"""`relance audit`: verify the audit log."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from app.audit.hash_chain import verify_chain as find_breaks
from app.core.db import transaction
from app.ops.backup.known_heads import known_heads
from app.ops.cli.support.lookup import actors
from app.ops.cli.support.output import as_json, print_rows


@click.group()
def audit() -> None:
    """Verify the audit log."""


@audit.command()
@click.option("--clinic", "slug", help="Slug of a clinic. Default: all clinics.")
@click.option(
    "--against",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A backup, or a log of the sweeps: find a removed end of the audit log as well. May be repeated.",
)
@as_json
def verify(*, slug: str | None, files: Sequence[Path], as_json: bool) -> None:
    """Find audit log entries that were changed, removed, reordered or inserted. Exit code 1 if there are any.

    The owner of the tables can remove the newest entries together with their links. A backup or a log of another host
    shows it, with --against.
    """
    known = [head for file in files for head in known_heads(file)]
    with transaction() as session:
        breaks = [
            {
                "clinic": actor.clinic.name,
                "seal": found.seal or "-",
                "entries": f"{found.after + 1}-{found.up_to}",
                "problem": found.problem,
            }
            for actor in actors(session, slug)
            for found in find_breaks(session, actor.clinic.id, known=known)
        ]
    print_rows(breaks, as_json=as_json, empty="no manipulated entries found")
    sys.exit(1 if breaks else 0)
