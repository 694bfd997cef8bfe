"""Embedded servers of a data folder: start, watch and stop them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from app.ops.embedded import CannotStart, Postgres, Valkey
from app.ops.embedded.folder_permissions import Notice
from app.ops.stack.environment import generate_secrets, home, is_demo, load_shared_settings, use_postgres, use_valkey
from app.ops.stack.server_watch import ServerWatch


@contextmanager
def lock_data_folder(*, everything: bool) -> Iterator[bool]:
    """Lock the data folder. Yield True if it was free, False if the parts join a running stack.

    Raises:
        CannotStart: the whole stack was requested, and already runs from this folder.
    """
    if not is_demo() and not everything:
        yield False  # production parts share only what the environment sets
        return
    lock = take_lock()
    if lock is None:
        if everything:
            raise CannotStart(_already_running())
        load_shared_settings()
        yield False
        return
    with lock:
        yield True


def require_servers_possible(notice: Notice) -> None:
    """Check that the server of a demo may run here, before anything is written. Raises CannotStart."""
    if is_demo() and "DATABASE_URL" not in os.environ:
        Postgres(home() / "postgres", notice=notice).require_possible()


@contextmanager
def run_servers(*, owned: bool, notice: Notice) -> Iterator[None]:
    """Start the servers that a demo needs and that are not configured. Stop them at the end.

    Does nothing in production.
    """
    with ExitStack() as cleanup:
        if owned and is_demo():
            _start_missing(cleanup, notice)
        yield


def take_lock() -> IO[str] | None:
    """Lock the folder, so that one supervisor owns its servers. The kernel releases the lock when the owner ends.

    Returns the open lock file, or None if another process holds the lock.
    """
    home().mkdir(parents=True, exist_ok=True)
    file = (home() / "serve.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _already_running() -> str:
    pid = (home() / "serve.lock").read_text().strip()
    return (
        f"it already runs from {home()} (process {pid}): stop it first, "
        "or set RELANCE_HOME, PORT and FLOWER_PORT to other values"
    )


def _start_missing(cleanup: ExitStack, notice: Notice) -> None:
    """Start the servers that the operator did not configure."""
    secrets, started = generate_secrets(), dict[str, Postgres | Valkey]()
    os.environ.setdefault("LOG_FORMAT", "console")  # readable logs in the terminal
    os.environ.setdefault("LOG_LEVEL", "WARNING")  # a line for each task and message would push the addresses away
    os.environ.setdefault("RATE_LIMIT_PER_MINUTE", "1000")  # `make demo` polls its leads every half second
    os.environ.setdefault("PYTHONWARNINGS", "ignore:::celery.platforms")  # eight lines per worker about root
    if "DATABASE_URL" not in os.environ:
        notice("starting PostgreSQL ...")
        postgres = Postgres(home() / "postgres", notice=notice)
        cleanup.callback(postgres.stop)
        postgres.start()
        postgres.prepare()
        use_postgres(postgres)
        started["PostgreSQL"] = postgres
    if "BROKER_URL" not in os.environ:
        notice("starting Valkey ...")
        valkey = Valkey(home() / "valkey", secrets["broker_password"])
        cleanup.callback(valkey.stop)
        valkey.start()
        use_valkey(valkey)
        started["Valkey"] = valkey
    watch = ServerWatch(started, notice)
    watch.start()
    cleanup.callback(watch.stop)
