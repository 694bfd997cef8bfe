"""Messages that are read together: what is committed before a message is claimed still decides about it."""

from collections import Counter
from collections.abc import Callable, Iterator
from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.db import new_id, transaction
from app.engine.models import Kind
from app.engine.service import add_steps
from app.engine.steps.holds import hold
from app.messaging.compose import delivery_steps, insert_notifications
from app.messaging.contact_policy.suppression_list import suppress_addresses
from app.messaging.models import AddressKind
from tests.support.concurrency import run_concurrently
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.processes import wait_until
from tests.support.smtp import DROP, HANG, SmtpServer
from workers import runner
from workers.pipeline.external_calls import read_ahead
from workers.pipeline.external_calls.one_by_one import CannotWrite, OneByOne
from workers.pipeline.external_calls.read_ahead import Batch, ReadAhead, read

SEND = Kind.DELIVER


@pytest.fixture
def leads(practice: Practice, smtp: SmtpServer) -> list[UUID]:
    """Leads with an e-mail each that is due."""
    return [write_email(practice, number) for number in range(4)]


def write_email(practice: Practice, number: int) -> UUID:
    lead_id = practice.capture(email=f"{number}@lead.example")
    send_email(practice, lead_id, f"{number}@lead.example")
    return lead_id


def send_email(practice: Practice, lead_id: UUID, address: str) -> UUID:
    """Plan an e-mail to a lead. Returns the id of its step."""
    note = {
        "id": new_id(),
        "clinic_id": practice.clinic_id,
        "lead_id": lead_id,
        "channel": "email",
        **dict.fromkeys(("task_id", "step_id", "user_id")),
        "template": "hello",
        "series": "greeting",
        "address": address,
        "subject": "Hello",
        "body": "Hello",
        "message_id": f"<{new_id()}@x.example>",
        "state": "pending",
        "attempts": 0,
        "created_at": TUESDAY,
    }
    [step] = delivery_steps([note], due_at=TUESDAY)
    with transaction() as session:
        insert_notifications(session, [note])
        add_steps(session, [step])
    return UUID(str(step["id"]))


@pytest.fixture
def before_commit() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Calls a function once, before the next transaction of a session commits."""
    waiting: list[Callable[[], None]] = []

    def call(_: Session) -> None:
        if waiting:
            waiting.pop()()

    event.listen(Session, "before_commit", call)
    yield waiting.append
    event.remove(Session, "before_commit", call)


def end_connections() -> None:
    """End all other connections of the database, as a restart does."""
    sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )


def read_all(practice: Practice) -> Batch:
    ids = [step.id for step in practice.steps(kind="deliver")]
    with transaction() as session:
        return read(session, SEND, ids, runner.turns_of(frozenset({SEND})), most=10)


def recipients(smtp: SmtpServer) -> list[int]:
    return [int(mail.recipient.partition("@")[0]) for mail in smtp.received]


def suppress(practice: Practice, lead_id: UUID) -> None:
    with transaction() as session:
        address = practice.row("leads", id=lead_id).email
        suppress_addresses(session, practice.clinic_id, [(AddressKind.EMAIL, address)], reason="opted_out")


def write_again(practice: Practice, lead_id: UUID) -> None:
    """Send another message to the lead, as another process would."""
    sql(
        "INSERT INTO notifications (id, clinic_id, lead_id, channel, template, subject, body, state, attempts,"
        " created_at, handed_over_at) VALUES (:id, :clinic, :lead, 'email', 'hello', '', '', 'sending', 1, :now, :now)",
        id=new_id(),
        clinic=practice.clinic_id,
        lead=lead_id,
        now=TUESDAY,
    )


def limit_messages() -> None:
    policy = '{"daily_cap": 1}'
    sql("UPDATE clinics SET contact_policy = CAST(:policy AS jsonb), rules_version = rules_version + 1", policy=policy)


def set_of_lead(change: str) -> Callable[[Practice, UUID], None]:
    return lambda _, lead_id: sql(f"UPDATE {change} = :lead", lead=lead_id) and None


OF_LEAD: dict[str, Callable[[Practice, UUID], None]] = {
    "opt-out": Practice.opt_out,
    "reply": Practice.hear_from,
    "conversion": Practice.convert,
    "suppressed address": suppress,
    "change of the lead": set_of_lead("leads SET language = 'de' WHERE id"),
    "change of the message": set_of_lead("notifications SET read_at = now() WHERE lead_id"),
    "change of the step": set_of_lead("steps SET state = 'cancelled' WHERE lead_id"),
    "message of another process": write_again,
}
OF_ALL: dict[str, str] = {
    "new settings": "UPDATE clinics SET rules_version = rules_version + 1",
    "outage": "INSERT INTO channel_outages (target, failures, failing_since) VALUES ('email', 1, now())",
}


def test_unchanged_messages_are_sent_in_their_order(practice: Practice, leads: list[UUID], smtp: SmtpServer):
    sender = OneByOne(read_all(practice))
    sender.send()

    assert recipients(smtp) == [0, 1, 2, 3]
    assert sender.claimed == {step.id for step in practice.steps(kind="deliver", state="done")}
    assert {(row.attempt, row.outcome) for row in practice.rows("deliveries")} == {(1, "sent")}
    assert {note.state for note in practice.rows("notifications")} == {"sent"}


@pytest.mark.parametrize("change", OF_LEAD)
def test_changed_message_is_not_claimed(practice: Practice, leads: list[UUID], smtp: SmtpServer, change: str):
    limit_messages()
    batch = read_all(practice)
    OF_LEAD[change](practice, leads[1])
    OneByOne(batch).send()

    assert 1 not in recipients(smtp)
    assert set(recipients(smtp)) <= {0, 2, 3}
    practice.run(SEND)  # reads the message again
    assert set(recipients(smtp)) >= {0, 2, 3}
    assert max(Counter(recipients(smtp)).values()) == 1


@pytest.mark.parametrize("change", OF_ALL)
def test_change_that_concerns_all_messages_lets_none_be_claimed(
    practice: Practice, leads: list[UUID], smtp: SmtpServer, change: str
):
    batch = read_all(practice)
    sql(OF_ALL[change])
    OneByOne(batch).send()
    assert smtp.received == []

    practice.run(SEND)
    assert recipients(smtp) == [0, 1, 2, 3]


def test_outage_of_another_mail_server_does_not_concern_the_messages(
    practice: Practice, leads: list[UUID], smtp: SmtpServer
):
    fail = "INSERT INTO channel_outages (target, failures, failing_since) VALUES (:target, 1, now())"
    sql(fail, target=str(new_id()))
    batch = read_all(practice)
    sql(fail, target=str(new_id()))
    OneByOne(batch).send()

    assert recipients(smtp) == [0, 1, 2, 3]


def test_hold_lets_none_be_claimed(practice: Practice, leads: list[UUID], smtp: SmtpServer):
    batch = read_all(practice)
    with transaction() as session:
        hold(session, "test")
    OneByOne(batch).send()

    assert smtp.received == []


def test_message_of_a_locked_lead_is_left(practice: Practice, leads: list[UUID], smtp: SmtpServer):
    batch = read_all(practice)
    with transaction() as session:
        session.connection().exec_driver_sql("SELECT FROM leads WHERE id = %s FOR UPDATE", (leads[1],))
        OneByOne(batch).send()

    assert recipients(smtp) == [0, 2, 3]


def test_only_the_message_that_is_being_sent_is_in_doubt(
    practice: Practice, leads: list[UUID], smtp: SmtpServer, configure: Callable[..., None]
):
    smtp.on("body", HANG, to="2@lead.example")
    configure(smtp_timeout=5)

    def states() -> list[str]:
        return [note.state for note in practice.rows("notifications")]

    worker = Thread(target=practice.run, args=[SEND])
    worker.start()
    seen: list[list[str]] = []
    wait_until(lambda: seen.append(states()) or seen[-1][2] == "sending", 60, "the third message to hang")
    assert seen[-1] == ["sent", "sent", "sending", "pending"]
    assert max(found.count("sending") for found in seen) == 1
    smtp.stop()
    worker.join(30)
    assert len(smtp.received) == 2


def test_answer_is_recorded_when_the_next_message_fails(practice: Practice, leads: list[UUID], smtp: SmtpServer):
    smtp.on("rcpt", "550 5.1.1 No such user", to="1@lead.example")
    smtp.on("dot", DROP, to="2@lead.example")
    practice.run(SEND)

    assert [note.state for note in practice.rows("notifications")] == ["sent", "failed", "unknown", "sent"]
    assert [row.outcome for row in practice.rows("deliveries")] == ["sent", "permanent", "unknown", "sent"]


def test_answer_is_recorded_when_the_next_claim_cannot_be_written(
    practice: Practice, leads: list[UUID], smtp: SmtpServer
):
    poisoned = practice.rows("notifications")[1]
    batch = read_all(practice)
    message = next(one for one in batch.left.values() if one.context.message.id == poisoned.id)
    message.context.message.attempts = 2**40  # type: ignore[misc]  (the column is smaller)
    with pytest.raises(CannotWrite):
        OneByOne(batch).send()

    assert [note.state for note in practice.rows("notifications")] == ["sent", "pending", "pending", "pending"]


def test_workers_side_by_side_send_each_message_once(practice: Practice, smtp: SmtpServer):
    for number in range(40):
        write_email(practice, number)

    def work() -> None:
        ids = [step.id for step in practice.steps(kind="deliver", state="published")]
        for at in range(0, len(ids), 10):
            runner.run(SEND, ids[at : at + 10], clinic_id=practice.clinic_id)

    run_concurrently(work, work, work)

    assert sorted(recipients(smtp)) == list(range(40))
    assert {step.state for step in practice.steps(kind="deliver")} == {"done"}
    counted = sql("SELECT sum(value) AS sent FROM counters WHERE metric = 'steps' AND labels LIKE '%\"done\"%'")
    assert [row.sent for row in counted] == [40]


def test_second_message_to_the_lead_is_read_again(practice: Practice, smtp: SmtpServer):
    lead_id = write_email(practice, 0)
    send_email(practice, lead_id, "0@lead.example")
    practice.run(SEND)

    assert recipients(smtp) == [0, 0]


def test_messages_that_are_too_old_are_read_again(
    practice: Practice, leads: list[UUID], smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(read_ahead, "MOST_SECONDS", -1.0)
    batch = read_all(practice)
    OneByOne(batch).send()
    assert smtp.received == []

    practice.run(SEND)
    assert recipients(smtp) == [0, 1, 2, 3]


def test_clinics_share_the_deliveries_to_leads(
    open_practice: Callable[..., Practice], smtp: SmtpServer, watch: Watch, configure: Callable[..., None]
):
    configure(drain_seconds=60)
    busy, small = open_practice(), open_practice()
    for number in range(40):
        write_email(busy, number)
    for number in range(100, 104):
        write_email(small, number)
    ids = [step.id for step in busy.steps(kind="deliver")]

    assert runner.run(SEND, ids[:10], clinic_id=busy.clinic_id) == 44
    assert max(place for place, number in enumerate(recipients(smtp), 1) if number >= 100) <= 25


def test_slow_mail_server_gets_smaller_batches():
    ahead = ReadAhead(10)
    assert ahead.next_size() == 10
    ahead.note(10, 1)  # a slow mail server
    assert ahead.next_size() == 2
    ahead.note(2, 2)
    ahead.note(4, 4)
    assert ahead.next_size() == 8


def test_few_or_no_due_messages_keep_the_size_of_batches():
    ahead = ReadAhead(10)
    ahead.note(1, 1)
    ahead.note(0, 0)
    assert ahead.next_size() == 10


def test_messages_that_cannot_be_read_ahead_cost_ever_fewer_reads():
    ahead, reads = ReadAhead(10), 0
    for _ in range(100):
        if ahead.next_size() > 1:
            reads += 1
            ahead.note(10, 0)
    assert reads <= 10


def test_claim_of_the_last_message_is_repeated_after_a_database_restart(
    practice: Practice, leads: list[UUID], smtp: SmtpServer, before_commit: Callable[[Callable[[], None]], None]
):
    batch = read_all(practice)
    batch.left = {step_id: message for step_id, message in batch.left.items() if step_id == [*batch.left][-1]}
    before_commit(end_connections)
    OneByOne(batch).send()

    assert recipients(smtp) == [3]
    assert [note.state for note in practice.rows("notifications")] == ["pending", "pending", "pending", "sent"]
    assert [row.outcome for row in practice.rows("deliveries")] == ["sent"]


@pytest.mark.parametrize("to", ["a gateway", "a suppressed address"])
def test_message_that_cannot_be_read_ahead_is_not_overtaken(
    practice: Practice, smtp: SmtpServer, configure: Callable[..., None], to: str
):
    configure(drain_seconds=0)
    first = write_email(practice, 100)
    if to == "a gateway":
        sql("UPDATE notifications SET channel = 'http'")
    else:
        suppress(practice, first)
    for number in range(30):
        write_email(practice, number)
    ids = [step.id for step in practice.steps(kind="deliver")]
    while practice.step(first, kind="deliver").reason is None and len(smtp.received) < 30:
        runner.run(SEND, ids[:10], clinic_id=practice.clinic_id)

    assert len(smtp.received) <= 1


@pytest.mark.parametrize("change", ["name = 'Another Name'", "email = 'other@clinic.example'", "is_active = false"])
def test_answers_go_to_the_coordinator_of_the_moment_of_the_claim(
    practice: Practice, leads: list[UUID], smtp: SmtpServer, change: str
):
    batch = read_all(practice)
    sql(f"UPDATE users SET {change} WHERE id = :id", id=practice.row("leads", id=leads[1]).assigned_to_id)
    OneByOne(batch).send()

    assert smtp.received == []
    practice.run(SEND)
    assert recipients(smtp) == [0, 1, 2, 3]


def test_message_of_another_process_counts_until_the_lead_is_locked(
    practice: Practice, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
):
    """The lock of the lead ends the race between two processes, so earlier messages are looked up after it."""
    limit_messages()
    lead_id = write_email(practice, 0)
    batch = read_all(practice)
    slow = read_ahead._CLAIM.replace("WHERE ", "WHERE (SELECT pg_sleep(1)) IS NOT NULL AND ", 1)
    monkeypatch.setattr(read_ahead, "_CLAIM", slow)
    sending = Thread(target=OneByOne(batch).send)
    sending.start()
    busy = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_until(lambda: sql(busy)[0].n == 1, 60, "the claim to begin")
    write_again(practice, lead_id)
    sending.join()

    assert smtp.received == []
