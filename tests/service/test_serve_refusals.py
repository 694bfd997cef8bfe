"""Errors that prevent `relance serve` from starting: one line, exit code 1, nothing started."""

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops.embedded import free_port
from tests.support.fork_server import run_module

NOBODY_LISTENS = 1  # a port that needs root, and that no service uses


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refusal(home: Path, *arguments: str, **environment: str) -> str:
    """Return the one line that `relance` prints."""
    own = {"RELANCE_HOME": str(home), "PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = run_module("app.ops.cli", *arguments, env={**kept, **own, **environment})
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
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
    line = refusal(tmp_path, "serve")
    assert all(name in line for name in ("SECRET_KEY", "DATABASE_URL", "BROKER_URL"))
    assert not (tmp_path / "secrets.json").exists()
    assert not (tmp_path / "postgres").exists()


def test_default_secret_is_refused_in_production(tmp_path: Path) -> None:
    line = refusal(
        tmp_path,
        "serve",
        "web",
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
