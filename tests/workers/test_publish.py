"""Publication of steps: after the commit, in few messages, with ids only."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from app.automation.playbooks import shipped
from app.automation.playbooks.installing import install
from app.core.db import transaction
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.engine.step_kind import STEP_KINDS
from app.engine.steps import publish as publishing
from app.engine.steps.publish import GROUPING_WINDOW, MANY, MAX_PUBLISHED_AT_ONCE, WakeUp
from app.ops.embedded import Valkey
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers.sweeps.run import sweep

MAKE = Kind.CREATE_TASK


@pytest.fixture
def row(practice: Practice) -> Callable[..., dict[str, Any]]:
    """Return a function that inserts the row of a step due after so many milliseconds."""
    lead = practice.capture()
    sql("DELETE FROM steps")

    def make(after: float = 0, *, kind: str = MAKE, name: str = "call", key: str | None = None) -> dict[str, Any]:
        due_at = TUESDAY + timedelta(milliseconds=after)
        given = {"kind": kind, "name": name, "params": {}, "cause": {}, "begun_by": BegunBy.RULE, "dedupe_key": key}
        return step_row(practice.clinic_id, lead, due_at=due_at, **given)

    return make


def plan(*rows: dict[str, Any]) -> None:
    with transaction() as session:
        add_steps(session, list(rows))


@pytest.fixture
def broker(row: object, valkey: Valkey) -> Valkey:
    """The broker, emptied after the lead was captured."""
    messages(valkey)
    valkey.flush()
    return valkey


def test_burst_is_published_in_few_messages(row: Callable[..., Any], broker: Valkey):
    rows = [row() for _ in range(250)]
    plan(*rows)

    sent = messages(broker)
    assert [len(message.ids) for message in sent] == [100, 100, 50]
    assert sorted(step_id for message in sent for step_id in message.ids) == sorted(row["id"] for row in rows)
    assert {(message.task, message.name, message.eta) for message in sent} == {("steps.create_task", "call", None)}


def test_many_steps_of_one_moment_share_a_message_with_the_last_due_time(row: Callable[..., Any], broker: Valkey):
    moment = GROUPING_WINDOW / timedelta(milliseconds=1)
    last = 5000 + moment - 1
    plan(*map(row, range(5000, 5000 + MANY - 1)), row(last), row(last + 1))

    assert [(len(message.ids), message.eta) for message in messages(broker)] == [
        (MANY, TUESDAY + timedelta(milliseconds=last)),  # nothing is run before it is due
        (1, TUESDAY + timedelta(milliseconds=last + 1)),
    ]


def test_few_steps_of_one_moment_wait_for_no_later_one(row: Callable[..., Any], broker: Valkey):
    plan(row(5000), row(5001), row(5000))

    assert [(len(message.ids), message.eta) for message in messages(broker)] == [
        (2, TUESDAY + timedelta(milliseconds=5000)),
        (1, TUESDAY + timedelta(milliseconds=5001)),
    ]


def test_due_steps_share_a_message_however_late_they_are(row: Callable[..., Any], broker: Valkey):
    plan(row(0), row(-1000), row(-3_600_000))

    [message] = messages(broker)
    assert (len(message.ids), message.eta) == (3, None)


def test_each_kind_and_name_has_its_own_messages(row: Callable[..., Any], broker: Valkey):
    plan(row(), row(name="another"), row(kind=Kind.SUGGEST_LOST), row())

    assert sorted((message.task, message.name, len(message.ids)) for message in messages(broker)) == [
        ("steps.create_task", "another", 1),
        ("steps.create_task", "call", 2),
        ("steps.suggest_lost", "call", 1),
    ]


def test_many_commits_make_few_messages_and_lose_no_step(row: Callable[..., Any], broker: Valkey):
    rows = [row() for _ in range(30)]
    for one in rows:
        plan(one)

    sent = [step_id for message in messages(broker) for step_id in message.ids]
    assert sorted(sent) == sorted(row["id"] for row in rows)


def test_step_beyond_the_horizon_is_not_published(row: Callable[..., Any], broker: Valkey, practice: Practice):
    plan(row(120_000), row(120_001))

    assert [step.state for step in practice.steps()] == ["published", "planned"]
    assert [(step.published_at is None) for step in practice.steps()] == [False, True]
    assert len(messages(broker)) == 1


def test_large_transaction_publishes_the_first_steps_and_the_sweep_the_rest(
    row: Callable[..., Any], broker: Valkey, practice: Practice
):
    plan(*[row(n) for n in range(MAX_PUBLISHED_AT_ONCE + 200)][::-1])

    states = [step.state for step in practice.steps()]
    assert states == ["published"] * MAX_PUBLISHED_AT_ONCE + ["planned"] * 200
    broker.flush()
    assert sweep("publish_due_steps") == 200


def test_uncommitted_steps_are_not_published(row: Callable[..., Any], broker: Valkey):
    with transaction() as session:
        add_steps(session, [row()])
        session.rollback()
    assert messages(broker) == []

    plan(row())  # nor with a later commit
    assert [len(message.ids) for message in messages(broker)] == [1]


def test_savepoint_publishes_nothing(row: Callable[..., Any], broker: Valkey):
    with transaction() as session:
        with session.begin_nested():
            add_steps(session, [row()])
        assert messages(broker) == []
    assert [len(message.ids) for message in messages(broker)] == [1]


def test_steps_planned_before_a_rolled_back_savepoint_are_published(row: Callable[..., Any], broker: Valkey):
    kept, undone = row(), row()
    with transaction() as session:
        add_steps(session, [kept])
        with session.begin_nested() as savepoint:
            add_steps(session, [undone])
            savepoint.rollback()

    assert kept["id"] in [step_id for message in messages(broker) for step_id in message.ids]


def test_existing_step_is_not_published_again(row: Callable[..., Any], broker: Valkey, practice: Practice):
    plan(row(key="once"))
    plan(row(key="once"), row(key="twice"))

    assert len(practice.steps()) == 2
    assert sum(len(message.ids) for message in messages(broker)) == 2


def test_job_chunk_has_its_own_message(row: Callable[..., Any], broker: Valkey):
    plan(*[row(kind=Kind.IMPORT_CHUNK) for _ in range(3)])

    assert [(message.queue, len(message.ids)) for message in messages(broker)] == [("bulk", 1)] * 3


CANARY = "Canary"


# Of jobs, of users, of accounts, of gateways, and of webhook endpoints.
OTHERS = {
    *(Kind.IMPORT_CHUNK, Kind.DELIVER_TO_USER, Kind.DELIVER_ACCOUNT_EMAIL),
    *(Kind.CALL_WEBHOOK, Kind.POST_WEBHOOKS, Kind.SEND_DIGEST, Kind.SEND_REPORT),
}


EVERYTHING_ELSE = """
name: more
rules:
  - name: everything-else
    on: lead.created
    do:
      - notify: {to: admins, channels: [in_app], template: hello}
      - update_lead: {add_tags: [seen]}
      - assign: {to: by_rules}
      - change_stage: {stage: contacted}
      - branch: {if: [{field: lead.email, exists: true}], then: [{update_lead: {add_score: 1}}]}
      - complete_tasks: {types: [CALL]}
      - enroll: {sequence: rest}
  - name: out-again
    on: consultation.scheduled
    do: [unenroll: {sequence: rest}]
sequences:
  - name: rest
    exit_on: lead.converted
    steps: [{name: pause, after: 1 minute, wait: {}}]
templates: {hello: {subject: Hello, body: Hello}}
"""


def test_messages_contain_no_personal_data(practice: Practice, valkey: Valkey, watch: Watch):
    practice.capture(first_name=CANARY, email="canary2@lead.example")  # nobody contacts this one: it is escalated
    with transaction() as session:
        install(session, practice.clinic_id, shipped.read(EVERYTHING_ELSE))
    lead = practice.capture(
        first_name=CANARY,
        last_name=CANARY,
        email="canary@lead.example",
        phone="+1 212 555 0199",
        notes=CANARY,
        insurance_member_id=CANARY,
        timezone="America/New_York",
    )
    practice.plan(lead, TUESDAY + timedelta(minutes=5), title=CANARY, description=CANARY)
    practice.log(lead, "CONSULTATION_SCHEDULED", scheduled_for=TUESDAY + timedelta(days=1), notes=CANARY)
    practice.fail_to_reach(lead)
    practice.move(lead, "pending_decision")
    for _ in range(3):
        sweep("mark_overdue_tasks")
        sweep("publish_due_steps")
        for kind in STEP_KINDS:
            practice.run(kind)
        watch.advance(days=1)

    sent = messages(valkey)
    assert {message.task for message in sent} >= {f"steps.{kind}" for kind in STEP_KINDS if kind not in OTHERS}
    for message in sent:
        assert all(secret not in message.raw for secret in (CANARY, "canary", "5550199"))
        assert all(isinstance(step_id, UUID) for step_id in message.ids)
    for step in practice.steps():  # the rows keep to it, too: they are shown, and kept
        assert CANARY not in f"{step.params} {step.cause} {step.outcome} {step.dedupe_key}"


class TestBrokerOutage:
    def test_write_succeeds_and_the_sweep_publishes_later(self, practice: Practice, valkey: Valkey, watch: Watch):
        messages(valkey)
        valkey.stop()
        lead = practice.capture()
        call = practice.step(lead, name="speed-to-lead")
        assert call.state == "published"

        valkey.start()
        valkey.flush()
        watch.advance(seconds=31)
        assert sweep("publish_due_steps") == 1
        assert [call.id] in [message.ids for message in messages(valkey)]

    def test_writes_do_not_wait_for_the_broker(self, row: Callable[..., Any], monkeypatch: pytest.MonkeyPatch):
        answers, sent = Event(), list[UUID]()

        def hang(wake_ups: Iterable[WakeUp]) -> None:
            answers.wait(60)
            sent.extend(wake_up.id for wake_up in wake_ups)

        publishing.flush(60)  # the steps of the lead
        monkeypatch.setattr(publishing, "send", hang)
        rows = [row() for _ in range(50)]
        for one in rows:
            plan(one)
        assert sent == []  # all are committed, and the first message hangs

        answers.set()
        publishing.flush(60)
        assert sent == [one["id"] for one in rows]

    def test_worker_continues_without_a_broker(self, practice: Practice, valkey: Valkey):
        lead = practice.capture()
        messages(valkey)
        valkey.stop()
        assert practice.run(MAKE, practice.step(lead, name="speed-to-lead")) == 1
        valkey.start()

        assert practice.step(lead, name="speed-to-lead").state == "done"
        assert practice.step(lead, kind="remind").state == "published"

    def test_publication_continues_when_the_broker_returns(self, row: Callable[..., Any], broker: Valkey):
        plan(row())
        messages(broker)
        broker.restart()
        broker.flush()
        later = row()
        plan(later)

        assert [later["id"]] in [message.ids for message in messages(broker)]
