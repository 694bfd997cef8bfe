"""The database of a data folder, for commands that run with or without the stack."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.type_aliases import JsonDict
from app.ops.embedded import CannotStart, Postgres
from app.ops.embedded.folder_permissions import Notice
from app.ops.embedded.postgres import WEB_LOGIN
from app.ops.stack.embedded_servers import take_lock
from app.ops.stack.environment import home, is_demo, load_shared_settings, use_postgres

OWNER_IS_MISSING = "OWNER_DATABASE_URL: set it to the login that owns the tables, as for `relance init`"
NO_BROKER = "redis://127.0.0.1:1"  # never connected: these commands publish nothing


@contextmanager
def database_of_home(*, exclusive: bool, notice: Notice) -> Iterator[Callable[[], None]]:
    """Set the settings of this home. Yield a function that starts its embedded PostgreSQL, if it has one.

    `exclusive`: the stack must not run. Raises CannotStart.
    """
    _load_settings_of_home()
    if not exclusive:  # a restore gives access to the login of DATABASE_URL
        _use_the_owner()
    if not is_demo() or "DATABASE_URL" in os.environ:
        yield lambda: None
        return
    _load_secret()
    lock = take_lock()
    if lock is None and exclusive:
        raise CannotStart(f"the system runs from {home()}: stop it first")
    if lock is None:
        load_shared_settings()
        yield lambda: None
        return
    server = Postgres(home() / "postgres", notice=notice)
    use_postgres(server)
    os.environ.setdefault("BROKER_URL", NO_BROKER)
    with lock:
        try:
            yield lambda: _start(server)
        finally:
            server.stop()


def secrets_file() -> Path:
    """Return the file with the generated SECRET_KEY."""
    return home() / "secrets.json"


def _use_the_owner() -> None:
    """Complete the addresses by that of the owner, which is the only one that a backup needs."""
    owner = os.environ.get("OWNER_DATABASE_URL")
    if owner:
        os.environ.setdefault("DATABASE_URL", owner)
        os.environ.setdefault("BROKER_URL", NO_BROKER)
    elif not is_demo() and "DATABASE_URL" not in os.environ:
        raise CannotStart(OWNER_IS_MISSING)


def _start(server: Postgres) -> None:
    server.start()
    server.prepare()


def _load_settings_of_home() -> None:
    """Load the saved settings of this home, without the addresses of embedded servers, which may not run."""
    file = home() / "environment.json"
    if os.environ.get("RELANCE_ENV") == "production" or "DATABASE_URL" in os.environ or not file.exists():
        return
    saved: JsonDict = json.loads(file.read_text())
    if saved.get("DATABASE_URL") == Postgres(home() / "postgres").url(user=WEB_LOGIN):
        saved = {name: value for name, value in saved.items() if not name.endswith(("DATABASE_URL", "BROKER_URL"))}
    for name, value in saved.items():
        os.environ.setdefault(name, value)


def _load_secret() -> None:
    if "SECRET_KEY" in os.environ:
        return
    if not secrets_file().exists():
        raise CannotStart(
            f"{secrets_file()} is missing: copy it from the home that was backed up, because its SECRET_KEY is not in"
            " the backup, or set SECRET_KEY"
        )
    os.environ["SECRET_KEY"] = json.loads(secrets_file().read_text())["secret_key"]
