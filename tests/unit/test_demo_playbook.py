"""Demo playbook: the shipped rules with shorter delays, in a zone where it is noon."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from app.automation.playbooks import shipped as playbooks
from app.automation.playbooks.onboarding import DEFAULT_PLAYBOOK
from app.engine.rules.rules import read_rule
from app.ops.demo.scenario import ACTIONS, ENDS_AFTER
from app.ops.demo.scenario_clinic import SHORTENED, shortened_playbook, zone_at_hour


def test_demo_playbook_finishes_in_less_than_a_minute() -> None:
    shipped = playbooks.load(DEFAULT_PLAYBOOK)
    played = playbooks.read(shortened_playbook())

    assert [rule["name"] for rule in played.rules] == [rule["name"] for rule in shipped.rules]
    assert all(read_rule(rule).timing.wait.time < timedelta(seconds=ENDS_AFTER) for rule in played.rules)


def test_every_shortened_delay_exists_in_the_shipped_playbook() -> None:
    played = shortened_playbook()

    assert not [usual for usual in SHORTENED if f" {usual}" in played]
    assert "clock: business" not in played


@pytest.mark.parametrize("hour", range(24))
def test_demo_zone_is_near_noon_at_every_hour(hour: int) -> None:
    at = datetime(2026, 3, 1, hour, 10, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        there = at.astimezone(ZoneInfo(zone_at_hour(12)))

    assert there.hour in {11, 12}


def test_demo_steps_are_due_in_order() -> None:
    assert [turn.at for turn in ACTIONS] == sorted(turn.at for turn in ACTIONS)
    assert ACTIONS[-1].at < ENDS_AFTER
