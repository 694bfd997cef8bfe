"""The `relance` command as an operator types it: a process, its output, its exit code."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from app.ops import cli
from app.ops.demo.seed_data import PEOPLE
from app.ops.embedded import Postgres
from tests.support.fork_server import run_module

pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def relance(*arguments: str, said: str = "") -> Done:
    """The whole command, in this process, which saves the seconds of starting one."""
    typed = patch.object(sys, "argv", ["relance", *arguments])
    with typed, CliRunner().isolation(input=said) as (out, err, _), pytest.raises(SystemExit) as end:
        cli.main()
    return Done(end.value.code or 0, out.getvalue().decode(), err.getvalue().decode())


def start_relance(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, for what an environment decides."""
    return run_module("app.ops.cli", *arguments, env={**os.environ, **environment})


def answer(*arguments: str, **environment: str) -> Any:
    """What it prints with --json, of a command that succeeds."""
    done = CliRunner().invoke(cli.relance, [*arguments, "--json"], env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def make_clinic(slug: str = "north") -> dict[str, str]:
    made: dict[str, str] = answer(
        "clinic", "create", "--name", "North", "--slug", slug, "--timezone", "Europe/Paris", "--region", "FR"
    )
    return made


def test_init_does_nothing_twice() -> None:
    report = answer("init")

    assert report["revision"] == report["was"]


def test_a_clinic_is_made_and_listed() -> None:
    make_clinic()

    assert [clinic["slug"] for clinic in answer("clinic", "list")] == ["north"]


def test_a_clinic_speaks_english_until_somebody_says_otherwise() -> None:
    make_clinic()

    assert [clinic["language"] for clinic in answer("clinic", "list")] == ["en"]
    assert answer("clinic", "language", "--clinic", "north", "FR-ca") == {"slug": "north", "language": "fr-CA"}
    assert [clinic["language"] for clinic in answer("clinic", "list")] == ["fr-CA"]
    wrong = relance("clinic", "language", "--clinic", "north", "french")
    assert (wrong.returncode, "language" in wrong.stderr) == (1, True)


def test_a_taken_slug_and_a_wrong_zone_are_one_line_each() -> None:
    make_clinic()

    again = relance("clinic", "create", "--name", "N", "--slug", "north", "--timezone", "UTC", "--region", "FR")
    lost = relance("clinic", "create", "--name", "N", "--slug", "n", "--timezone", "Mars/Olympus", "--region", "FR")

    assert (again.returncode, lost.returncode) == (1, 1)
    assert len(again.stderr.splitlines()) == 1
    assert "timezone" in lost.stderr


def test_a_users_generated_password_is_shown_once() -> None:
    make_clinic()

    user = answer(
        "user", "create", "--clinic", "north", "--email", "a@north.example", "--name", "A", "--role", "doctor"
    )

    assert len(user["password"]) >= 12
    assert user["role"] == "doctor"


def test_a_users_own_password_is_read_and_never_shown() -> None:
    make_clinic()
    options = ("--clinic", "north", "--email", "b@north.example", "--name", "B", "--role", "clinic_admin")

    made = relance("user", "create", *options, "--password-stdin", "--json", said="four quiet green boats\n")

    assert made.returncode == 0, made.stderr
    assert "four quiet" not in made.stdout + made.stderr


def test_an_unknown_clinic_is_said_with_where_to_look() -> None:
    done = relance("user", "create", "--clinic", "x", "--email", "a@x.example", "--name", "A", "--role", "doctor")

    assert done.returncode == 1
    assert "relance clinic list" in done.stderr


def test_the_seed_fills_a_clinic_once_and_keeps_its_sign_ins(postgres: Postgres, tmp_path: Path) -> None:
    first = answer("seed", RELANCE_HOME=str(tmp_path))
    file = tmp_path / "demo.json"
    written = file.read_text()
    second = answer("seed", RELANCE_HOME=str(tmp_path))

    assert (first["new"], second["new"]) == (True, False)
    assert file.read_text() == written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {user["role"] for user in json.loads(written)["users"]} == {role.value for _, _, role in PEOPLE}
    with postgres.connect("relance") as owner:
        counts = owner.execute(
            "SELECT (SELECT count(*) FROM leads), (SELECT count(*) FROM pipeline_stages),"
            " (SELECT count(DISTINCT category) FROM lead_sources), (SELECT count(*) FROM steps)"
        ).fetchone()
    assert counts
    assert counts[:3] == (12, 8, 10)
    assert counts[3] >= 12


def test_sign_ins_that_were_lost_are_made_again(tmp_path: Path, postgres: Postgres) -> None:
    answer("seed", RELANCE_HOME=str(tmp_path))
    before = _hashes(postgres)
    (tmp_path / "demo.json").unlink()

    answer("seed", RELANCE_HOME=str(tmp_path))

    assert (tmp_path / "demo.json").exists()
    assert not before & _hashes(postgres)


def test_nothing_is_seeded_in_production() -> None:
    done = start_relance("seed", RELANCE_ENV="production")

    assert done.returncode == 1
    assert "production" in done.stderr


def test_steps_are_counted_by_kind_and_state(tmp_path: Path) -> None:
    assert answer("steps", "stats") == []

    answer("seed", RELANCE_HOME=str(tmp_path))

    tasks = [row for row in answer("steps", "stats") if row["kind"] == "create_task"]
    assert sum(row["steps"] for row in tasks) == 12
    assert answer("steps", "retry", "--failed") == {"retried": 0}


def test_a_step_that_is_none_and_a_step_that_did_not_fail_are_said(tmp_path: Path) -> None:
    nothing = relance("steps", "retry")
    unknown = relance("steps", "retry", "01a1fcde-7aba-770f-b3e0-000000000000")

    assert nothing.returncode == 2
    assert "--failed" in nothing.stderr
    assert unknown.returncode == 1
    assert "there is no step" in unknown.stderr


def test_retrying_notifications_says_how_many() -> None:
    assert answer("notifications", "retry", "--failed", "--since", "2026-01-31") == {"retried": 0}


def test_a_time_that_is_none_is_refused() -> None:
    assert relance("notifications", "retry", "--failed", "--since", "yesterday").returncode == 2


def test_the_doctor_says_what_is_wrong_and_what_to_do() -> None:
    done = relance("doctor", "--json")
    found = {check["name"]: check for check in json.loads(done.stdout)}

    assert done.returncode == 1
    assert found["migrations"]["ok"]
    assert found["login"]["ok"]
    assert found["clinics"]["ok"]
    assert not found["workers: steps"]["ok"]
    assert "relance serve steps" in found["workers: steps"]["advice"]


def test_help_needs_no_settings() -> None:
    done = start_relance("--help", DATABASE_URL="", SECRET_KEY="", BROKER_URL="")

    assert done.returncode == 0
    assert "doctor" in done.stdout


def _hashes(postgres: Postgres) -> set[str]:
    with postgres.connect("relance") as owner:
        return {row[0] for row in owner.execute("SELECT password_hash FROM users")}
