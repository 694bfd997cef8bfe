"""`relance keys`: what people's data is sealed with, and changing it."""

import os
import sys
from base64 import b64encode
from collections.abc import Iterator

import click

from app.cli.output import as_json, counting, print_result, print_rows
from app.crypto import DERIVED, derived_key
from app.db import transaction
from app.key_checks import problem_with, wrong_keys
from app.rekeying import STORES, Store, census, reseal


@click.group()
def keys() -> None:
    """Look at the keys that people's data is sealed with, and change them."""


@keys.command()
@click.argument("name")
def new(name: str) -> None:
    """Print a new key, as ENCRYPTION_KEYS has it. Put it first there, restart, then run `relance keys rotate`."""
    if not (name.isalnum() and name.isascii()) or name == DERIVED:
        raise click.BadParameter(f"letters and digits only, and not {DERIVED}", param_hint="NAME")
    click.echo(f"{name}:{b64encode(os.urandom(32)).decode()}")


@keys.command()
def derived() -> None:
    """Print the key that follows from SECRET_KEY, as ENCRYPTION_KEYS has it: to be kept before that is changed."""
    click.echo(f"{DERIVED}:{b64encode(derived_key()).decode()}")


@keys.command()
@as_json
def status(*, as_json: bool) -> None:
    """How much is sealed with which key. What the record holds stays under its key, so keep that."""
    with transaction() as session:
        print_rows(census(session), as_json=as_json, empty="nothing is sealed")


@keys.command()
@click.option("--every", is_flag=True, help="Also what the current key has sealed: after MARKS_KEY was changed.")
@as_json
def rotate(*, every: bool, as_json: bool) -> None:
    """Seal everything with the first of ENCRYPTION_KEYS, while everything runs. Twice does no harm.

    Exit code 1 where there is something that no key opens; it stays as it is.
    """
    with transaction() as session:
        if wrong := wrong_keys(session):
            raise click.ClickException(problem_with(wrong))
    unreadable: dict[str, int] = {}
    done = {store.table: sum(counting(store.table, _pass(store, unreadable, every=every))) for store in STORES}
    print_result({**done, **{f"unreadable {table}": number for table, number in unreadable.items()}}, as_json=as_json)
    sys.exit(1 if unreadable else 0)


def _pass(store: Store, unreadable: dict[str, int], *, every: bool) -> Iterator[int]:
    """Through the table once, a few rows in each transaction."""
    after = None
    while True:
        with transaction() as session:
            resealed = reseal(session, store, after=after, every=every)
        if resealed.unreadable:
            unreadable[store.table] = unreadable.get(store.table, 0) + resealed.unreadable
        after = resealed.after
        if after is None:
            return
        yield resealed.done
