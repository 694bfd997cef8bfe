"""Explanations of steps, as in `/why`."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.automation.language.explanations import of_step
from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.models import Kind, Reason

CALENDAR = Calendar(ZoneInfo("America/New_York"), BusinessHours.from_json({}))
DUE = datetime(2026, 11, 22, 19, 57, tzinfo=UTC)


def step(**given: Any) -> SimpleNamespace:
    usual = {"kind": Kind.SEND_MESSAGE, "state": "planned", "due_at": DUE, "finished_at": None, "reason": None}
    return SimpleNamespace(**{**usual, "moves": None, **given})


def test_step_above_a_rate_limit_names_the_limit():
    moves = [{"by": Reason.THROTTLED, "from": "2026-11-22T19:42:00+00:00", "to": DUE.isoformat()}]

    assert of_step(step(moves=moves), CALENDAR).endswith("by the rate limit of its gateway or sending account")


def test_step_without_a_reason_has_a_time_only():
    assert of_step(step(), CALENDAR) == "send_message is planned for Sun 22 Nov 2026 14:57 EST"


def test_other_reasons_are_named_by_their_code():
    assert of_step(step(state="skipped", reason=Reason.REPLIED), CALENDAR).endswith(" EST because of replied")


@pytest.mark.parametrize(
    ("reason", "advice", "mover"),
    [
        (Reason.NO_GATEWAY, "POST /api/gateways", "the missing gateway"),
        (Reason.NO_ACCOUNT, "POST /api/sending-accounts", "the missing sending account"),
        (Reason.RULE_PAUSED, "PATCH /api/follow-up-rules", "the pause of its rule or sequence"),
        (Reason.CHANNEL_DOWN, "GET /api/notifications/outages", "the outage"),
    ],
)
def test_step_that_waits_for_an_admin_has_advice(reason: Reason, advice: str, mover: str):
    moves = [{"by": reason, "from": "2026-11-22T19:42:00+00:00", "to": DUE.isoformat()}]
    found = of_step(step(reason=reason, moves=moves), CALENDAR)

    assert advice in found
    assert found.endswith(f", moved from Sun 22 Nov 2026 14:42 EST by {mover}")
    assert reason not in found
