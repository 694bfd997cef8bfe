"""One pending e-mail to a lead, for tests of deliveries."""

from typing import Any

from app.engine.models import Kind
from tests.support.practice import Practice, Watch

SEND = Kind.DELIVER


def about_to_be_delivered(practice: Practice) -> Practice:
    """With one e-mail to a lead that is about to be delivered."""
    lead = practice.capture(email="mia@lead.example")
    practice.fail_to_reach(lead)
    practice.run(Kind.SEND_MESSAGE)
    return practice


def note(practice: Practice) -> Any:
    return practice.row("notifications", channel="email")


def deliveries(practice: Practice) -> list[tuple[int, str, str]]:
    return [(row.attempt, row.outcome, row.response) for row in practice.rows("deliveries")]


def delivery_step(practice: Practice) -> Any:
    return practice.step(kind="deliver")


def try_again(practice: Practice, watch: Watch) -> None:
    watch.set(max(step.due_at for step in practice.steps(kind="deliver")))
    practice.run(SEND)
