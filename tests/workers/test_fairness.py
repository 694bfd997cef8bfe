"""One clinic's burst does not delay another clinic's steps and e-mails."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.engine.service import add_steps
from app.identity.models import Role, User
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.account_emails import send_password_reset
from app.ops.embedded import Valkey
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.smtp import SmtpServer
from workers import runner
from workers.pipeline.due_steps.clinics import clinics_with_steps
from workers.sweeps.run import sweep

MAKE = Kind.CREATE_TASK
AN_HOUR_AGO = TUESDAY - timedelta(hours=1)


@pytest.fixture
def busy(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice()


@pytest.fixture
def small(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice()


@pytest.fixture(autouse=True)
def long_drain(configure: Callable[..., None]) -> None:
    configure(drain_seconds=60)


def order_of_tasks() -> list[UUID]:
    """Return the clinics of all tasks in the order of their creation. The ids are ordered by time."""
    return [row.clinic_id for row in sql("SELECT clinic_id FROM lead_tasks ORDER BY id")]


def position_of_last(order: list[UUID], practice: Practice) -> int:
    return max(place for place, clinic_id in enumerate(order, 1) if clinic_id == practice.clinic_id)


def test_clinics_with_due_steps_take_turns(busy: Practice, small: Practice, watch: Watch):
    ids = busy.fill(800, MAKE, due_at=AN_HOUR_AGO)
    small.fill(60, MAKE, due_at=TUESDAY)

    assert runner.run(MAKE, ids[:100], clinic_id=busy.clinic_id) == 860
    assert position_of_last(order_of_tasks(), small) <= 400


def test_clinics_between_known_ones_are_found(open_practice: Callable[..., Practice], watch: Watch):
    practices = [open_practice() for _ in range(5)]
    clinics = sorted(practice.clinic_id for practice in practices)
    for practice in practices:
        practice.fill(2, MAKE, due_at=AN_HOUR_AGO)

    with transaction() as session:
        for known in ([], clinics[:1], clinics[1:3], clinics[4:], clinics):
            found = clinics_with_steps(session, MAKE, due_by=TUESDAY, besides=known)
            assert sorted([*found, *known]) == clinics


def test_message_of_an_older_version_runs_without_a_clinic(busy: Practice, small: Practice, watch: Watch):
    ids = busy.fill(300, MAKE, due_at=AN_HOUR_AGO)
    small.fill(10, MAKE, due_at=TUESDAY)

    assert runner.run(MAKE, ids[:100]) == 310
    assert position_of_last(order_of_tasks(), small) <= 250


def test_other_kinds_of_the_queue_take_turns(busy: Practice, small: Practice, watch: Watch):
    ids = busy.fill(800, MAKE, due_at=AN_HOUR_AGO)
    small.fill(20, Kind.ESCALATE, due_at=TUESDAY)

    runner.run(MAKE, ids[:100], clinic_id=busy.clinic_id, among=[MAKE, Kind.ESCALATE])

    order = order_of_tasks()
    assert order.count(small.clinic_id) == 20
    assert position_of_last(order, small) <= 400


def test_steps_of_a_clinic_run_in_the_order_of_their_due_times(busy: Practice, small: Practice, watch: Watch):
    late = busy.fill(150, MAKE, due_at=TUESDAY)
    early = busy.fill(150, MAKE, due_at=AN_HOUR_AGO)
    small.fill(10, MAKE, due_at=TUESDAY)

    runner.run(MAKE, [], clinic_id=busy.clinic_id)

    steps = [row.step_id for row in sql("SELECT step_id FROM lead_tasks ORDER BY id")]
    assert max(map(steps.index, early)) < min(map(steps.index, late))


def test_clinics_share_the_deliveries(busy: Practice, small: Practice, smtp: SmtpServer, watch: Watch):
    ids = write_emails(busy, 40)
    write_emails(small, 4)

    assert runner.run(Kind.DELIVER_TO_USER, ids[:10], clinic_id=busy.clinic_id) == 44
    order = [mail.recipient for mail in smtp.received]
    assert max(place for place, address in enumerate(order, 1) if str(small.clinic_id) in address) <= 25


def write_emails(practice: Practice, number: int) -> list[UUID]:
    """Plan e-mails to a user of the clinic. Returns the ids of their steps."""
    to = Recipient(practice.people[Role.CLINIC_ADMIN], f"admin@{practice.clinic_id}.example")
    metadata = MessageMetadata(practice.clinic_id, template="hello")
    rows = [
        row
        for _ in range(number)
        for row in compose(Wording("Hello", "Hello"), to, metadata=metadata, channels=["email"], at=TUESDAY)
    ]
    with transaction() as session:
        insert_notifications(session, rows)
        steps = delivery_steps(rows, due_at=TUESDAY)
        add_steps(session, steps)
    return [step["id"] for step in steps]


def test_clinics_share_the_cap_of_published_steps(
    busy: Practice, small: Practice, watch: Watch, configure: Callable[..., None]
):
    configure(publish_cap=20)
    busy.fill(100, MAKE, due_at=AN_HOUR_AGO, state="planned", published_at=None)
    small.fill(5, MAKE, due_at=TUESDAY, state="planned", published_at=None)

    sweep("publish_due_steps")

    assert len(small.steps(state="published")) == 5
    assert len(busy.steps(state="published")) == 10  # half of the cap


def test_messages_of_clinics_are_sent_in_turn(busy: Practice, small: Practice, valkey: Valkey, watch: Watch):
    busy.fill(300, MAKE, due_at=AN_HOUR_AGO, state="planned", published_at=None)
    small.fill(5, MAKE, due_at=TUESDAY, state="planned", published_at=None)

    sweep("publish_due_steps")

    sent = messages(valkey, "steps")
    assert sorted(len(message.ids) for message in sent) == [5, 100, 100, 100]
    assert small.clinic_id in [message.clinic_id for message in sent[:2]]


def test_account_emails_have_a_queue_of_their_own(busy: Practice, valkey: Valkey, smtp: SmtpServer, watch: Watch):
    write_emails(busy, 20)
    with transaction() as session:
        user = session.get_one(User, busy.people[Role.CLINIC_ADMIN])
        send_password_reset(session, user)

    [message] = messages(valkey, "accounts")
    assert runner.run(Kind.DELIVER_ACCOUNT_EMAIL, message.ids, clinic_id=message.clinic_id) == 1
    assert [mail.message["Subject"] for mail in smtp.received] == ["Choose a new password"]
