"""Scenarios: one module each. Its name is the name on the command line. It has a TITLE, a METHOD (for the README) and

    run(servers: Servers, *, runs: int, quick: bool, only: str) -> list[Row]

and may have `verdicts(rows: Sequence[Row]) -> list[str]`: sentences that compare the rows with the targets.
A new module needs no registration.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Protocol

from bench.figures import Row
from bench.servers import Servers

ORDER = (
    *(
        "drain",
        "lateness",
        "busy_lateness",
        "fairness",
        "webhooks",
        "pending",
        "large_pending",
        "long_transaction",
        "capture",
        "rules",
        "parts",
        "security",
        "reads",
        "views",
        "bulk",
        "imports",
    ),
    *(
        "exports",
        "simulate",
        "enrollments",
        "mails",
        "inbound",
        "live",
        "analytics",
        "large_analytics",
        "scores",
        "console",
        "idle",
    ),
)


class Scenario(Protocol):
    TITLE: str
    METHOD: str

    def run(self, servers: Servers, *, runs: int, quick: bool, only: str) -> list[Row]: ...


def all_scenarios() -> dict[str, Scenario]:
    """Every scenario module by its name, in the order of the README."""
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    names = [name for name in ORDER if name in found] + sorted(found - set(ORDER))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def verdicts_on(scenario: Scenario, rows: Sequence[Row]) -> list[str]:
    judge = getattr(scenario, "verdicts", None)
    return judge(rows) if judge else []
