"""The embedded servers of one data folder: started, shared, and stopped by whoever started them."""

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

from app.ops.embedded import CannotStart, Postgres, Valkey
from app.ops.embedded.folders import Notice
from app.ops.stack.environment import adopt, generate_secrets, home, is_demo, use_postgres, use_valkey

LOOK_EVERY = 2.0  # seconds between two looks at the servers


@contextmanager
def data_folder(*, everything: bool) -> Iterator[bool]:
    """Take the data folder. Yields whether it was free; named parts may also join a stack that runs.

    Raises:
        CannotStart: everything was asked for, and already runs from this folder.
    """
    if not is_demo() and not everything:
        yield False  # parts in production share nothing but what the environment names
        return
    lock = take_lock()
    if lock is None:
        if everything:
            raise CannotStart(_runs_already())
        adopt()
        yield False
        return
    with lock:
        yield True


@contextmanager
def servers(*, owned: bool, notice: Notice) -> Iterator[None]:
    """Start what a demo needs and nobody named, and stop it at the end. In production: nothing."""
    with ExitStack() as to_undo:
        if owned and is_demo():
            _start_missing(to_undo, notice)
        yield


def take_lock() -> IO[str] | None:
    """One supervisor owns the servers of a folder. The kernel gives the lock back however the owner ends."""
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


def _runs_already() -> str:
    pid = (home() / "serve.lock").read_text().strip()
    return (
        f"it already runs from {home()} (process {pid}): stop that first, "
        "or set RELANCE_HOME, PORT and FLOWER_PORT to others"
    )


def _start_missing(to_undo: ExitStack, notice: Notice) -> None:
    """What the operator named is used; the rest is started here."""
    secrets, started = generate_secrets(), dict[str, Postgres | Valkey]()
    os.environ.setdefault("LOG_FORMAT", "console")  # a person reads this terminal
    os.environ.setdefault("RATE_LIMIT_PER_MINUTE", "1000")  # `make demo` looks at its leads every half second
    os.environ.setdefault("PYTHONWARNINGS", "ignore:::celery.platforms")  # eight lines of each worker about root
    if "DATABASE_URL" not in os.environ:
        notice("starting PostgreSQL ...")
        postgres = Postgres(home() / "postgres", notice=notice)
        to_undo.callback(postgres.stop)
        postgres.start()
        postgres.prepare()
        use_postgres(postgres)
        started["PostgreSQL"] = postgres
    if "BROKER_URL" not in os.environ:
        notice("starting Valkey ...")
        valkey = Valkey(home() / "valkey", secrets["broker_password"])
        to_undo.callback(valkey.stop)
        valkey.start()
        use_valkey(valkey)
        started["Valkey"] = valkey
    _keep_running(to_undo, started, notice)


def _keep_running(to_undo: ExitStack, started: Mapping[str, Postgres | Valkey], notice: Notice) -> None:
    """A server that ends by itself is started again, as every other part is."""
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(LOOK_EVERY):
            for name, server in started.items():
                if not server.is_running():
                    notice(f"{name} has ended; starting it again ...")
                    with suppress(CannotStart, OSError):
                        server.start()

    watcher = threading.Thread(target=watch, name="server watch", daemon=True)
    watcher.start()
    to_undo.callback(watcher.join)
    to_undo.callback(stopping.set)
