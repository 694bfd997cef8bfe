"""One planned step of a lead: a user cancels it, runs it now or snoozes it, and workers respect that."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
import yaml

from app.core.db import new_id
from app.engine.models import Kind
from app.identity.models import Role
from app.identity.sign_in.tokens import write_access
from tests.support.desk import Answer, Caller, Desk, the_app
from tests.support.enrolling import TEMPLATES, mail, sequence
from tests.support.practice import Practice, Watch, at, sql
from tests.support.smtp import SmtpServer

pytest_plugins = ["tests.support.practice"]

TASK = {"create_task": {"type": "CALL", "title": "Call"}}
MAIL = {"send_message": {"channel": "email", "template": "one"}}
PLAYBOOK = {
    "name": "ours",
    "templates": TEMPLATES,
    "rules": [
        {"name": "call", "on": "lead.created", "after": "1 day", "do": [TASK]},
        {"name": "mail", "on": "lead.created", "after": "1 day", "do": [MAIL]},
    ],
    "sequences": [sequence(mail("first", "1 day"), mail("second", "1 day"))],
}
ALL_YEAR = {"from": "2026-03-01T00:00:00Z", "to": "2027-02-01T00:00:00Z"}


class Clinic:
    """A clinic with one lead, whose steps a coordinator changes."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
        self.cora: Caller = self.desk.hire(Role.TREATMENT_COORDINATOR, "Cora Lane")
        self.lead = self.desk.capture(email="ana@lead.example", assigned_to_id=self.cora.id)

    def stay_signed_in(self) -> None:
        """Renew the tokens, which the clock of the test outruns."""
        sql("UPDATE sign_ins SET expires_at = '2040-01-01', last_used_at = NULL")
        for caller in (self.desk.admin, self.cora):
            caller.token = write_access(UUID(caller.id), cast("UUID", caller.actor.sign_in_id), new_id())

    def step(self, name: str) -> dict[str, Any]:
        return [one for one in self.desk.steps(self.lead, name=name) if one["kind"] != Kind.DELIVER][-1]

    def act(self, what: str, name: str, *, by: Caller | None = None, **body: Any) -> Answer:
        path = f"/api/leads/{self.lead['id']}/automation/steps/{self.step(name)['id']}/{what}"
        return (by or self.cora).post(path, body or None)

    def why(self, name: str) -> list[str]:
        events = self.cora.every(f"/api/leads/{self.lead['id']}/why")
        return [step["because"] for event in events for step in event["steps"] if step["name"] == name]

    def run(self) -> None:
        self.practice.run_due()
        self.stay_signed_in()


def tasks() -> int:
    [found] = sql("SELECT count(*) AS number FROM lead_tasks WHERE title = 'Call'")
    return int(found.number)


@pytest.fixture
def clinic(open_practice: Callable[..., Practice], watch: Watch, smtp: SmtpServer) -> Clinic:
    return Clinic(open_practice(playbook=yaml.safe_dump(PLAYBOOK)))


def test_cancelled_step_does_not_run_and_names_the_user(clinic: Clinic, watch: Watch):
    assert clinic.act("cancel", "call").body["state"] == "cancelled"
    watch.advance(days=2)
    clinic.run()
    assert tasks() == 0
    assert clinic.why("call") == ["call: create_task was cancelled on Tue 10 Mar 2026 11:00 EDT by Cora Lane."]


def test_cancelling_again_changes_nothing(clinic: Clinic, watch: Watch):
    first = clinic.act("cancel", "call").body
    watch.advance(minutes=5)
    assert clinic.act("cancel", "call").body == first


def test_step_runs_now_and_only_once(clinic: Clinic):
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: clinic.act("run-now", "call"), range(2)))
    assert [answer.status for answer in answers] == [200, 200]
    clinic.run()
    assert tasks() == 1
    refused = clinic.act("run-now", "call")
    assert (refused.status, refused.body["detail"]) == (
        409,
        "It is done. Only a planned step can be cancelled, moved or run now.",
    )
    [told] = clinic.why("call")
    assert told.endswith("moved from Wed 11 Mar 2026 11:00 EDT by Cora Lane.")


@pytest.mark.parametrize("what", ["cancel", "run-now", "snooze"])
def test_step_that_has_run_is_not_changed(clinic: Clinic, watch: Watch, what: str):
    watch.advance(days=1)
    clinic.run()
    body = {"until": "2030-01-31T09:00:00Z"} if what == "snooze" else {}
    assert clinic.act(what, "call", **body).status == 409


def test_contact_policy_holds_for_a_message_that_is_run_now(clinic: Clinic, watch: Watch, smtp: SmtpServer):
    watch.set(at("2026-03-10 23:30"))  # in quiet hours
    clinic.stay_signed_in()
    assert clinic.act("run-now", "mail").status == 200
    clinic.run()
    step = clinic.step("mail")
    assert (step["state"] in ("planned", "published"), step["reason"]) == (True, "outside_hours")
    assert datetime.fromisoformat(step["due_at"]) > at("2026-03-11 06:00")
    assert smtp.received == []


def test_snoozed_step_runs_at_its_new_time(clinic: Clinic, watch: Watch):
    until = at("2026-03-13 10:00")
    shown = clinic.act("snooze", "call", until=until.isoformat()).body
    assert (datetime.fromisoformat(shown["due_at"]), shown["wanted_at"] is not None) == (until, True)
    assert [(move["by"], move["user_id"]) for move in shown["moves"]] == [("by_hand", clinic.cora.id)]
    watch.advance(days=2)
    clinic.run()
    assert clinic.step("call")["state"] == "planned"
    watch.set(until + timedelta(seconds=1))
    clinic.run()
    assert clinic.step("call")["state"] == "done"


def test_snooze_into_the_past_is_refused(clinic: Clinic):
    assert clinic.act("snooze", "call", until="2026-03-01T09:00:00Z").pointers == ["/until"]


def test_cancelled_delivery_suppresses_its_message(clinic: Clinic, watch: Watch, smtp: SmtpServer):
    watch.advance(days=1)
    clinic.practice.run(Kind.SEND_MESSAGE, clinic.practice.step(name="mail"))
    clinic.stay_signed_in()
    [delivery] = clinic.desk.steps(clinic.lead, kind=Kind.DELIVER)
    path = f"/api/leads/{clinic.lead['id']}/automation/steps/{delivery['id']}/cancel"
    assert clinic.cora.post(path).status == 200
    clinic.run()
    [message] = sql("SELECT state, reason FROM notifications WHERE lead_id IS NOT NULL")
    assert (message.state, message.reason) == ("suppressed", "by_hand")
    assert smtp.received == []


def test_cancelled_step_of_a_sequence_is_skipped_and_the_next_one_planned(clinic: Clinic):
    [way] = clinic.desk.admin.every("/api/sequences")
    enrolled = clinic.desk.admin.post(f"/api/sequences/{way['id']}/enrollments", {"lead_ids": [clinic.lead["id"]]})
    assert enrolled.body["enrolled"] == 1
    first = clinic.step("welcome/first")
    shown = clinic.act("cancel", "welcome/first").body
    assert (shown["id"], shown["state"], shown["reason"]) == (first["id"], "skipped", "by_hand")
    [enrollment] = clinic.desk.admin.every(f"/api/leads/{clinic.lead['id']}/enrollments")
    assert (enrollment["state"], enrollment["step"]) == ("active", "second")
    assert any("by Cora Lane" in told for told in clinic.why("welcome/first"))


def test_steps_need_the_permission_to_edit_the_lead(clinic: Clinic):
    assert clinic.act("cancel", "call", by=clinic.desk.hire(Role.DOCTOR)).status == 403
    stranger = clinic.desk.hire(Role.SALES)
    assert clinic.act("cancel", "call", by=stranger).status == 404
    assert clinic.step("call")["state"] == "planned"


def test_changes_of_a_step_are_in_the_audit_log(clinic: Clinic):
    clinic.act("snooze", "call", until="2030-01-31T09:00:00Z")
    clinic.act("cancel", "call")
    entries = clinic.desk.admin.every("/api/audit", subject_id=clinic.lead["id"], **ALL_YEAR)
    done = [one["operation"] for one in entries if one["user_id"] == clinic.cora.id and one["act"] == "update"]
    assert done == ["lead-steps.cancel_step", "lead-steps.snooze_step"]
