"""Trying a playbook that ships with a made-up lead, in a made-up clinic: no database is asked. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.automation.playbooks import shipped
from app.automation.simulation.facts import Facts, read_facts, read_instant
from app.automation.simulation.lead import sample_lead, set_facts
from app.automation.simulation.run import Beginning, simulate
from app.automation.simulation.sample_clinic import sample_setting
from app.automation.simulation.script import InvalidScript, read_script
from app.automation.simulation.timeline import Simulation
from app.clock import zones
from app.core.validation.validation_errors import Mistake, one_of

MOST_DAYS: Final = 366
DAYS: Final = 90

_DEFAULTS: Final[Mapping[str, Any]] = {
    "start": None,
    "days": DAYS,
    "zone": "America/New_York",
    "region": "US",
    "facts": {},
    "script": (),
}


def try_playbook(name: str, trial: Mapping[str, Any], *, now: datetime) -> Simulation:
    """Simulate the playbook with a new lead.

    `trial` may hold `start` (else now), `days`, the clinic's `zone` and `region`, the lead's `facts`, and a `script`.
    Raises InvalidPlaybook where none ships of that name, InvalidScript, UnknownHolidays.
    """
    wrong = [mistake for part in trial for mistake in one_of(part, _DEFAULTS, str(part))]
    if wrong:
        raise InvalidScript(wrong)
    said = {**_DEFAULTS, **trial}
    start, facts = _start(said, now), read_facts(said["facts"], "facts", start=now, about=("lead",))
    if mistakes := [*facts.mistakes, *_mistakes(said)]:
        raise InvalidScript(mistakes)
    return _run(name, said, facts, start=start)


def _run(name: str, said: Mapping[str, Any], facts: Facts, *, start: datetime) -> Simulation:
    until = start + timedelta(days=said["days"])
    setting = sample_setting(shipped.load(name), zone=ZoneInfo(said["zone"]), region=said["region"])
    script = read_script(said["script"], start=start, until=until)
    lead = sample_lead(stage=setting.first_stage, zone=said["zone"], at=start)
    set_facts(lead, facts.by_group["lead"])
    return simulate(name, Beginning(setting, lead), script, start=start, until=until)


def _start(said: Mapping[str, Any], now: datetime) -> datetime:
    try:
        return now if said["start"] is None else read_instant(said["start"], now)
    except ValueError as problem:
        raise InvalidScript([Mistake("start", str(problem))]) from None


def _mistakes(said: Mapping[str, Any]) -> list[Mistake]:
    days, zone = said["days"], said["zone"]
    is_length = isinstance(days, int) and 1 <= days <= MOST_DAYS
    mistakes = [] if is_length else [Mistake("days", f"must be a number from 1 to {MOST_DAYS}")]
    if zone not in zones():
        mistakes.append(Mistake("zone", "must be a zone such as America/New_York"))
    return mistakes
