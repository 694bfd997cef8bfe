"""`relance keys`: show and rotate the encryption keys."""

import sys
from collections.abc import Callable, Iterator
from uuid import UUID

import click
from sqlalchemy.orm import Session

from app.core.db import transaction
from app.leads.search.by_text.index import reindex_leads
from app.messaging.inbound.conversation.subject_index import reindex_sent
from app.ops.cli.support.output import as_json, counting, print_result, print_rows
from app.ops.stack.running_keys import rotation_obstacle, writing_processes
from app.security.encryption import DERIVED, configured_keys, derived_key, format_keys, new_key
from app.security.key_rotation import ENCRYPTED_COLUMNS, EncryptedColumn, key_usage, keys_in_use, reencrypt
from app.security.key_verification import (
    Fault,
    adopt_blind_index_key,
    describe_problems,
    find_key_problems,
    retire,
    retire_unused,
)


@click.group()
def keys() -> None:
    """Show and rotate the encryption keys."""


@keys.command()
@click.argument("name")
@click.option("--alone", is_flag=True, help="Print only the new key, for a lost SECRET_KEY.")
def new(name: str, *, alone: bool) -> None:
    """Print ENCRYPTION_KEYS with a new key in the last place: the first step of a key rotation.

    The value has the keys in force, also the one derived from SECRET_KEY. With it, processes decrypt with the new key
    and still encrypt with the present one. Set it, restart all processes, and then run `relance keys first NAME`.
    """
    if not (name.isalnum() and name.isascii()) or name == DERIVED:
        raise click.BadParameter(f"must consist of letters and digits, and must not be {DERIVED}", param_hint="NAME")
    present = {} if alone else configured_keys()
    if name in present:
        raise click.BadParameter(f"ENCRYPTION_KEYS has a key {name} already", param_hint="NAME")
    click.echo(format_keys({**present, name: new_key()}))


@keys.command()
@click.argument("name")
def first(name: str) -> None:
    """Print ENCRYPTION_KEYS with this key in the first place: the second step of a key rotation.

    With the value, processes encrypt with the key and decrypt with all. Set it when all processes have the value of
    `relance keys new`, restart them, and then run `relance keys rotate`.
    """
    present = configured_keys()
    if name not in present:
        raise click.BadParameter(f"ENCRYPTION_KEYS has no key {name}: it has {', '.join(present)}", param_hint="NAME")
    click.echo(format_keys({name: present[name], **present}))


@keys.command()
def derived() -> None:
    """Print the key derived from SECRET_KEY in the format of ENCRYPTION_KEYS. Save it before you change SECRET_KEY."""
    click.echo(format_keys({DERIVED: derived_key()}))


@keys.command()
@as_json
def status(*, as_json: bool) -> None:
    """Show how many rows are encrypted with each key. The audit log is never re-encrypted: keep its keys."""
    with transaction() as session:
        print_rows(key_usage(session), as_json=as_json, empty="nothing is encrypted")


@keys.command()
@click.option(
    "--every",
    is_flag=True,
    help="Also re-encrypt rows that use the current key. Recomputes the blind indexes of leads.",
)
@click.option(
    *("--new-blind-index-key", "--new-marks", "new_blind_index_key"),
    is_flag=True,
    help="Accept a changed BLIND_INDEX_KEY (formerly MARKS_KEY). Implies --every. The suppression list keeps its key.",
)
@click.option("--yes", is_flag=True, help="Rotate even if running processes lack the keys, or cannot be asked.")
@as_json
def rotate(*, every: bool, new_blind_index_key: bool, yes: bool, as_json: bool) -> None:
    """Re-encrypt all data with the first key of ENCRYPTION_KEYS, without downtime. It is safe to repeat.

    Refused while running processes lack this key or BLIND_INDEX_KEY: they could not read or find the data.

    Keys that only the audit log and idempotency records still use are no longer required at start. Exit code 1 if no
    key can decrypt some rows; these rows stay unchanged.
    """
    _require_encryption_keys(new_blind_index_key=new_blind_index_key)
    if not yes:
        _require_running_processes_to_have_the_keys()
    unreadable: dict[str, int] = {}
    every = every or new_blind_index_key
    done = {
        store.table: sum(counting(store.table, _pass(store, unreadable, every=every))) for store in ENCRYPTED_COLUMNS
    }
    if every:
        done["lead_search"] = sum(counting("lead_search", _search_keys(reindex_leads)))
        done["subjects"] = sum(counting("subjects", _search_keys(reindex_sent)))
    with transaction() as session:
        retire_unused(session, keys_in_use(session))
        if new_blind_index_key:
            adopt_blind_index_key(session)
    print_result({**done, **{f"unreadable {table}": number for table, number in unreadable.items()}}, as_json=as_json)
    sys.exit(1 if unreadable else 0)


@keys.command()
@click.argument("name")
def forget(name: str) -> None:
    """Stop requiring this key at start. Data encrypted with it is lost."""
    with transaction() as session:
        if not retire(session, name):
            raise click.ClickException(f"the key {name} is not required, or it is the current encryption key")


def _require_encryption_keys(*, new_blind_index_key: bool) -> None:
    """Check the keys. A missing key is allowed, because the other rows can still be re-encrypted."""
    allowed = {Fault.MISSING, *([Fault.BLIND_INDEX] if new_blind_index_key else [])}
    with transaction() as session:
        if others := [problem for problem in find_key_problems(session) if problem.fault not in allowed]:
            raise click.ClickException(describe_problems(others))


def _require_running_processes_to_have_the_keys() -> None:
    with transaction() as session:
        others = writing_processes(session)
    if obstacle := rotation_obstacle(others):
        raise click.ClickException(f"{obstacle}\nWith --yes the data is encrypted again now.")


def _search_keys(reindex: Callable[[Session, UUID], tuple[int, UUID | None]]) -> Iterator[int]:
    """Compute search keys again that belong to values without encryption: names, and subjects of sent messages."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        with transaction() as session:
            number, after = reindex(session, after)
        yield number


def _pass(store: EncryptedColumn, unreadable: dict[str, int], *, every: bool) -> Iterator[int]:
    """Process the table once, a few rows per transaction. Yield the number of re-encrypted rows."""
    after = None
    while True:
        with transaction() as session:
            batch = reencrypt(session, store, after=after, every=every)
        if batch.unreadable:
            unreadable[store.table] = unreadable.get(store.table, 0) + batch.unreadable
        after = batch.after
        if after is None:
            return
        yield batch.done
