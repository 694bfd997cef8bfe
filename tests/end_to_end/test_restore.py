"""A backup restored into a new home: readable, verifiable, and silent until an operator resumes it."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app import create_app
from app.audit.hash_chain import extend_chain
from app.core import db
from app.core.db import transaction
from app.engine.models import Kind
from app.ops import cli
from app.ops.embedded import Postgres
from tests.support.desk import Desk
from tests.support.environment import this_process
from tests.support.fork_server import run_module
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import SmtpServer
from workers.sweeps.run import sweep

SETTINGS = ("DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL")
SENT, WRITTEN, PLANNED = "ana@lead.example", "ben@lead.example", "cleo@lead.example"


@pytest.fixture
def new_home() -> Path:
    """A data folder that does not exist yet."""
    return this_process() / "new"


@pytest.fixture
def use_home(new_home: Path, configure: Callable[..., None]) -> Iterator[Callable[[], Postgres]]:
    """Start the database of the new home, and be a process of that home from then on."""
    server = Postgres(new_home / "postgres", fast=True)

    def use() -> Postgres:
        server.start()
        _forget_connections()
        configure(database_url=server.url(user="relance_web"), owner_database_url=server.url())
        return server

    yield use
    _forget_connections()
    server.stop()


def _forget_connections() -> None:
    db.engine().dispose()
    db.dispose()


def relance(*arguments: str, home: Path, **environment: str) -> Any:
    """Run a command in a home of its own, as an operator on another machine does."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return run_module("app.ops.cli", *arguments, env={**kept, "RELANCE_HOME": str(home), **environment})


def mails(smtp: SmtpServer) -> list[tuple[str, str]]:
    """The e-mails to leads that the server accepted, sorted: those due at one time go out in any order."""
    accepted = [(mail.recipient, mail.message["Message-ID"]) for mail in smtp.accepted]
    return sorted((recipient, number) for recipient, number in accepted if recipient in {SENT, WRITTEN, PLANNED})


def write(practice: Practice) -> None:
    practice.run(Kind.SEND_MESSAGE)


def send(practice: Practice) -> None:
    while practice.run(Kind.DELIVER):
        pass


def test_a_restored_system_is_complete_and_repeats_nothing_unnoticed(
    desk: Desk,
    practice: Practice,
    smtp: SmtpServer,
    watch: Watch,
    new_home: Path,
    use_home: Callable[[], Postgres],
    tmp_path: Path,
) -> None:
    file = tmp_path / "relance.backup"
    desk.capture(phone="+12125550177")  # with an audit entry
    with transaction() as session:
        extend_chain(session, settled=timedelta())
    practice.fail_to_reach(practice.capture(email=SENT))
    write(practice)
    send(practice)
    written = practice.capture(email=WRITTEN)
    practice.fail_to_reach(written)
    write(practice)
    practice.fail_to_reach(practice.capture(email=PLANNED))
    made = CliRunner().invoke(cli.relance, ["backup", str(file), "--json"], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["rows"] > 0

    # More goes out after the backup.
    write(practice)
    send(practice)
    before = mails(smtp)
    assert [recipient for recipient, _ in before] == [SENT, WRITTEN, PLANNED]

    # Another secret is refused before anything is written.
    refused = relance("restore", str(file), home=new_home, SECRET_KEY="another secret, thirty-two characters or more")
    assert "fingerprint" in refused.stderr
    assert refused.returncode == 1
    assert not (new_home / "postgres").exists()

    restored = relance("restore", str(file), "--json", home=new_home)
    assert restored.returncode == 0, restored.stderr
    use_home()

    # All is there: encrypted fields, and an audit log without a break.
    assert practice.row("leads", id=written).email == WRITTEN
    verified = CliRunner().invoke(cli.relance, ["audit", "verify"], catch_exceptions=False)
    assert (verified.exit_code, "no manipulated entries" in verified.output) == (0, True)
    assert sql("SELECT 1 FROM audit_seals")

    # Held: nothing goes out, whatever wakes the workers.
    watch.advance(hours=1)
    assert create_app().test_client().get("/readyz").json == {"status": "held"}
    sweep("publish_due_steps")
    write(practice)
    send(practice)
    assert mails(smtp) == before

    report = CliRunner().invoke(cli.relance, ["resume", "--json"], catch_exceptions=False)
    assert json.loads(report.stdout)["messages"]["may_be_repeated"] >= 2
    assert CliRunner().invoke(cli.relance, ["resume", "--yes"], catch_exceptions=False).exit_code == 0
    write(practice)
    send(practice)
    assert mails(smtp) == sorted(
        [*before, *before[1:]]
    )  # with the same ids; what was sent before the backup is not repeated


def test_home_without_its_secret_names_the_secret_file(new_home: Path, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in {*SETTINGS, "SECRET_KEY"}}
    said = run_module(
        "app.ops.cli", "restore", str(tmp_path / "x"), env={**kept, "RELANCE_HOME": str(new_home / "empty")}
    )
    assert said.returncode == 1
    assert "secrets.json" in said.stderr
    assert len(said.stderr.splitlines()) == 1
