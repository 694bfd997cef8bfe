"""Time simulations in a process that has Relance's settings, without any connection."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.automation.playbooks import shipped
from app.automation.simulation.lead import sample_lead
from app.automation.simulation.run import StartState, simulate
from app.automation.simulation.sandbox import sample_setting
from app.automation.simulation.script import read_script
from app.engine.rules.rules import RuleSet
from app.engine.sequences.definitions import PublishedSequences

ZONE: Final = "America/New_York"
START: Final = datetime(2026, 3, 10, 15, tzinfo=UTC)
UNTIL: Final = START + timedelta(days=90)


def time_simulating(given: Mapping[str, Any]) -> dict[str, float]:
    """Return the CPU milliseconds for a simulation of 90 days, and the number of timeline entries as `told`.

    `given` names the `playbook`, the `script`, how many `times`, and whether its rules are in force (`rules`).
    """
    setting = sample_setting(shipped.load(given["playbook"]), zone=ZoneInfo(ZONE), region="US")
    if not given["rules"]:
        setting = replace(setting, rules=RuleSet(), sequences=PublishedSequences())
    script = read_script(given["script"], start=START, until=UNTIL)
    begun = time.process_time()
    for _ in range(given["times"]):
        lead = sample_lead(stage=setting.first_stage, zone=ZONE, at=START)
        told = simulate("bench", StartState(setting, lead), script, start=START, until=UNTIL)
    took = (time.process_time() - begun) * 1000
    return {"took": took / given["times"], "told": float(len(told.timeline))}
