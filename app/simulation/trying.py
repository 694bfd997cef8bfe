"""Trying a playbook that ships with a made-up lead, in a made-up clinic: no database is asked. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.automation import playbooks
from app.simulation.facts import read_facts
from app.simulation.lead import sample_lead, set_facts
from app.simulation.run import simulate
from app.simulation.sample import sample_setting
from app.simulation.script import InvalidScript, read_script
from app.simulation.timeline import Simulation

MOST_DAYS: Final = 366
DAYS: Final = 90


def try_playbook(
    name: str,
    *,
    start: datetime,
    days: int = DAYS,
    zone: str = "America/New_York",
    region: str = "US",
    facts: Mapping[str, Any] | None = None,
    script: Sequence[Any] = (),
) -> Simulation:
    """What the playbook does with a lead that comes in at `start`, for so many days.

    `facts` are the lead's, by path. Raises InvalidPlaybook where none ships of that name, InvalidScript,
    UnknownHolidays.
    """
    setting = sample_setting(playbooks.load(name), zone=ZoneInfo(zone), region=region)
    until = start + timedelta(days=days)
    read = read_script(script, start=start, until=until)
    lead = sample_lead(stage=next(iter(setting.stages)), zone=zone, at=start)
    set_facts(lead, _facts(facts or {}, start))
    return simulate(name, setting, lead, read, start=start, until=until)


def _facts(given: Mapping[str, Any], start: datetime) -> Mapping[str, Any]:
    read = read_facts(given, "facts", start=start, about=("lead",))
    if read.mistakes:
        raise InvalidScript(read.mistakes)
    return read.by_group["lead"]
