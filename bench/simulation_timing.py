"""Time simulations in a process that has Relance's settings, without any connection."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.automation.playbooks import shipped
from app.automation.simulation.lead import sample_lead
from app.automation.simulation.run import simulate
from app.automation.simulation.sandbox import sample_setting
from app.automation.simulation.script import read_script
from app.automation.simulation.world import World
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences

ZONE: Final = "America/New_York"
START: Final = datetime(2026, 3, 10, 15, tzinfo=UTC)
UNTIL: Final = START + timedelta(days=90)


def time_simulation(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the CPU milliseconds for a simulation of 90 days, and the number of timeline `entries`.

    `params` names the `playbook`, the `script`, how many `times`, and whether its rules are active (`rules`).
    """
    setting = sample_setting(shipped.load(params["playbook"]), zone=ZoneInfo(ZONE), region="US")
    if not params["rules"]:
        setting = replace(setting, rules=RuleSet(), sequences=PublishedSequences())
    script = read_script(params["script"], start=START, until=UNTIL)
    began = time.process_time()
    for _ in range(params["times"]):
        lead = sample_lead(stage=setting.first_stage, zone=ZONE, at=START)
        result = simulate("bench", World(setting, lead, now=START), script, until=UNTIL)
    milliseconds = (time.process_time() - began) * 1000
    return {"milliseconds": milliseconds / params["times"], "entries": float(len(result.timeline))}
