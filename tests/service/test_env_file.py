"""Settings from the environment file of the systemd units."""

import os
import subprocess
from pathlib import Path

import pytest

from app.ops.embedded import WrongSetting
from app.ops.stack.env_file import parse_env_file
from tests.support.environment import ROOT
from tests.support.fork_server import run_module

EXAMPLE = ROOT / "deploy" / "systemd" / "environment.example"


def sourced(file: Path) -> dict[str, str]:
    """Return the variables that a shell has after it sourced the file."""
    command = ["sh", "-ec", f"set -a; . '{file}'; exec env -0"]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    variables = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in variables.items() if name not in {"PWD", "OLDPWD", "SHLVL", "_"}}


def test_example_is_read_alike_by_a_shell_and_by_commands():
    variables = parse_env_file(EXAMPLE)
    assert variables["MAIL_FROM"] == "Clinic <hello@example.com>"
    assert sourced(EXAMPLE) == variables


@pytest.mark.usefixtures("clean_database", "clean_broker")
def test_command_runs_with_the_settings_of_the_units(tmp_path: Path):
    """The environment of the shell has none of them, or others."""
    filled = {**parse_env_file(EXAMPLE), "SECRET_KEY": os.environ["SECRET_KEY"], "RELANCE_HOME": str(tmp_path)}
    filled |= {name: os.environ[name] for name in ("DATABASE_URL", "BROKER_URL")}
    file = tmp_path / "environment"
    file.write_text("# Settings\n" + "".join(f'{name}="{value}"\n' for name, value in filled.items()))
    other_home = str(tmp_path / "other")  # the folder of a demo may be that of a running one
    bare = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "of another installation, 32 characters",
        "RELANCE_HOME": other_home,
    }
    done = run_module("app.ops.cli", "--env-file", str(file), "clinic", "list", env=bare)
    assert (done.returncode, "There are no clinics yet" in done.stdout) == (0, True), done.stderr
    refused = run_module("app.ops.cli", "clinic", "list", env=bare)
    assert (refused.returncode, "set DATABASE_URL, BROKER_URL" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [("MAIL FROM=x", "line 1: write NAME=value"), ("A=1\nexport B=2", "line 2: write"), ('A="x" y', "quotes of A")],
)
def test_wrong_line_is_named_without_its_value(tmp_path: Path, text: str, says: str):
    file = tmp_path / "environment"
    file.write_text(text)
    with pytest.raises(WrongSetting, match=says):
        parse_env_file(file)
    done = run_module("app.ops.cli", "--env-file", str(file), "clinic", "list", env={"PATH": os.environ["PATH"]})
    assert (done.returncode, len(done.stderr.splitlines()), says in done.stderr) == (2, 1, True)


def test_missing_file_is_named(tmp_path: Path):
    done = run_module("app.ops.cli", "--env-file", str(tmp_path / "none"), "clinic", "list", env={"PATH": ""})
    assert (done.returncode, len(done.stderr.splitlines()), "none cannot be read" in done.stderr) == (2, 1, True)
