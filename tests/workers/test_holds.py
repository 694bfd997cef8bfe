"""A held system: no step runs and no sweep changes leads, until an operator resumes it."""

from datetime import timedelta

import pytest

from app import create_app
from app.core.db import transaction
from app.engine.models import Kind
from app.engine.steps import holds
from app.errors import Invalid
from app.ops.embedded import Valkey
from tests.support.mail import SEND, about_to_be_delivered, delivery_step, note
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.smtp import SmtpServer
from workers.sweeps.run import RUNS_WHILE_HELD, SWEEPS, sweep


def hold(**given: object) -> None:
    with transaction() as session:
        holds.hold(session, "restored", **given)  # type: ignore[arg-type]


def resume(**given: object) -> None:
    with transaction() as session:
        holds.resume(session, **given)  # type: ignore[arg-type]


@pytest.fixture
def mailing(practice: Practice, smtp: SmtpServer) -> Practice:
    """A clinic with one e-mail that is due."""
    return about_to_be_delivered(practice)


def test_no_step_runs_while_the_system_is_held_and_each_runs_once_afterwards(
    mailing: Practice, smtp: SmtpServer, valkey: Valkey
):
    hold()
    assert mailing.run(SEND, delivery_step(mailing)) == 0
    assert mailing.run(SEND) == 0
    assert (smtp.received, note(mailing).state) == ([], "pending")

    resume()
    mailing.run(SEND)
    mailing.run(SEND)
    assert len(smtp.received) == 1


def test_a_held_step_is_not_published_again_by_the_worker_that_dropped_it(mailing: Practice, valkey: Valkey):
    hold()
    valkey.flush()
    mailing.run(SEND, delivery_step(mailing))

    assert messages(valkey) == []


def test_resuming_publishes_due_steps_with_the_next_sweep(mailing: Practice, valkey: Valkey):
    hold()
    valkey.flush()
    assert sweep("publish_due_steps") == 0

    resume()
    assert sweep("publish_due_steps") >= 1
    assert delivery_step(mailing).state == "published"


@pytest.mark.parametrize("name", sorted(SWEEPS.keys() - RUNS_WHILE_HELD))
def test_no_sweep_works_while_held(practice: Practice, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setitem(SWEEPS, name, lambda _: pytest.fail("it ran"))
    hold()
    assert sweep(name) == 0


def test_the_audit_chain_and_the_census_go_on_while_held(practice: Practice):
    hold()
    sweep("seal_audit")
    sweep("take_census")
    assert sql("SELECT 1 FROM sweep_runs WHERE name = 'census'")


def test_leads_are_captured_while_held_and_their_steps_wait(practice: Practice):
    hold()
    lead = practice.capture()
    assert practice.run(Kind.CREATE_TASK) == 0
    assert practice.pending(lead)

    resume()
    assert practice.run(Kind.CREATE_TASK) == 1


def test_probes_and_metrics_report_a_hold(practice: Practice):
    client = create_app().test_client()
    assert client.get("/readyz").json == {"status": "ready"}
    assert "relance_held 0.0" in client.get("/metrics").text
    hold()
    hold()
    assert client.get("/readyz").json == {"status": "held"}
    assert "relance_held 1.0" in client.get("/metrics").text
    assert len(sql("SELECT 1 FROM holds")) == 1
    resume()
    assert client.get("/readyz").json == {"status": "ready"}


def test_messages_that_were_due_before_a_time_are_skipped_and_listed(mailing: Practice, smtp: SmtpServer, watch: Watch):
    hold(backup_made_at=TUESDAY)
    watch.advance(hours=2)
    resume(skip_messages_before=TUESDAY + timedelta(hours=1))
    mailing.run(SEND)

    assert smtp.received == []
    assert (note(mailing).state, note(mailing).reason) == ("suppressed", "skipped_on_resume")
    step = delivery_step(mailing)
    assert (step.state, step.reason) == ("skipped", "skipped_on_resume")


def test_a_skipped_step_does_everything_but_sending(practice: Practice, smtp: SmtpServer, watch: Watch):
    lead = practice.capture()
    watch.advance(hours=24)
    hold(backup_made_at=TUESDAY)
    watch.advance(hours=1)
    resume(skip_messages_before=TUESDAY + timedelta(hours=24, minutes=30))
    practice.run(Kind.ESCALATE, practice.step(lead, name="no-contact-24h"))

    assert practice.row("lead_tasks", title="No contact in 24 hours")
    told = practice.rows("notifications")
    assert {(one.channel, one.state, one.reason) for one in told} == {
        ("email", "suppressed", "skipped_on_resume"),
        ("in_app", "sent", None),
    }
    assert not practice.steps(lead, kind="deliver")


def test_messages_that_were_planned_while_held_are_sent(practice: Practice, smtp: SmtpServer, watch: Watch):
    hold(backup_made_at=TUESDAY)
    watch.advance(hours=2)
    practice.fail_to_reach(practice.capture(email="ana@lead.example"))
    watch.advance(hours=1)
    resume(skip_messages_before=TUESDAY + timedelta(hours=3))
    practice.run_due()
    practice.run(SEND)

    assert [mail.recipient for mail in smtp.received if mail.recipient.endswith("@lead.example")] == [
        "ana@lead.example"
    ]


def test_the_report_counts_due_and_possibly_repeated_steps(mailing: Practice, watch: Watch):
    hold(backup_made_at=TUESDAY)
    watch.advance(hours=2)
    with transaction() as session:
        held = holds.current_hold(session)
        assert held
        rows = holds.due_steps(session, held, skip_messages_before=TUESDAY + timedelta(minutes=1))
    [mail] = [row for row in rows if row["kind"] == "deliver"]
    assert (mail["due"], mail["may_be_repeated"], mail["without_messages"], mail["is_message"]) == (1, 1, 1, True)
    assert mail["oldest"] == delivery_step(mailing).due_at
    assert not [row for row in rows if row["kind"] == "create_task" and row["is_message"]]


def test_messages_cannot_be_skipped_in_advance(practice: Practice):
    hold()
    with pytest.raises(Invalid):
        resume(skip_messages_before=TUESDAY + timedelta(minutes=1))
