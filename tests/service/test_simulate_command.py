"""`relance simulate`, as somebody types it who has set up nothing yet."""

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
def typed(tmp_path: Path) -> Typed:
    """Runs the command where nothing is set and nothing is there."""
    bare = {"PATH": os.environ["PATH"], "RELANCE_HOME": str(tmp_path), "RELANCE_ENV": "production"}

    def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_module("app.ops.cli", "simulate", *arguments, env=bare)

    return typed


def test_it_needs_no_server_and_says_the_same_each_time(typed: Typed):
    done = typed("moving_sales", "--script", str(SCRIPT))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == SCRIPT.with_suffix(".txt").read_text(encoding="utf-8")


def test_programs_read_it_as_json_and_options_come_before_the_file(typed: Typed):
    done = typed("moving_sales", "--script", str(SCRIPT), "--days", "1", "--zone", "Europe/Berlin", "--json")
    assert done.returncode == 1  # the last of its entries lies beyond a day
    assert done.stderr.startswith("Error: script[2].at: must lie between")
    told = json.loads(typed("moving_sales", "--days", "1", "--start", "2026-03-10T15:00:00Z", "--json").stdout)
    assert (told["timezone"], told["timeline"][0]["name"]) == ("America/New_York", "lead.created")


def test_a_list_is_a_script_and_nothing_else(typed: Typed, tmp_path: Path):
    script = tmp_path / "script.yaml"
    script.write_text("- {at: +1 day, event: lead.lost}\n- {holiday: 2026-03-17}\n", encoding="utf-8")
    done = typed("orthodontics", "--start", "2026-03-10T15:00:00Z", "--days", "2", "--script", str(script))
    assert "lead.lost (reason NO_RESPONSE)" in done.stdout
    script.write_text("lead.lost", encoding="utf-8")
    assert typed("orthodontics", "--script", str(script)).stderr.startswith("Error: the file must hold")
