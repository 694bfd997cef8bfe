"""The story of each step in `/why` and `/automation`: who or what began it, what moved it, what stopped it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import yaml

from app.api.clinic.settings_schemas import ContactPolicyIn
from app.clock import now
from app.core.db import transaction
from app.engine.models import BegunBy, Kind
from app.identity.models import Role
from app.messaging.contact_policy.settings import set_contact_policy
from app.messaging.delivery import retry
from app.messaging.inbound.effects import ask_for_opt_out
from app.messaging.models import AddressKind
from app.messaging.user_notices import mentions
from tests.support.bulk import work_off
from tests.support.desk import Caller, Desk, the_app
from tests.support.enrolling import TEMPLATES, call, mail, sequence
from tests.support.nurturing import run_nurtures
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from tests.support.smtp import SmtpServer

pytest_plugins = ["tests.support.practice"]

TASK = {"create_task": {"type": "CALL", "title": "Call"}}
PLAYBOOK: Mapping[str, Any] = {
    "name": "ours",
    "templates": TEMPLATES,
    "rules": [
        {"name": "call", "on": "lead.created", "after": "1 day", "do": [TASK]},
        {"name": "again", "on": "lead.created", "after": "1 hour", "every": "1 day", "do": [TASK]},
        {
            "name": "either",
            "on": "lead.created",
            "do": [{"branch": {"if": [{"field": "lead.email", "exists": True}], "then": [TASK]}}],
        },
        {
            "name": "mail",
            "on": "lead.attempt_failed",
            "do": [{"send_message": {"channel": "email", "template": "one"}}],
        },
        {"name": "start", "on": "lead.contacted", "do": [{"enroll": {"sequence": "welcome"}}]},
    ],
    "sequences": [sequence(call("first"), mail("hello", "1 day"), exit_on_colleague="custom.company")],
    "fields": [{"key": "company", "label": "Company", "type": "text"}],
    "nurtures": [{"name": "warm", "sequence": "welcome", "score_from": 1, "score_to": 9, "silent_for": "1 minute"}],
}


class Log:
    """A clinic, and what its API tells about the steps of a lead."""

    def __init__(self, practice: Practice, watch: Watch) -> None:
        self.practice, self.watch = practice, watch
        self.desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))

    def admin(self) -> Caller:
        return self.desk.hire(Role.CLINIC_ADMIN)

    def sequence_path(self) -> str:
        return f"/api/sequences/{self.practice.row('sequences').id}"

    def why(self, lead: UUID, **query: Any) -> list[dict[str, Any]]:
        return self.admin().every(f"/api/leads/{lead}/why", **query)

    def step(self, lead: UUID, begun_by: BegunBy) -> dict[str, Any]:
        """Return the latest step that began in this way, from `/automation`."""
        found = [one for one in self.admin().every(f"/api/leads/{lead}/automation") if one["begun_by"] == begun_by]
        return found[-1]

    def enroll(self, lead: UUID) -> None:
        assert self.admin().post(f"{self.sequence_path()}/enrollments", {"lead_ids": [str(lead)]}).body["enrolled"] == 1


@pytest.fixture
def log(open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer) -> Log:
    return Log(open_practice(playbook=yaml.safe_dump(dict(PLAYBOOK))), watch)


def _of_a_rule(log: Log) -> UUID:
    return log.practice.capture()


def _of_a_backfill(log: Log) -> UUID:
    lead = log.practice.capture()
    sql("DELETE FROM steps")
    rule = log.practice.row("rules", slug="call")
    job = log.admin().post(f"/api/follow-up-rules/{rule.id}/backfill", {"per_hour": 100}).body["job"]
    work_off(log.desk, job)
    return lead


def _of_a_branch(log: Log) -> UUID:
    lead = log.practice.capture()
    log.practice.run_due()
    return lead


def _of_a_repetition(log: Log) -> UUID:
    lead = log.practice.capture()
    log.watch.advance(hours=1)
    log.practice.run_due()
    return lead


def _of_a_sequence(log: Log) -> UUID:
    lead = log.practice.capture()
    log.enroll(lead)
    return lead


def _of_a_stage(log: Log) -> UUID:
    given = {"name": "Welcome", "title": "Say hello", "type": "CALL", "stage": "contacted", "due_in": "1 hour"}
    answer = log.admin().post("/api/task-templates", given)
    assert answer.status == 201, answer.body
    lead = log.practice.capture()
    log.practice.move(lead, "contacted")
    return lead


def _of_another_step(log: Log) -> UUID:
    lead = log.practice.capture()
    log.practice.fail_to_reach(lead, times=1)
    log.practice.run_due()
    return lead


def _of_a_retry(log: Log) -> UUID:
    lead = _of_another_step(log)
    sql("UPDATE notifications SET state = 'failed' WHERE user_id IS NULL")
    [message] = [one for one in log.practice.rows("notifications", lead_id=lead) if one.user_id is None]
    with transaction() as session:
        retry.retry(session, log.practice.actor(), message.id)
    return lead


def _of_a_colleague(log: Log) -> UUID:
    lead, other = (log.practice.capture(custom={"company": "ACME"}) for _ in range(2))
    log.enroll(lead)
    log.practice.hear_from(other)
    return lead


def _of_a_user(log: Log) -> UUID:
    lead = log.practice.capture(email="mia@lead.example")
    said = {"channel": "email", "subject": "Hello", "body": "Shall we book Friday?"}
    assert log.admin().post(f"/api/leads/{lead}/messages", said).status == 201
    return lead


def _of_a_notice(log: Log) -> UUID:
    lead, colleague = log.practice.capture(), log.practice.people[Role.CLINIC_ADMIN]
    with transaction() as session:
        note = {"type": "NOTE", "notes": "See the X-rays", "mentions": [colleague]}
        mentions.log_activity(session, log.practice.actor(Role.TREATMENT_COORDINATOR), lead, note)
    return lead


def _of_a_question(log: Log) -> UUID:
    lead = log.practice.capture()
    with transaction() as session:
        actor = log.practice.actor()
        asked = ask_for_opt_out(session, actor, lead, "Please remove me.", kind=AddressKind.EMAIL, at=now())
    assert asked is not None
    return lead


# How each way begins in a test. `JOB` and `WEBHOOK` have no lead, so no lead has a story of them.
SCENARIOS: Mapping[BegunBy, Callable[[Log], UUID]] = {
    BegunBy.RULE: _of_a_rule,
    BegunBy.BACKFILL: _of_a_backfill,
    BegunBy.BRANCH: _of_a_branch,
    BegunBy.REPETITION: _of_a_repetition,
    BegunBy.SEQUENCE: _of_a_sequence,
    BegunBy.STAGE: _of_a_stage,
    BegunBy.STEP: _of_another_step,
    BegunBy.RETRY: _of_a_retry,
    BegunBy.COLLEAGUE: _of_a_colleague,
    BegunBy.QUESTION: _of_a_question,
    BegunBy.USER: _of_a_user,
    BegunBy.NOTICE: _of_a_notice,
}


def test_every_way_to_begin_a_step_has_a_scenario():
    assert {*SCENARIOS, BegunBy.JOB, BegunBy.WEBHOOK} == {*BegunBy}


@pytest.mark.parametrize("begun_by", list(SCENARIOS))
def test_each_step_has_a_story(log: Log, begun_by: BegunBy):
    lead = SCENARIOS[begun_by](log)
    step = log.step(lead, begun_by)
    stories = log.why(lead, step=step["id"])
    [shown, *_] = [one for story in stories for one in story["steps"] if one["id"] == step["id"]]
    assert (shown["begun_by"], shown["state"]) == (begun_by, step["state"])
    assert shown["because"].startswith(f"{step['name']}: {step['kind']}")
    assert stories[0] in log.why(lead)


def test_every_step_of_a_lead_is_in_its_stories(log: Log):
    lead = log.practice.capture(custom={"company": "ACME"})
    log.enroll(lead)
    log.practice.fail_to_reach(lead, times=1)
    log.practice.run_due()
    log.practice.hear_from(lead)
    shown = {step["id"] for story in log.why(lead) for step in story["steps"]}
    listed = {step["id"] for step in log.admin().every(f"/api/leads/{lead}/automation") if step["kind"] != "deliver"}
    assert listed <= shown


def _by_a_rule(log: Log, lead: UUID) -> None:
    log.practice.speak_with(lead)
    log.practice.run_due()


def _by_a_bulk_job(log: Log, lead: UUID) -> None:
    path = f"{log.sequence_path()}/enrollments/bulk"
    work_off(log.desk, log.admin().post(path, {"lead_ids": [str(lead)], "client_key": "x"}).body)


def _by_a_nurture(log: Log, lead: UUID) -> None:
    sql("UPDATE leads SET score = 5")
    log.watch.set(at("2026-03-10 14:00"))
    run_nurtures()


@pytest.mark.parametrize(
    ("enroll", "begun_by", "name"),
    [
        (Log.enroll, "user", None),
        (_by_a_bulk_job, "bulk_job", None),
        (_by_a_nurture, "nurture", "warm"),
        (_by_a_rule, "rule", "start"),
    ],
)
def test_enrollment_shows_its_beginning_and_its_end(
    log: Log, enroll: Callable[[Log, UUID], None], begun_by: str, name: str | None
):
    lead = log.practice.capture()
    enroll(log, lead)
    log.practice.hear_from(lead)
    [story] = [one for one in log.why(lead) if one["event"] == "sequence.enrolled"]
    enrolled = story["enrollment"]
    assert (enrolled["sequence"], enrolled["begun_by"], enrolled["begun_by_name"]) == ("welcome", begun_by, name)
    assert (enrolled["state"], enrolled["reason"], enrolled["user_id"] is not None) == (
        "exited",
        "replied",
        begun_by in {"user", "bulk_job"},
    )
    assert "because the lead replied" in enrolled["because"]
    assert [step["name"] for step in story["steps"]][:1] == ["welcome/first"]
    assert log.why(lead, rule="welcome") == [story]


def test_quiet_hours_are_shown_as_moves_of_a_sequence_step(log: Log):
    lead = log.practice.capture()
    log.watch.set(at("2026-03-10 22:00"))
    log.enroll(lead)
    log.practice.run_due()
    [hello] = [one for one in log.admin().every(f"/api/leads/{lead}/automation") if one["name"] == "welcome/hello"]
    assert [(move["by"], move["to"]) for move in hello["moves"]] == [("quiet_hours", hello["due_at"])]
    assert hello["wanted_at"] == "2026-03-12T02:00:00Z"
    [story] = log.why(lead, step=hello["id"])
    [shown] = [step for step in story["steps"] if step["id"] == hello["id"]]
    assert "moved from Wed 11 Mar 2026 22:00 EDT by the quiet hours" in shown["because"]


def test_contact_policy_is_shown_as_moves_of_the_step(log: Log):
    with transaction() as session:
        set_contact_policy(session, log.practice.actor(), ContactPolicyIn().read({"daily_cap": 1, "window": "1 day"}))
    lead = log.practice.capture()
    log.practice.fail_to_reach(lead, times=1)
    log.practice.run_due()
    log.practice.run(Kind.DELIVER)
    log.watch.advance(minutes=1)
    log.practice.fail_to_reach(lead, times=1)
    log.practice.run_due()
    waiting = [one for one in log.admin().every(f"/api/leads/{lead}/automation") if one["name"] == "mail"][-1]
    assert (waiting["reason"], waiting["due_at"]) == ("another_touch", "2026-03-11T15:00:00Z")
    assert [move["by"] for move in waiting["moves"]] == ["daily_cap", "outside_hours", "another_touch"]
    assert waiting["wanted_at"] == (TUESDAY + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
