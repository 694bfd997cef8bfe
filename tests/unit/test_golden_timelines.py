"""Stored timelines of the shipped playbooks, which show each change of behavior."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from app.automation.playbooks import shipped
from app.automation.simulation.sandbox import try_playbook
from app.ops.cli.support.simulation_text import lines

GOLDEN = Path(__file__).parents[1] / "golden"
SCRIPTS = sorted(GOLDEN.glob("*/*.yaml"))
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


def command(script: Path) -> str:
    """Return the command that writes a timeline again, for review."""
    within = script.relative_to(GOLDEN.parents[1])
    return f"relance simulate {script.parent.name} --script {within} > {within.with_suffix('.txt')}"


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_playbook_has_a_timeline_of_an_untouched_lead(name: str):
    script = GOLDEN / name / "left-alone.yaml"
    assert script.is_file(), f"say a start and days in {script}, then: {command(script)}"


@pytest.mark.parametrize("script", SCRIPTS, ids=[f"{path.parent.name}/{path.stem}" for path in SCRIPTS])
def test_timeline_matches_the_stored_one(script: Path):
    trial = yaml.safe_load(script.read_text(encoding="utf-8"))
    told = "\n".join(lines(try_playbook(script.parent.name, trial, now=NOW))) + "\n"
    kept = script.with_suffix(".txt")
    assert kept.is_file(), command(script)
    assert told == kept.read_text(encoding="utf-8"), command(script)
