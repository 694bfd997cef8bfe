"""The `relance` command line: output and exit codes."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from app.ops import cli
from tests.support.fork_server import run_module

pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")


@dataclass(frozen=True)
class Done:
    """The output and exit code of a command."""

    returncode: int
    stdout: str
    stderr: str


def relance(*arguments: str, said: str = "") -> Done:
    """Run the command in this process, which saves the time of starting one."""
    typed = patch.object(sys, "argv", ["relance", *arguments])
    with typed, CliRunner().isolation(input=said) as (out, err, _), pytest.raises(SystemExit) as end:
        cli.main()
    return Done(end.value.code or 0, out.getvalue().decode(), err.getvalue().decode())


def start_relance(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a separate process, for tests of the environment."""
    return run_module("app.ops.cli", *arguments, env={**os.environ, **environment})


def answer(*arguments: str, **environment: str) -> Any:
    """Return the JSON that a successful command prints."""
    done = CliRunner().invoke(cli.relance, [*arguments, "--json"], env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def make_clinic(slug: str = "north") -> dict[str, str]:
    made: dict[str, str] = answer(
        "clinic", "create", "--name", "North", "--slug", slug, "--timezone", "Europe/Paris", "--region", "FR"
    )
    return made


def test_init_is_idempotent() -> None:
    report = answer("init")

    assert report["revision"] == report["was"]


def test_clinic_is_created_and_listed() -> None:
    make_clinic()

    assert [clinic["slug"] for clinic in answer("clinic", "list")] == ["north"]


@pytest.mark.parametrize("screen", [{}, {"COLUMNS": "60", "FORCE_COLOR": "1"}, {"COLUMNS": "200", "FORCE_COLOR": "1"}])
def test_clinic_list_breaks_no_words(screen: dict[str, str]) -> None:
    """In a file, in a narrow terminal and in a wide one."""
    made = make_clinic("the-clinic-with-a-rather-long-name")
    printed = CliRunner().invoke(cli.relance, ["clinic", "list"], env=screen).stdout
    assert [word for word in (made["slug"], made["id"], "Europe/Paris") if word not in printed] == []


def test_clinic_uses_english_by_default() -> None:
    make_clinic()

    assert [clinic["language"] for clinic in answer("clinic", "list")] == ["en"]
    assert answer("clinic", "language", "--clinic", "north", "FR-ca") == {"slug": "north", "language": "fr-CA"}
    assert [clinic["language"] for clinic in answer("clinic", "list")] == ["fr-CA"]
    wrong = relance("clinic", "language", "--clinic", "north", "french")
    assert (wrong.returncode, "language" in wrong.stderr) == (1, True)


def test_duplicate_slug_and_unknown_zone_are_reported_in_one_line() -> None:
    make_clinic()

    again = relance("clinic", "create", "--name", "N", "--slug", "north", "--timezone", "UTC", "--region", "FR")
    lost = relance("clinic", "create", "--name", "N", "--slug", "n", "--timezone", "Mars/Olympus", "--region", "FR")

    assert (again.returncode, lost.returncode) == (1, 1)
    assert len(again.stderr.splitlines()) == 1
    assert "timezone" in lost.stderr


def test_every_mistake_of_a_clinic_and_a_user_is_reported_at_once() -> None:
    make_clinic()
    wrong = ["--slug", "North 2", "--timezone", "Europe/Pari", "--region", "FRA", "--language", "fr_x_"]

    clinic = relance("clinic", "create", "--name", " ", *wrong)
    user = relance("user", "create", "--clinic", "north", "--email", "no", "--name", "", "--role", "doctor")

    for field in ("name", "slug", "timezone", "region", "language"):
        assert f"{field}: " in clinic.stderr
    assert "email: " in user.stderr
    assert "name: " in user.stderr
    assert [one["slug"] for one in answer("clinic", "list")] == ["north"]


def test_generated_password_is_shown_once() -> None:
    make_clinic()

    user = answer(
        "user", "create", "--clinic", "north", "--email", "a@north.example", "--name", "A", "--role", "doctor"
    )

    assert len(user["password"]) >= 12
    assert user["role"] == "doctor"


def test_password_from_input_is_never_shown() -> None:
    make_clinic()
    options = ("--clinic", "north", "--email", "b@north.example", "--name", "B", "--role", "clinic_admin")

    made = relance("user", "create", *options, "--password-stdin", "--json", said="four quiet green boats\n")

    assert made.returncode == 0, made.stderr
    assert "four quiet" not in made.stdout + made.stderr


def test_unknown_clinic_is_reported_with_a_hint() -> None:
    done = relance("user", "create", "--clinic", "x", "--email", "a@x.example", "--name", "A", "--role", "doctor")

    assert done.returncode == 1
    assert "relance clinic list" in done.stderr


def test_seed_is_refused_in_production() -> None:
    done = start_relance("seed", RELANCE_ENV="production")

    assert done.returncode == 1
    assert "production" in done.stderr


def test_retry_without_a_target_or_of_an_unknown_step_is_refused(tmp_path: Path) -> None:
    nothing = relance("steps", "retry")
    unknown = relance("steps", "retry", "01a1fcde-7aba-770f-b3e0-000000000000")

    assert nothing.returncode == 2
    assert "--failed" in nothing.stderr
    assert unknown.returncode == 1
    assert "there is no step" in unknown.stderr


def test_retry_of_notifications_reports_the_count() -> None:
    assert answer("notifications", "retry", "--failed", "--since", "2026-01-31") == {
        "matching": 0,
        "retried": 0,
    }


def test_invalid_time_is_refused() -> None:
    assert relance("notifications", "retry", "--failed", "--since", "yesterday").returncode == 2


def test_doctor_reports_problems_and_fixes() -> None:
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
