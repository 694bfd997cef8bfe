"""A user whose message the provider refused gets one notice in the app."""

from typing import Any

from app.engine.models import Kind
from tests.support.desk import Caller, Desk
from tests.support.smtp import SmtpServer
from workers import runner

pytest_plugins = ["tests.support.desk", "tests.support.practice"]

LEAD = "mia@lead.example"
MESSAGE = {"channel": "email", "subject": "Friday", "body": "Does Friday suit you?"}


def write(caller: Caller, lead: dict[str, Any]) -> str:
    answer = caller.post(f"/api/leads/{lead['id']}/messages", MESSAGE)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


def deliver(desk: Desk, lead: dict[str, Any], *, times: int = 1) -> None:
    steps = [step["id"] for step in desk.steps(lead, kind="deliver")]
    for _ in range(times):
        runner.run(Kind.DELIVER, steps)


def notices(caller: Caller) -> list[dict[str, Any]]:
    return [one for one in caller.every("/api/notifications/mine") if one["template"] == "message-failed"]


def test_author_of_a_refused_message_gets_one_notice(desk: Desk, smtp: SmtpServer) -> None:
    lead = desk.capture(email=LEAD)
    smtp.on("dot", "550 5.7.1 refused as spam")
    message = write(desk.coordinator, lead)
    deliver(desk, lead, times=3)  # the step's message arrives three times

    assert desk.admin.get(f"/api/notifications/{message}").body["state"] == "failed"
    [notice] = notices(desk.coordinator)
    assert notice["lead_id"] == lead["id"]
    assert notice["subject"].startswith("Not sent: your message to ")
    assert "spam" not in notice["body"]
    assert notices(desk.admin) == []


def test_message_that_is_sent_or_tried_again_causes_no_notice(desk: Desk, smtp: SmtpServer) -> None:
    lead = desk.capture(email=LEAD)
    smtp.on("rcpt", "451 4.2.1 try again later", times=1)
    write(desk.coordinator, lead)
    deliver(desk, lead)
    assert notices(desk.coordinator) == []
    write(desk.coordinator, lead)
    deliver(desk, lead)
    assert notices(desk.coordinator) == []
    assert len(smtp.accepted) == 1
