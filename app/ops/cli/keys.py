"""`relance keys`: what people's data is sealed with, and changing it."""

import os
import sys
from base64 import b64encode
from collections.abc import Iterator

import click

from app.core.db import transaction
from app.ops.cli.support.output import as_json, counting, print_result, print_rows
from app.security.encryption import DERIVED, derived_key
from app.security.key_rotation import STORES, Store, census, keys_in_use, reseal
from app.security.key_verification import Fault, adopt_marks, find_misfits, problem_with, retire, retire_unused


@click.group()
def keys() -> None:
    """Look at the keys that people's data is sealed with, and change them."""


@keys.command()
@click.argument("name")
def new(name: str) -> None:
    """Print a new key, as ENCRYPTION_KEYS has it.

    Put it last there and restart everything, so that all can open with it; then first, and restart again; then run
    `relance keys rotate`.
    """
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
@click.option("--every", is_flag=True, help="Also what the current key has sealed: makes the marks of leads anew.")
@click.option("--new-marks", is_flag=True, help="MARKS_KEY was changed on purpose: --every, and opt-outs are lost.")
@as_json
def rotate(*, every: bool, new_marks: bool, as_json: bool) -> None:
    """Seal everything with the first of ENCRYPTION_KEYS, while everything runs. Twice does no harm.

    Keys that nothing but the record and kept answers is sealed with any more are then no longer asked for. Exit code 1
    where there is something that no key opens; it stays as it is.
    """
    _require_keys_to_seal_with(new_marks=new_marks)
    unreadable: dict[str, int] = {}
    every = every or new_marks
    done = {store.table: sum(counting(store.table, _pass(store, unreadable, every=every))) for store in STORES}
    with transaction() as session:
        retire_unused(session, keys_in_use(session))
    print_result({**done, **{f"unreadable {table}": number for table, number in unreadable.items()}}, as_json=as_json)
    sys.exit(1 if unreadable else 0)


@keys.command()
@click.argument("name")
def forget(name: str) -> None:
    """Let processes start without this key again: it is lost, and so is what it has sealed."""
    with transaction() as session:
        if not retire(session, name):
            raise click.ClickException(f"nobody is asked for the key {name}, or it is the one to seal with now")


def _require_keys_to_seal_with(*, new_marks: bool) -> None:
    """A missing key opens nothing and spoils nothing: it is no reason not to seal the rest anew."""
    with transaction() as session:
        if new_marks:
            adopt_marks(session)
        if others := [misfit for misfit in find_misfits(session) if misfit.fault is not Fault.MISSING]:
            raise click.ClickException(problem_with(others))


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
