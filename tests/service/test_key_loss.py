"""A lost SECRET_KEY: the steps of the runbook let processes start again."""

from typing import Any

from click.testing import CliRunner, Result

from app.core.db import transaction
from app.ops import cli
from app.security.key_verification import Fault, find_key_problems
from tests.support.desk import Desk
from tests.support.keys import ANOTHER


def relance(*arguments: str) -> Result:
    return CliRunner().invoke(cli.relance, arguments)


def faults() -> set[Fault]:
    with transaction() as session:
        return {problem.fault for problem in find_key_problems(session)}


def test_processes_start_again_after_the_secret_is_lost(desk: Desk, secrets: Any):
    desk.capture(email="ana@lead.example")
    assert faults() == set()
    secrets(SECRET_KEY=ANOTHER)
    assert faults() == {Fault.OTHER, Fault.BLIND_INDEX}

    secrets(SECRET_KEY=ANOTHER, ENCRYPTION_KEYS=relance("keys", "new", "2027", "--alone").stdout.strip())
    forgotten = relance("keys", "forget", "0")
    assert forgotten.exit_code == 0, forgotten.output
    rotated = relance("keys", "rotate", "--new-blind-index-key")
    assert "unreadable leads: 1" in rotated.stdout
    assert faults() == set()
