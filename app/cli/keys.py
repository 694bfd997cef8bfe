"""`relance keys`: what people's data is sealed with, and changing it."""

import os
from base64 import b64encode
from collections.abc import Iterator

import click

from app.cli.output import as_json, counting, print_result, print_rows
from app.db import transaction
from app.rekeying import STORES, Store, census, reseal


@click.group()
def keys() -> None:
    """Look at the keys that people's data is sealed with, and change them."""


@keys.command()
@click.argument("name")
def new(name: str) -> None:
    """Print a new key, as ENCRYPTION_KEYS has it. Put it first there, restart, then run `relance keys rotate`."""
    if not (name.isalnum() and name.isascii()):
        raise click.BadParameter("letters and digits only", param_hint="NAME")
    click.echo(f"{name}:{b64encode(os.urandom(32)).decode()}")


@keys.command()
@as_json
def status(*, as_json: bool) -> None:
    """How much is sealed with which key. What the record holds stays under its key, so keep that."""
    with transaction() as session:
        print_rows(census(session), as_json=as_json, empty="nothing is sealed")


@keys.command()
@click.option("--every", is_flag=True, help="Also what the current key has sealed: after SECRET_KEY was changed.")
@as_json
def rotate(*, every: bool, as_json: bool) -> None:
    """Seal everything with the first of ENCRYPTION_KEYS, while everything runs. Twice does no harm."""
    done = {store.table: sum(counting(store.table, _pass(store, every=every))) for store in STORES}
    print_result(done, as_json=as_json)


def _pass(store: Store, *, every: bool) -> Iterator[int]:
    """Through the table once, a few rows in each transaction."""
    after = None
    while True:
        with transaction() as session:
            number, after = reseal(session, store, after=after, every=every)
        if after is None:
            return
        yield number
