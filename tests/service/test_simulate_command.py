"""`relance simulate` without any set-up."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fork_server import run_module

ROOT = Path(__file__).parents[2]
Typed = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = ROOT / "tests/golden/moving_sales/quote.yaml"


@pytest.fixture
def simulate_command(tmp_path: Path) -> Typed:
    """Return a function that runs the command with an empty environment, in an empty folder."""
    bare = {"PATH": os.environ["PATH"], "RELANCE_HOME": str(tmp_path), "RELANCE_ENV": "production"}

    def simulate_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_module("app.ops.cli", "simulate", *arguments, env=bare)

    return simulate_command


def test_simulate_needs_no_server_and_is_deterministic(simulate_command: Typed):
    done = simulate_command("moving_sales", "--script", str(SCRIPT))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == SCRIPT.with_suffix(".txt").read_text(encoding="utf-8")


def test_json_output_and_options_before_the_file_work(simulate_command: Typed):
    done = simulate_command("moving_sales", "--script", str(SCRIPT), "--days", "1", "--zone", "Europe/Berlin", "--json")
    assert done.returncode == 1  # the last of its entries lies beyond a day
    assert done.stderr.startswith("Error: script[2].at: must lie between")
    told = json.loads(
        simulate_command("moving_sales", "--days", "1", "--start", "2026-03-10T15:00:00Z", "--json").stdout
    )
    assert (told["timezone"], told["timeline"][0]["name"]) == ("America/New_York", "lead.created")


def test_script_file_may_be_a_list_but_not_a_text(simulate_command: Typed, tmp_path: Path):
    script = tmp_path / "script.yaml"
    script.write_text("- {at: +1 day, event: lead.lost}\n- {holiday: 2026-03-17}\n", encoding="utf-8")
    done = simulate_command("orthodontics", "--start", "2026-03-10T15:00:00Z", "--days", "2", "--script", str(script))
    assert "lead.lost (reason NO_RESPONSE)" in done.stdout
    script.write_text("lead.lost", encoding="utf-8")
    assert simulate_command("orthodontics", "--script", str(script)).stderr.startswith("Error: the file must hold")
