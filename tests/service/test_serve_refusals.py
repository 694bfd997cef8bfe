"""Errors that prevent `relance` from starting: one line, and nothing started.

The exit code is 2 for a wrong setting, and 1 for every other error.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops.embedded import Postgres, free_port
from app.security.key_verification import require_valid_keys
from tests.end_to_end.test_each_command import CALLS, FOLDER
from tests.support.fork_server import run_module
from tests.support.processes import Processes
from tests.support.refusing import refusing_amqp_server, refusing_postgres_server
from tests.support.storage import free_bytes

VALID = {
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz",
    "DATABASE_URL": "postgresql://x/y",
    "BROKER_URL": "redis://x",
}
NOBODY_LISTENS = 1  # a port that needs root, and that no service uses


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refusal(home: Path, *arguments: str, code: int = 1, **environment: str) -> str:
    """Return the one line that `relance` prints."""
    own = {"RELANCE_HOME": str(home), "PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = run_module("app.ops.cli", *arguments, env={**kept, **own, **environment})
    lines = done.stderr.strip().splitlines()
    assert done.returncode == code, done.stdout + done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("relance: ")
    return lines[0]


def test_taken_port_is_named_with_its_variable(tmp_path: Path, taken_port: int) -> None:
    line = refusal(tmp_path, "serve", RELANCE_ENV="demo", PORT=str(taken_port))
    assert f"port {taken_port} is taken" in line
    assert "PORT" in line


def test_taken_port_of_flower_is_named(tmp_path: Path, taken_port: int) -> None:
    line = refusal(tmp_path, "serve", RELANCE_ENV="demo", FLOWER_PORT=str(taken_port))
    assert "FLOWER_PORT" in line
    assert not (tmp_path / "postgres").exists()


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    line = refusal(
        tmp_path,
        "serve",
        RELANCE_ENV="demo",
        DATABASE_URL=f"postgresql://somebody:hidden-word@127.0.0.1:{NOBODY_LISTENS}/relance",
        BROKER_URL=f"redis://:hidden-word@127.0.0.1:{NOBODY_LISTENS}/0",
    )
    assert "DATABASE_URL does not answer" in line
    assert "hidden-word" not in line


def test_an_unreachable_broker_is_named_without_its_password(tmp_path: Path, database_url: str) -> None:
    line = refusal(
        tmp_path,
        "serve",
        RELANCE_ENV="demo",
        DATABASE_URL=database_url,
        BROKER_URL=f"redis://:hidden-word@127.0.0.1:{NOBODY_LISTENS}/0",
    )
    assert "BROKER_URL does not answer" in line
    assert "hidden-word" not in line


def test_production_generates_no_secrets_and_lists_the_missing_ones(tmp_path: Path) -> None:
    line = refusal(tmp_path, "serve", code=2)
    assert all(name in line for name in ("SECRET_KEY", "DATABASE_URL", "BROKER_URL"))
    assert not (tmp_path / "secrets.json").exists()
    assert not (tmp_path / "postgres").exists()


def test_default_secret_is_refused_in_production(tmp_path: Path) -> None:
    line = refusal(
        tmp_path,
        "serve",
        "web",
        code=2,
        SECRET_KEY="changeme",
        DATABASE_URL="postgresql://x/y",
        BROKER_URL="redis://x",
    )
    assert "SECRET_KEY" in line


@pytest.mark.parametrize("proxies", ["10.0.0.1", "-1", "all"])
def test_number_of_proxies_must_be_a_number(tmp_path: Path, proxies: str) -> None:
    line = refusal(
        tmp_path,
        "serve",
        "web",
        code=2,
        SECRET_KEY="0123456789-abcdefghijklmnopqrstuvwxyz",
        DATABASE_URL="postgresql://x/y",
        BROKER_URL="redis://x",
        TRUSTED_PROXIES=proxies,
    )
    assert line.startswith("relance: TRUSTED_PROXIES: ")


def test_unknown_part_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    line = refusal(tmp_path, "serve", "wbe")
    assert "wbe" in line
    assert "web" in line.split("there are")[1]


def test_second_start_from_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "serve.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()

        line = refusal(tmp_path, "serve", RELANCE_ENV="demo")

    assert "already runs" in line
    assert "4711" in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "99999"),
        ("PORT", "0"),
        ("FLOWER_PORT", "-1"),
        ("MAILBOX_PORT", "http"),
        ("WEB_WORKERS", "many"),
        ("STEP_WORKERS", "0"),
    ],
)
def test_number_that_is_none_is_named_with_its_value(tmp_path: Path, name: str, value: str) -> None:
    line = refusal(
        tmp_path, "serve", code=2, RELANCE_ENV="demo", **{**VALID, "BROKER_URL": "redis://127.0.0.1:1", name: value}
    )

    assert line.startswith(f'relance: {name}: "{value}" is not a ')
    assert "set a whole number from 1 to" in line


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"BROKER_URL": "kafka://:hidden-word@host"}, 'BROKER_URL: the scheme "kafka" is unknown: use redis://'),
        ({"BROKER_URL": "hidden-word"}, "BROKER_URL: it has no scheme: use redis://"),
        ({"BROKER_URL": "redis://:hidden-word@host:port/0"}, "BROKER_URL: its port is not a number"),
        ({"BROKER_URL": "sentinel://:hidden-word@a:1;sentinel://b:port"}, "BROKER_URL: its port is not a number"),
        ({"BROKER_URL": "sentinel://:hidden-word@a:1;b:2"}, "BROKER_URL: each address of the list begins with"),
        ({"BROKER_URL": "amqp://:hidden-word@a:1;b:2"}, "BROKER_URL: each address of the list begins with amqp://"),
        ({"BROKER_QUEUE_TYPE": "stream"}, "BROKER_QUEUE_TYPE: Input should be 'classic' or 'quorum'"),
        ({"BROKER_QUEUE_TYPE": "quorum"}, "BROKER_QUEUE_TYPE=quorum needs RabbitMQ: set BROKER_URL to an address"),
        ({"DATABASE_URL": "mysql://u:hidden-word@host/db"}, 'DATABASE_URL: the scheme "mysql" is unknown'),
        ({"DATABASE_URL": "hidden-word"}, "DATABASE_URL: it has no scheme"),
        ({"DATABASE_URL": "postgresql://u:hidden-word@host:port/db"}, "DATABASE_URL: it cannot be read"),
        ({"OWNER_DATABASE_URL": "oracle://u:hidden-word@h/db"}, 'OWNER_DATABASE_URL: the scheme "oracle" is unknown'),
        ({"LOG_LEVEL": "LOUD"}, 'LOG_LEVEL: it is not a level: use DEBUG, INFO, WARNING or ERROR (it is "LOUD")'),
        ({"DATABASE_POOL": "five"}, "DATABASE_POOL: Input should be a valid integer"),
    ],
)
@pytest.mark.parametrize("command", [("serve", "web"), ("doctor",)])
def test_setting_that_cannot_be_used_is_named_without_secrets(
    tmp_path: Path, command: tuple[str, ...], setting: dict[str, str], expected: str
) -> None:
    line = refusal(tmp_path, *command, code=2, **{**VALID, **setting})

    assert line.startswith(f"relance: {expected}")
    assert "hidden-word" not in line


def test_mail_server_that_cannot_be_used_is_named(
    tmp_path: Path, database_url: str, owner_database_url: str, broker_url: str
) -> None:
    urls = {"DATABASE_URL": database_url, "OWNER_DATABASE_URL": owner_database_url, "BROKER_URL": broker_url}
    line = refusal(
        tmp_path, "serve", "deliveries", code=2, **{**VALID, **urls, "SMTP_URL": "https://u:hidden-word@mail.example"}
    )

    assert line == "relance: SMTP_URL must begin with smtp:// or smtps:// and name a host"


def test_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    line = refusal(file, "serve", code=2, RELANCE_ENV="demo")

    assert line.startswith(f"relance: RELANCE_HOME: {file} cannot be used (File exists): set it to a folder")


@pytest.mark.parametrize("home", ["/proc/relance", "/proc/1/relance", "/dev/null/relance"])
def test_home_where_nothing_can_be_made_is_named(home: str) -> None:
    line = refusal(Path(home), "serve", code=2, RELANCE_ENV="demo")

    assert line.startswith(f"relance: RELANCE_HOME: {home} cannot be used (")


def test_home_that_is_read_only_or_full_is_named(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(free_bytes(small_disk)))

    line = refusal(small_disk, "serve", code=2, RELANCE_ENV="demo")

    assert line.startswith(f"relance: RELANCE_HOME: {small_disk} cannot be used (No space left on device)")


def test_damaged_secrets_are_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")

    line = refusal(tmp_path, "serve", RELANCE_ENV="demo")

    assert f"{tmp_path / 'secrets.json'} cannot be read" in line


def test_login_that_rabbitmq_refuses_is_shown_with_its_words(
    tmp_path: Path, database_url: str, owner_database_url: str
) -> None:
    with refusing_amqp_server("ACCESS_REFUSED - Login was refused") as port:
        line = refusal(
            tmp_path,
            "serve",
            "steps",
            **{
                **VALID,
                "DATABASE_URL": database_url,
                "OWNER_DATABASE_URL": owner_database_url,
                "BROKER_URL": f"amqp://guest:hidden-word@127.0.0.1:{port}//",
            },
        )

    assert "BROKER_URL is refused by the broker" in line
    assert "ACCESS_REFUSED" in line
    assert "hidden-word" not in line


@pytest.mark.parametrize("part", ["web", "steps", "beat"])
def test_database_without_tables_is_refused_with_the_command_that_migrates(
    tmp_path: Path, postgres: Postgres, broker_url: str, part: str
) -> None:
    with postgres.connect() as owner:
        owner.execute("DROP DATABASE IF EXISTS bare")
        owner.execute("CREATE DATABASE bare")
    urls = {"DATABASE_URL": postgres.url("bare", user="relance_web"), "OWNER_DATABASE_URL": postgres.url("bare")}

    line = refusal(tmp_path, "serve", part, **{**VALID, **urls, "BROKER_URL": broker_url})

    assert line.startswith("relance: the database is at revision None, and this version needs ")
    assert line.endswith("run `relance init`")


def test_owner_without_createrole_is_refused(tmp_path: Path, postgres: Postgres, broker_url: str) -> None:
    with postgres.connect("relance") as owner:
        owner.execute("DROP ROLE IF EXISTS modest")
        owner.execute("CREATE ROLE modest LOGIN")
        owner.execute("GRANT pg_read_all_data TO modest")
    urls = {
        "DATABASE_URL": "postgresql://new_login:secret@/relance",
        "OWNER_DATABASE_URL": postgres.url(user="modest"),
    }

    line = refusal(tmp_path, "init", "--login", **{**VALID, **urls, "BROKER_URL": broker_url})

    assert "permission denied" in line
    assert "CREATEROLE" in line


def test_words_of_a_pooler_that_refuses_the_connection_are_shown(tmp_path: Path) -> None:
    """As PgBouncer does with startup options that it does not know."""
    with refusing_postgres_server('unsupported startup parameter in options: "role"') as port:
        line = refusal(
            tmp_path,
            "serve",
            "web",
            **{**VALID, "DATABASE_URL": f"postgresql://u:hidden-word@127.0.0.1:{port}/relance"},
        )

    assert "unsupported startup parameter in options" in line
    assert "hidden-word" not in line


@pytest.mark.skipif(os.geteuid() != 0, reason="for other users, PostgreSQL runs as the same user")
def test_private_home_is_named_before_anything_is_written() -> None:
    home = Path("/root")
    if home.stat().st_mode & 0o001:
        pytest.skip("root's home is open on this machine already")
    data = home / f"relance-{os.getpid()}"

    line = refusal(data, "serve", RELANCE_ENV="demo")

    assert f"must pass through {home}, a private home" in line
    assert not data.exists()


@pytest.mark.usefixtures("clean_database", "clean_broker")
def test_wrong_key_ends_the_start_and_a_running_server(tmp_path: Path, processes: Processes) -> None:
    """The data was encrypted with the key that is derived from another SECRET_KEY."""
    require_valid_keys()
    addresses = {name: os.environ[name] for name in ("DATABASE_URL", "BROKER_URL")}
    line = refusal(tmp_path, "serve", "web", SECRET_KEY=VALID["SECRET_KEY"], **addresses)
    assert "encrypted with another key of this name: 0" in line
    web = processes.start(
        "web", "gunicorn", ["app:create_app()"], env={"SECRET_KEY": VALID["SECRET_KEY"], "PORT": str(free_port())}
    )
    assert web.child.wait(60) == 3
    assert "Traceback" not in web.output()


@pytest.mark.parametrize("address", ["DATABASE_URL", "OWNER_DATABASE_URL", None])
@pytest.mark.usefixtures("clean_database")
def test_backup_names_the_variable_of_the_owner(tmp_path: Path, database_url: str, address: str | None) -> None:
    """The address is that of the application's login, or there is none."""
    require_valid_keys()
    given = {address: database_url} if address else {}
    line = refusal(
        tmp_path, "backup", str(tmp_path / "file"), SECRET_KEY=os.environ["SECRET_KEY"], **given, BROKER_URL="redis://x"
    )
    assert line.startswith("relance: OWNER_DATABASE_URL: set it to the login that owns the tables")
    assert not (tmp_path / "file").exists()


@pytest.mark.usefixtures("clean_database")
def test_backup_needs_no_other_address(tmp_path: Path, owner_database_url: str) -> None:
    require_valid_keys()
    given = {"SECRET_KEY": os.environ["SECRET_KEY"], "OWNER_DATABASE_URL": owner_database_url}
    environment = {"PATH": os.environ["PATH"], "RELANCE_HOME": str(tmp_path), **given}
    done = run_module("app.ops.cli", "backup", str(tmp_path / "file"), env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "file").exists()


WITHOUT_SETTINGS = {"openapi", "simulate", "restore"}  # `restore` reads the file first


@pytest.mark.parametrize("name", [name for name in CALLS if name not in WITHOUT_SETTINGS])
def test_every_command_names_malformed_keys_in_one_line(tmp_path: Path, name: str) -> None:
    given = ["web"] if name == "serve" else [word.replace(FOLDER, str(tmp_path)) for word in CALLS[name].arguments]
    line = refusal(tmp_path, *name.split(), *given, code=2, **VALID, RELANCE_ENV="test", ENCRYPTION_KEYS="abc")
    assert line.startswith("relance: ENCRYPTION_KEYS: it is a list `name:key`")
