"""Environment of `relance serve`: secrets, ports, and the demo that other commands find."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops.embedded import CannotStart
from app.ops.stack import addresses, environment

NAMES = (*environment.SHARED_VARIABLES, "RELANCE_HOME", "PUBLIC_URL")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder and an empty environment, restored after the test."""
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that values set by the test are removed afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("RELANCE_HOME", str(tmp_path))
    monkeypatch.setenv("RELANCE_ENV", "demo")
    return tmp_path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_secrets_are_generated_once_and_readable_by_their_owner_only(home: Path) -> None:
    first = environment.generate_secrets()
    again = environment.generate_secrets()

    assert first == again
    assert len(set(first.values())) == len(environment.GENERATED)
    assert all(len(secret) >= 16 for secret in first.values())
    assert stat.S_IMODE((home / "secrets.json").stat().st_mode) == 0o600


def test_secret_from_the_environment_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "the operator's own")

    environment.generate_secrets()

    assert os.environ["SECRET_KEY"] == "the operator's own"
    assert os.environ["FLOWER_BASIC_AUTH"].startswith("relance:")


def test_another_command_finds_the_running_demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://demo")
    environment.save_shared_settings()
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("RELANCE_ENV")

    environment.load_shared_settings()

    assert os.environ["DATABASE_URL"] == "postgresql://demo"
    assert os.environ["RELANCE_ENV"] == "demo"
    assert stat.S_IMODE((home / "environment.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("own", [{"RELANCE_ENV": "production"}, {"DATABASE_URL": "postgresql://mine"}])
def test_operator_settings_are_not_mixed_with_a_demo(
    own: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "environment.json").write_text(json.dumps({"BROKER_URL": "redis://demo"}))
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    environment.load_shared_settings()

    assert "BROKER_URL" not in os.environ


def test_mailbox_uses_other_ports_when_its_defaults_are_taken(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(addresses.MAILBOX_PORTS, "MAILBOX_SMTP_PORT", taken_port)

    addresses.choose_mailbox_ports()

    assert os.environ["MAILBOX_SMTP_PORT"] != str(taken_port)
    assert os.environ["SMTP_URL"] == f"smtp://127.0.0.1:{os.environ['MAILBOX_SMTP_PORT']}"


def test_port_set_by_the_operator_is_not_changed(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILBOX_PORT", str(taken_port))

    with pytest.raises(CannotStart, match="MAILBOX_PORT"):
        addresses.choose_mailbox_ports()


def test_calls_to_the_echo_gateway_are_allowed_beside_others(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "ECHO_PORT", ("ECHO_PORT", taken_port))
    monkeypatch.delenv("ECHO_PORT", raising=False)
    monkeypatch.setenv("OUTGOING_ALLOW", "10.0.0.0/8")

    addresses.choose_echo_port()

    assert os.environ["ECHO_PORT"] != str(taken_port)
    assert os.environ["OUTGOING_ALLOW"] == f"10.0.0.0/8,127.0.0.1:{os.environ['ECHO_PORT']}"


def test_addresses_are_listed_as_in_demo_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8100")
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "relance:p:w")
    monkeypatch.setenv("MAILBOX_PORT", "8125")
    monkeypatch.setenv("ECHO_PORT", "8126")

    assert addresses.read_addresses().as_json() == {
        "api": "http://127.0.0.1:8100/api",
        "flower": {"url": "http://127.0.0.1:5555", "user": "relance", "password": "p:w"},
        "mailbox": "http://127.0.0.1:8125",
        "echo": "http://127.0.0.1:8126",
    }
