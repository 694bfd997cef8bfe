"""The id of a request in the steps that it began, in the steps that follow from them, and in their log lines."""

import json
from typing import Any

import pytest

from app.core.telemetry import logs
from app.engine.models import Kind
from tests.support.desk import Desk
from tests.support.practice import Watch
from workers import runner

NAMES = {"greet", "again", "deliver", "told"}
MESSAGE = {"channel": "email", "template": "hello", "transactional": True}
RULES: list[dict[str, Any]] = [
    {"name": "greet", "on": "lead.created", "do": [{"send_message": MESSAGE}]},
    {
        "name": "again",
        "on": "lead.created",
        "after": "1 day",
        "do": [{"create_task": {"title": "Call", "type": "CALL"}}],
    },
    {"name": "told", "on": "task.created", "do": [{"send_message": MESSAGE}]},
]
TEMPLATE = {
    "slug": "hello",
    "name": "Hello",
    "variants": [{"subject": "Hello", "body": "Hello {{ lead.first_name }}"}],
}


@pytest.fixture
def lead(watch: Watch, desk: Desk) -> dict[str, Any]:
    """A lead captured by the request `from-the-form-7`, whose rules have planned their steps."""
    for path, body in [("/api/message-templates", TEMPLATE), *(("/api/follow-up-rules", rule) for rule in RULES)]:
        assert desk.admin.post(path, body).status == 201
    given = desk.lead_data(email="mia@lead.example")
    headers = {"Authorization": f"Bearer {desk.admin.token}", "X-Request-Id": "from-the-form-7"}
    answer = desk.client().post("/api/leads", json=given, headers=headers)
    assert answer.status_code == 201
    lead: dict[str, Any] = answer.get_json()
    return lead


def requests(desk: Desk, lead: dict[str, Any]) -> dict[str, str | None]:
    """Return the request of each of our steps of the lead, by name."""
    found = desk.sql("SELECT name, cause FROM steps WHERE lead_id = :id", id=lead["id"])
    return {row.name: row.cause.get("request_id") for row in found if row.name in NAMES}


def test_steps_and_their_follow_up_steps_name_the_request(desk: Desk, lead: dict[str, Any]):
    runner.run(Kind.SEND_MESSAGE, [])
    assert requests(desk, lead) == dict.fromkeys(("greet", "again", "deliver"), "from-the-form-7")


def test_steps_of_rules_on_events_of_a_step_name_the_request(watch: Watch, desk: Desk, lead: dict[str, Any]):
    """The task of the rule `again` is created a day later, by a worker that has no request of its own."""
    watch.advance(days=1)
    with logs.of_request(None):
        runner.run(Kind.CREATE_TASK, [])
    assert requests(desk, lead)["told"] == "from-the-form-7"


def test_log_line_of_a_failing_step_names_the_request(
    desk: Desk, lead: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    logs.configure()
    desk.sql("UPDATE steps SET params = params || '{\"template\": \"gone\"}' WHERE name = 'greet'")
    with logs.of_request(None):  # a worker has no request of its own
        runner.run(Kind.SEND_MESSAGE, [])
        assert logs.request_id() is None
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["request_id"] for line in lines if line["event"] == "step.raised"] == ["from-the-form-7"]
