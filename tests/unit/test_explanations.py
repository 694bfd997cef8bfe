"""Explanations of steps, as in `/why`."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.automation.lead_view.explanations import of_step
from app.automation.sequences.models import PauseReason
from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.models import Kind, Reason
from app.engine.sequences.sequence import ExitReason

CALENDAR = Calendar(ZoneInfo("America/New_York"), BusinessHours.from_json({}))
POSTPONING = (
    *(Reason.NO_GATEWAY, Reason.NO_ACCOUNT, Reason.RULE_PAUSED, Reason.CHANNEL_DOWN, Reason.THROTTLED),
    *(Reason.OUTSIDE_HOURS, Reason.OUTSIDE_BUSINESS_HOURS, Reason.WEEKEND, Reason.HOLIDAY, Reason.DAILY_CAP),
    *(Reason.WEEKLY_CAP, Reason.MINIMUM_INTERVAL, Reason.ANOTHER_TOUCH, Reason.PREVIOUS_MESSAGE),
    *(Reason.WAITS_FOR_DIGEST, Reason.WAITS_FOR_HOUR),
)
DUE = datetime(2026, 11, 22, 19, 57, tzinfo=UTC)


def step(**given: Any) -> SimpleNamespace:
    usual = {"kind": Kind.SEND_MESSAGE, "state": "planned", "due_at": DUE, "finished_at": None, "reason": None}
    return SimpleNamespace(**{**usual, "moves": None, "outcome": None, **given})


def test_step_above_a_rate_limit_names_the_limit():
    moves = [{"by": Reason.THROTTLED, "from": "2026-11-22T19:42:00+00:00", "to": DUE.isoformat()}]

    assert of_step(step(moves=moves), CALENDAR).endswith("by the rate limit of its gateway or sending account")


def test_step_without_a_reason_has_a_time_only():
    assert of_step(step(), CALENDAR) == "send_message is planned for Sun 22 Nov 2026 14:57 EST"


@pytest.mark.parametrize("reason", [*Reason, *ExitReason, *PauseReason])
def test_each_reason_has_words_instead_of_its_code(reason: str):
    found = of_step(step(state="skipped", reason=reason), CALENDAR)

    assert " because " in found
    assert "because of" not in found


def test_step_outside_of_a_session_names_the_missing_template():
    found = of_step(step(state="skipped", reason=Reason.OUTSIDE_SESSION), CALENDAR)

    assert "because the lead wrote nothing on WhatsApp in the 24 hours before" in found
    assert "`provider_template`" in found


@pytest.mark.parametrize("reason", POSTPONING)
def test_each_reason_that_postpones_a_step_is_a_mover_in_words(reason: Reason):
    moves = [{"by": reason, "from": "2026-11-22T19:42:00+00:00", "to": DUE.isoformat()}]

    assert not of_step(step(moves=moves), CALENDAR).endswith(f"by {reason}")


def test_reason_of_an_older_version_is_named_by_its_code():
    assert of_step(step(state="skipped", reason="long_gone"), CALENDAR).endswith(" EST because of long_gone")


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
