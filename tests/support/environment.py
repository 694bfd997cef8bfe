"""The environment of a test process, decided before any module of the application reads its settings.

Each process of a run (each xdist worker) has a folder of its own, and later a PostgreSQL and a Valkey of its own in
it: a test may restart or kill its servers without disturbing another.
"""

import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "relance-tests-"
BROKER_PASSWORD = "only-for-tests"
# An operator's settings are none of a test's; and without byte code each of many processes starts a second later.
NOT_OURS = (
    "COUNTERS_URL", "SMTP_URL", "PUBLIC_URL", "TRUSTED_PROXIES", "FLOWER_BASIC_AUTH", "LOG_LEVEL", "LOG_FORMAT",
    "OUTGOING_PORTS", "OUTGOING_TIMEOUT", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip


def prepare() -> None:
    """Choose the folder and the addresses. The servers start when the first test asks for one."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ["RELANCE_TEST_RUN"] = str(_new_run())
    sys.dont_write_bytecode = False  # for this process the variable below was read before
    home = this_process()
    home.mkdir(exist_ok=True)
    for name in NOT_OURS:
        os.environ.pop(name, None)
    os.environ |= {
        "RELANCE_ENV": "test",
        "RELANCE_HOME": str(home),
        "RATE_LIMIT_PER_MINUTE": "0",  # tests call as fast as they can; those of the limit set their own
        "FORM_POSTS_PER_MINUTE": "0",
        "IDLE_TIMEOUT_MINUTES": "0",  # tests move the clock; those of the time-out set their own
        "OUTGOING_ALLOW": "127.0.0.1:9",  # where nobody listens
        "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
        "DATABASE_URL": pooled_url() if is_pooled() else database_url("relance_web"),
        "OWNER_DATABASE_URL": database_url("postgres"),
        "BROKER_URL": f"redis://:{BROKER_PASSWORD}@127.0.0.1:{_free_port()}/0",
    }


def database_url(user: str, database: str = "relance") -> str:
    """Where this process's PostgreSQL will listen."""
    return f"postgresql+psycopg://{user}@/{database}?host={this_process() / 'postgres' / 'data'}"


def is_pooled() -> bool:
    """Whether this run reaches the database through PgBouncer."""
    return "RELANCE_TEST_POOLER" in os.environ


def pooled_url() -> str:
    """Return a new address for this process's PgBouncer."""
    return f"postgresql+psycopg://relance_web@127.0.0.1:{_free_port()}/relance"


def this_run() -> Path:
    """The folder all processes of this run share."""
    return Path(os.environ["RELANCE_TEST_RUN"])


def this_process() -> Path:
    """The folder of this process alone."""
    return this_run() / os.environ.get("PYTEST_XDIST_WORKER", "main")


def broker_port() -> int:
    """The port that was chosen for this process's Valkey."""
    return int(os.environ["BROKER_URL"].rpartition(":")[2].partition("/")[0])


def remove(run: Path) -> None:
    """End whatever still works in the run's folder, and the folder."""
    for process in psutil.process_iter(["cmdline", "cwd", "environ"]):
        if process.pid != os.getpid() and _belongs_to(process, run):
            with suppress(psutil.NoSuchProcess):
                process.kill()
    shutil.rmtree(run, ignore_errors=True)


def _belongs_to(process: psutil.Process, run: Path) -> bool:
    """A server, by its command line (`postgres -D <run>/...`); a worker, by its environment."""
    command, environment = process.info["cmdline"] or [], process.info["environ"] or {}
    places = [process.info["cwd"] or "", environment.get("RELANCE_HOME", ""), *command]
    return any(place.startswith(str(run)) for place in places)


def _new_run() -> Path:
    """Under /tmp, so that a unix socket's path stays short; passable, for PostgreSQL's own user."""
    place = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())
    _remove_files_of_killed_runs(place)
    run = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    run.chmod(0o755)
    (run / "owner").write_text(str(os.getpid()))
    return run


def _remove_files_of_killed_runs(place: Path) -> None:
    for run in place.glob(f"{PREFIX}*"):
        with suppress(OSError, ValueError):
            if not psutil.pid_exists(int((run / "owner").read_text())):
                remove(run)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
