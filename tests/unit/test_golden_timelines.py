"""The timelines of all playbooks that ship, as they were when somebody last read them: what has changed is seen."""

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
    """What writes a timeline anew, to be read before it is kept."""
    within = script.relative_to(GOLDEN.parents[1])
    return f"relance simulate {script.parent.name} --script {within} > {within.with_suffix('.txt')}"


@pytest.mark.parametrize("name", shipped.names())
def test_a_playbook_that_ships_shows_what_becomes_of_a_lead_that_is_left_alone(name: str):
    script = GOLDEN / name / "left-alone.yaml"
    assert script.is_file(), f"say a start and days in {script}, then: {command(script)}"


@pytest.mark.parametrize("script", SCRIPTS, ids=[f"{path.parent.name}/{path.stem}" for path in SCRIPTS])
def test_a_timeline_is_what_it_was_when_it_was_last_read(script: Path):
    trial = yaml.safe_load(script.read_text(encoding="utf-8"))
    told = "\n".join(lines(try_playbook(script.parent.name, trial, now=NOW))) + "\n"
    kept = script.with_suffix(".txt")
    assert kept.is_file(), command(script)
    assert told == kept.read_text(encoding="utf-8"), command(script)
