"""`relance backup`, `relance restore` and `relance erasures`: the database as one file, and who is erased again."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.config import get_settings
from app.ops.backup.backup import make_backup
from app.ops.backup.erasure_list import read_erasures
from app.ops.backup.home import database_of_home, secrets_file
from app.ops.backup.manifest import Manifest, check_manifest
from app.ops.backup.restore import open_backup
from app.ops.backup.restore import restore as restore_backup
from app.ops.cli.support.output import as_json, print_json, print_result
from app.ops.stack.environment import is_demo
from app.security.key_fingerprints import BLIND_INDEX, OTHER_BLIND_INDEX, SECRET

FILE = click.Path(dir_okay=False, path_type=Path)
LIST = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
@as_json
def backup(file: Path, *, as_json: bool) -> None:
    """Write a backup of the database to a new FILE, also while the system is running.

    The keys are not in the file. Keep them apart from it: without them, encrypted fields cannot be read.
    """
    with database_of_home(exclusive=False, notice=say) as start:
        start()
        manifest = make_backup(file)
    report(file, manifest, as_json=as_json)


@click.command()
@click.argument("file", type=FILE)
@click.option("--replace", is_flag=True, help="Drop the present content of the database.")
@click.option(
    "--erasures", type=LIST, help="Output of `relance erasures list`: people to erase again. The backup has their data."
)
@as_json
def restore(file: Path, *, replace: bool, erasures: Path | None, as_json: bool) -> None:
    """Restore a backup into an empty database. All processes of the system must be stopped.

    The keys are checked first. The restored system is held: nothing is sent until `relance resume`.
    """
    erased = read_erasures(erasures) if erasures else None
    with database_of_home(exclusive=True, notice=say) as start, open_backup(file) as (archive, manifest):
        warnings = check_manifest(manifest)
        start()
        restore_backup(archive, manifest, replace=replace)
        erased_again = _erase_again(erased) if erased is not None else None
    if erased_again is None:
        say("warning: people who were erased after the backup are back: run `relance erasures apply FILE`")
    for warning in warnings:
        say(f"warning: {warning}. What it signed, such as sign-ins, links and the audit log, cannot be verified")
    print_result(
        {
            "restored": str(file),
            "backup_made_at": manifest.made_at,
            "rows": sum(manifest.counts.values()),
            "erased_again": erased_again,
            "held": True,
            "next": "start the system, look at it, then run `relance resume`; until then nothing is sent",
        },
        as_json=as_json,
    )


def _erase_again(lead_ids: Sequence[UUID]) -> Any:
    """Erase these leads again. The modules of leads read the settings, which are known only now."""
    import_module("app.wiring").connect()
    return import_module("app.ops.backup.erasures").erase_again(lead_ids)


def report(file: Path, manifest: Manifest, *, as_json: bool) -> None:
    """Print what the file contains, and the keys that it does not contain."""
    content = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "made_at": manifest.made_at,
        "migration": manifest.migration,
        "tables": len(manifest.counts),
        "rows": sum(manifest.counts.values()),
    }
    missing = [
        {"key": key.name, "fingerprint": key.fingerprint, "is_needed": key.is_needed, "where": where(key.name)}
        for key in manifest.keys
    ]
    if as_json:
        print_json({**content, "keys_not_in_the_file": missing})
        return
    print_result(content, as_json=False)
    click.echo("Not in the file; save these keys in another place:")
    for key in missing:
        needed = "needed to read the data" if key["is_needed"] else "not needed to read the data"
        click.echo(f"  {key['key']}, fingerprint {key['fingerprint']}, {needed}: {key['where']}")


def where(key: str) -> str:
    """Return where the operator finds a key."""
    file, settings = secrets_file(), get_settings()
    if key == BLIND_INDEX and settings.blind_index_key.get_secret_value():
        return "the environment (BLIND_INDEX_KEY)"
    if key.startswith(OTHER_BLIND_INDEX):
        return f"the environment ({OTHER_BLIND_INDEX})"
    if SECRET not in key and key != BLIND_INDEX:
        return "the environment (ENCRYPTION_KEYS)"
    secret = settings.secret_key.get_secret_value()
    is_generated = is_demo() and file.exists() and json.loads(file.read_text()).get("secret_key") == secret
    return str(file) if is_generated else "the environment (SECRET_KEY)"


def say(line: str) -> None:
    """Print a notice to standard error."""
    click.echo(f"relance: {line}", err=True)
