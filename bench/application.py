"""Relance as the application under test: a migrated database with a clinic, and actions in their own processes."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from app.leads import duplicates
from bench.processes import python, run
from bench.servers import Servers

COORDINATOR_PASSWORD = "a bench needs no secret"
MINUTE = timedelta(minutes=1)


def environment(servers: Servers, **more: str) -> dict[str, str]:
    """Return the environment of Relance's processes."""
    return {
        "RELANCE_ENV": "test",
        "SECRET_KEY": "only-for-benchmarks-" + "0123456789abcdef",
        "DATABASE_URL": servers.database_url(),
        "OWNER_DATABASE_URL": servers.database_url(),
        "BROKER_URL": servers.broker_url,
        "LOG_LEVEL": "WARNING",
        "RATE_LIMIT_PER_MINUTE": "1000000000",  # counted, never reached
        **more,
    }


def begin(servers: Servers, *, rules: bool) -> dict[str, Any]:
    """Create a migrated database with one clinic. `rules`: whether its playbook's rules are installed.

    Returns its ids: clinic, coordinator, source, and a token of the coordinator.
    """
    servers.flush_broker()
    servers.fresh_database()
    env = environment(servers)
    run(python("-m", "alembic", "upgrade", "head"), env=env)
    made: dict[str, Any] = run_action(servers, "open", json.dumps({"rules": rules}))
    return made


def run_action(servers: Servers, name: str, params: str, env: Mapping[str, str] | None = None) -> Any:
    """Run an action in a process that has Relance's settings. Returns its JSON output."""
    printed = run(
        python("-m", "bench.action_process", name), env=environment(servers, **(env or {})), stdin=params, timeout=600
    )
    return json.loads(printed or "null")


def lead_body(number: int, source_id: str) -> dict[str, Any]:
    """Return the JSON body of a new lead."""
    return {
        "first_name": _name("given_names.txt", number),
        "last_name": _name("surnames.txt", number),
        "email": f"ada.{number}@example.com",
        "phone": f"+1415{2_000_000 + number:07d}",
        "treatment_interest": ["INVISALIGN"],
        "source_id": source_id,
        "notes": "Asked for an appointment in the afternoon.",
    }


def _name(file: str, number: int) -> str:
    """Return the name of the person with this number. As in real clinics, a hundred names are those of a third."""
    dice, names = Random(f"{file} {number}"), _names(file)
    return names[int(10 * (len(names) / 10 + 1) ** dice.random()) - 10].title()


@lru_cache(maxsize=2)
def _names(file: str) -> list[str]:
    """Return the names of a list of the comparison of names, the first ones being the most common in a benchmark."""
    lines = Path(duplicates.__path__[0], file).read_text().splitlines()
    names = [name for line in lines if not line.startswith("#") for name in line.split()]
    Random(file).shuffle(names)
    return names


def lead_rows(ids: list[UUID], clinic: Mapping[str, Any], at: datetime) -> list[dict[str, Any]]:
    """Return rows of leads of this clinic."""
    return [
        {
            "id": id,
            "clinic_id": clinic["clinic_id"],
            "status": "NEW",
            "pipeline_stage": "new_lead",
            "stage_entered_at": at,
            "patient_first_name": "Ada",
            "patient_last_name": "Lovelace",
            "patient_relationship": "SELF",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "email": f"ada.{id}@example.com",
            "preferred_contact": "EMAIL",
            "source_id": clinic["source_id"],
            "treatment_interest": [],
            "assigned_to_id": clinic["user_id"],
            "failed_attempts": 0,
            "last_activity_at": at,
            "created_at": at,
            "updated_at": at,
            "version": 1,
        }
        for id in ids  # noqa: A001
    ]
