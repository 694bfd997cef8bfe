"""Notifications in the database: set-based inserts, cancellation, retry and resolution."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from app import clock
from app.automation.playbooks.onboarding import open_clinic
from app.core.db import insert_many, new_id, transaction
from app.core.validation.validation_errors import InvalidPlaybook
from app.engine.models import BegunBy, Kind, Reason, Step
from app.engine.service import add_steps, step_row
from app.engine.steps.cancel import cancel_lead_steps
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.clinics import context_of
from app.identity.models import Clinic, Role, User
from app.leads.attribution.models import LeadSource
from app.leads.capture.capture import capture_lead
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.delivery import notifications, retry
from app.messaging.delivery.retry import CannotResolve, CannotRetry, Resolution
from app.messaging.models import Delivery, MessageTemplate, Notification, NotificationState
from app.messaging.rendering.render import Wording
from app.messaging.rendering.variants import Variant
from app.messaging.templates import library
from app.ops.embedded import Postgres

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
WORDING = Wording("See you on Monday", "Hello Mia")


@pytest.fixture
def session(clean_database: None, clean_broker: None) -> Iterator[Session]:
    """One transaction, committed at the end of the test."""
    with transaction() as session:
        yield session


@pytest.fixture
def admin(session: Session) -> Actor:
    return an_admin(session, "bright-smiles")


def an_admin(session: Session, slug: str) -> Actor:
    clinic = open_clinic(session, name="Bright Smiles", slug=slug, timezone="Europe/Berlin", region="DE")
    user = a_user(session, clinic)
    actor = Actor.system(context_of(clinic))
    return Actor(actor.clinic, user.id, user.name, Role.CLINIC_ADMIN, actor.permissions)


def a_user(session: Session, clinic: Clinic) -> User:
    user_id = new_id()
    user = User(
        id=user_id,
        clinic_id=clinic.id,
        email=f"{user_id}@clinic.example",
        name="Ann",
        role=Role.CLINIC_ADMIN,
        password_hash="x",
        is_active=True,
        created_at=NOW,
    )
    session.add(user)
    session.flush()
    return user


def a_lead(session: Session, actor: Actor) -> UUID:
    source = session.scalars(select(LeadSource.id).where(LeadSource.clinic_id == actor.clinic.id)).first()
    person = {"first_name": "Mia", "last_name": "Keller", "patient_first_name": "Tom", "patient_last_name": "Keller"}
    lead = capture_lead(
        session, actor, {**person, "phone": "+4930123456", "email": "mia@x.example", "source_id": source}
    )
    lead_id: UUID = lead.id
    return lead_id


def a_notification(session: Session, actor: Actor, state: str = "pending", **given: object) -> UUID:
    """An e-mail to the actor in the given state."""
    [row] = compose(
        WORDING,
        Recipient(None, "mia@x.example"),
        metadata=MessageMetadata(actor.clinic.id, template="hello", lead_id=given.pop("lead_id", None)),  # type: ignore[arg-type]
        channels=["email"],
        at=NOW,
    )
    insert_notifications(session, [row | {"state": state} | given])
    notification_id: UUID = row["id"]
    return notification_id


def state_of(session: Session, notification_id: UUID) -> str | None:
    return session.scalar(select(Notification.state).where(Notification.id == notification_id))


def deliveries_planned(session: Session) -> list[Step]:
    return list(
        session.scalars(select(Step).where(Step.kind.in_((Kind.DELIVER, Kind.DELIVER_TO_USER))).order_by(Step.due_at))
    )


# --- writing ---


def test_message_to_a_user_is_one_row_per_channel(session: Session, admin: Actor):
    rows = compose(
        WORDING,
        Recipient(admin.user_id, "ann@x.example"),
        metadata=MessageMetadata(admin.clinic.id, template="task-reminder"),
        channels=["in_app", "email"],
        at=NOW,
    )
    insert_notifications(session, rows)

    in_app, email = session.scalars(select(Notification).order_by(Notification.channel.desc()))
    assert (in_app.state, in_app.sent_at, in_app.address, in_app.message_id) == ("sent", NOW, None, None)
    assert (email.state, email.sent_at, email.address) == ("pending", None, "ann@x.example")
    assert email.message_id == f"<{email.id}@relance.invalid>"
    assert (in_app.subject, in_app.body) == (email.subject, email.body) == WORDING


@pytest.mark.parametrize(
    ("to", "channels"),
    [
        (Recipient(None, None), []),
        (Recipient(None, "mia@x.example"), ["email"]),  # a lead has no app
        (Recipient(new_id(), None), ["in_app"]),
    ],
)
def test_only_channels_that_reach_the_user_are_used(to: Recipient, channels: list[str]):
    rows = compose(WORDING, to, metadata=MessageMetadata(new_id(), template="x"), channels=["in_app", "email"], at=NOW)
    assert [row["channel"] for row in rows] == channels


def test_email_gets_one_deliver_step_with_the_stop_events_of_its_cause(session: Session, admin: Actor):
    lead_id, step_id = a_lead(session, admin), new_id()
    rows = compose(
        WORDING,
        Recipient(admin.user_id, "ann@x.example"),
        metadata=MessageMetadata(admin.clinic.id, template="x", lead_id=lead_id, step_id=step_id),
        channels=["in_app", "email"],
        at=NOW,
    )
    insert_notifications(session, rows)
    origins = {step_id: {"stop_on": ["lead.replied"], "guard": {"unless": []}}}
    for _ in range(2):  # planned twice, it is still one
        add_steps(session, delivery_steps(rows, due_at=NOW, origins=origins))

    [step] = deliveries_planned(session)
    assert step.params == {"notification_id": str(rows[1]["id"])}
    assert (step.stop_on, step.guard, step.lead_id) == (["lead.replied"], {"unless": []}, lead_id)


# --- templates ---


def test_clinic_has_its_own_copy_of_a_template(session: Session, admin: Actor):
    clinic_id = admin.clinic.id
    library.install(session, clinic_id, {"hello": {"subject": "Hello", "body": "Hello {{ lead.first_name }}"}})
    library.install(session, clinic_id, {"hello": {"subject": "Newer", "body": "Newer"}})

    [(key, found)] = library.load_templates(session, [clinic_id, new_id()], ["hello", "missing"]).items()
    assert key == (clinic_id, "hello")
    assert found.variants == (Variant(None, None, "Hello", "Hello {{ lead.first_name }}"),)
    assert session.scalar(select(MessageTemplate.name).where(MessageTemplate.slug == "hello")) == "Hello"


def test_exported_templates_can_be_installed_in_another_clinic(session: Session, admin: Actor):
    http = {"channel": "http", "body": "Hi", "media": {"type": "video", "url": "https://media.example/tour.mp4"}}
    text = {"name": "A greeting", "description": "x", "subject": "Hello", "body": "Hello", "variants": [http]}
    library.install(session, admin.clinic.id, {"hello": text})
    exported = library.export_templates(session, admin.clinic.id)
    assert exported["hello"] == text
    other = open_clinic(session, name="Other", slug=f"o-{new_id().hex[:8]}", timezone="UTC", region="US")
    library.install(session, other.id, exported)
    assert library.export_templates(session, other.id) == exported


def test_invalid_templates_are_not_installed(session: Session, admin: Actor):
    with pytest.raises(InvalidPlaybook, match=r"templates\.hello\.body: line 1: 'lead\.phone' is not known"):
        library.install(session, admin.clinic.id, {"hello": {"subject": "Hello", "body": "{{ lead.phone }}"}})


# --- stopping ---


def test_cancelled_deliver_step_stops_its_message_in_the_same_transaction(session: Session, admin: Actor):
    lead_id = a_lead(session, admin)
    pending, sending = (a_notification(session, admin, state, lead_id=lead_id) for state in ("pending", "sending"))
    for notification_id in (pending, sending):
        add_steps(session, [a_deliver_step(admin, lead_id, notification_id)])

    cancel_lead_steps(session, lead_id, Reason.OPTED_OUT)

    assert state_of(session, pending) == NotificationState.SUPPRESSED
    assert state_of(session, sending) == NotificationState.SENDING  # out of our hands already
    assert session.scalar(select(Notification.reason).where(Notification.id == pending)) == Reason.OPTED_OUT


def a_deliver_step(actor: Actor, lead_id: UUID, notification_id: UUID) -> dict[str, object]:
    return step_row(
        actor.clinic.id,
        lead_id,
        kind=Kind.DELIVER,
        name="deliver",
        params={"notification_id": str(notification_id)},
        cause={},
        begun_by=BegunBy.STEP,
        due_at=clock.now() + timedelta(days=1),
    )


# --- retrying ---


def test_failed_message_is_retried_and_keeps_its_history(session: Session, admin: Actor):
    notification_id = a_notification(session, admin, "failed", attempts=8, error="550 No such user")
    insert_many(session, Delivery, [a_delivery(admin, notification_id, attempt=8)])

    notification = retry.retry(session, admin, notification_id)

    assert (notification.state, notification.error, notification.attempts) == ("pending", None, 8)
    assert [delivery.attempt for delivery in notification.deliveries] == [8]
    [step] = deliveries_planned(session)
    assert (step.params, step.attempts) == ({"notification_id": str(notification_id)}, 0)


def a_delivery(actor: Actor, notification_id: UUID, *, attempt: int, at: datetime = NOW) -> dict[str, object]:
    return {
        "id": new_id(),
        "clinic_id": actor.clinic.id,
        "notification_id": notification_id,
        "attempt": attempt,
        "outcome": "permanent",
        "response": "550 No such user",
        "started_at": at,
        "finished_at": at,
    }


def test_retried_message_keeps_its_stop_events(session: Session, admin: Actor):
    lead_id = a_lead(session, admin)
    origin = a_deliver_step(admin, lead_id, new_id()) | {"stop_on": ["lead.replied"], "guard": {"only_if": []}}
    add_steps(session, [origin])
    notification_id = a_notification(session, admin, "failed", lead_id=lead_id, step_id=origin["id"])

    retry.retry(session, admin, notification_id)

    step = session.scalars(select(Step).where(Step.params["notification_id"].astext == str(notification_id))).one()
    assert (step.stop_on, step.guard) == (["lead.replied"], {"only_if": []})


@pytest.mark.parametrize("state", [state for state in NotificationState if state != "failed"])
def test_only_failed_messages_can_be_retried(session: Session, admin: Actor, state: str):
    notification_id = a_notification(session, admin, state)

    with pytest.raises(CannotRetry):
        retry.retry(session, admin, notification_id)

    assert deliveries_planned(session) == []


def test_concurrent_retries_send_one_message(clean_database: None, clean_broker: None):
    with transaction() as session:
        admin = an_admin(session, "bright-smiles")
        notification_id = a_notification(session, admin, "failed")
    together = Barrier(2)

    def press() -> bool:
        with transaction() as session:
            together.wait(60)
            try:
                retry.retry(session, admin, notification_id)
            except CannotRetry:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        pressed = [pool.submit(press) for _ in range(2)]
        assert sorted(press.result() for press in pressed) == [False, True]
    with transaction() as session:
        assert len(deliveries_planned(session)) == 1


def test_many_are_retried_oldest_first_and_spread_evenly(session: Session, admin: Actor):
    oldest_last = [
        a_notification(session, admin, "failed", created_at=NOW - timedelta(hours=hours)) for hours in range(4)
    ]
    before = clock.now()

    done = retry.retry_many(session, admin, {}, spread=timedelta(minutes=8))

    assert (done.retried, done.left) == (4, 0)
    steps = deliveries_planned(session)
    assert [step.params["notification_id"] for step in steps] == list(map(str, reversed(oldest_last)))
    # 8 minutes / 4 = one every 2 minutes, the first at once
    assert [step.due_at - steps[0].due_at for step in steps] == [timedelta(minutes=2 * i) for i in range(4)]
    assert before <= steps[0].due_at <= clock.now()


def test_retry_respects_the_filter(session: Session, admin: Actor):
    yesterday = NOW - timedelta(days=1)
    old, new = (a_notification(session, admin, "failed", created_at=at) for at in (yesterday, NOW))
    in_doubt = a_notification(session, admin, "unknown")
    foreign = a_notification(session, an_admin(session, "other"), "failed")

    done = retry.retry_many(session, admin, {"since": NOW, "channel": "email"}, spread=timedelta(0))

    assert (done.retried, done.left) == (1, 0)
    states = [state_of(session, one) for one in (old, new, in_doubt, foreign)]
    assert states == ["failed", "pending", "unknown", "failed"]


def test_retry_reports_how_many_exceed_the_limit(session: Session, admin: Actor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retry, "MAX_RETRIED", 2)
    for _ in range(5):
        a_notification(session, admin, "failed")

    counts = [retry.retry_many(session, admin, {}, spread=timedelta(0)) for _ in range(4)]

    assert [(done.retried, done.left) for done in counts] == [(2, 3), (2, 1), (1, 0), (0, 0)]


# --- resolving ---


def test_message_in_doubt_can_be_resolved_as_sent(session: Session, admin: Actor):
    notification_id = a_notification(session, admin, "unknown", attempts=2, error="no answer")
    handed_over = [NOW, NOW + timedelta(minutes=5)]
    insert_many(
        session,
        Delivery,
        [a_delivery(admin, notification_id, attempt=i + 1, at=at) for i, at in enumerate(handed_over)],
    )

    resolved = retry.resolve(session, admin, notification_id, as_=Resolution.SENT)

    assert (resolved.state, resolved.reason, resolved.sent_at) == ("sent", Reason.BY_HAND, handed_over[-1])
    assert deliveries_planned(session) == []


def test_message_in_doubt_can_be_sent_again(session: Session, admin: Actor):
    notification_id = a_notification(session, admin, "unknown", attempts=1)
    resolved = retry.resolve(session, admin, notification_id, as_=Resolution.RETRY)

    assert resolved.state == "pending"
    assert len(deliveries_planned(session)) == 1


@pytest.mark.parametrize("state", [state for state in NotificationState if state != "unknown"])
def test_only_messages_in_doubt_can_be_resolved(session: Session, admin: Actor, state: str):
    notification_id = a_notification(session, admin, state)
    with pytest.raises(CannotResolve):
        retry.resolve(session, admin, notification_id, as_=Resolution.SENT)


def test_notification_of_another_clinic_is_not_found(session: Session, admin: Actor):
    foreign = a_notification(session, an_admin(session, "other"), "failed")
    for act in (notifications.get_notification, retry.retry, notifications.mark_read):
        with pytest.raises(NotFound):
            act(session, admin, foreign)
    with pytest.raises(NotFound):
        retry.resolve(session, admin, foreign, as_=Resolution.SENT)


# --- lists ---


def many(session: Session, actor: Actor, state: str, number: int, channel: str = "email") -> None:
    session.execute(
        text(
            "INSERT INTO notifications (id, clinic_id, user_id, channel, template, subject, body, state, attempts,"
            " created_at) SELECT gen_random_uuid(), :clinic, :user, :channel, 'x', 'x', 'x', :state, 0,"
            " CAST(:now AS timestamptz) - i * interval '1 minute' FROM generate_series(1, :number) AS i"
        ),
        {
            "clinic": actor.clinic.id,
            "user": actor.user_id,
            "channel": channel,
            "state": state,
            "now": NOW,
            "number": number,
        },
    )


@pytest.fixture
def many_notifications(clean_database: None, clean_broker: None, postgres: Postgres) -> Actor:
    """An admin of one of two clinics with thousands of notifications each, with planner statistics."""
    with transaction() as session:
        admin = an_admin(session, "bright-smiles")
        for actor in (admin, an_admin(session, "other")):
            many(session, actor, "sent", 4_000)
            many(session, actor, "sent", 4_000, channel="in_app")
            many(session, actor, "failed", 500)
            many(session, actor, "pending", 20)
    with postgres.connect("relance") as owner:
        owner.execute("ANALYZE notifications")
    return admin


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "ix_notifications_clinic"),
        ({"since": NOW - timedelta(hours=1)}, "ix_notifications_clinic"),
        ({"channel": "email"}, "ix_notifications_clinic"),
        ({"state": NotificationState.SENT}, "ix_notifications_clinic"),
        ({"state": NotificationState.FAILED}, "ix_notifications_unsent"),
        ({"state": NotificationState.UNKNOWN, "since": NOW - timedelta(days=9)}, "ix_notifications_unsent"),
        ({"state": NotificationState.PENDING, "channel": "email"}, "ix_notifications_unsent"),
    ],
)
def test_list_uses_an_index_for_its_order(many_notifications: Actor, query: dict[str, object], index: str):
    with transaction() as session:
        plan = plan_of(
            session, lambda: notifications.list_notifications(session, many_notifications, query | {"limit": 50})
        )

    assert index in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("query", "index"), [({}, "ix_notifications_inbox"), ({"unread": True}, "ix_notifications_unread")]
)
def test_inbox_uses_its_index(many_notifications: Actor, query: dict[str, object], index: str):
    with transaction() as session:
        plan = plan_of(
            session, lambda: notifications.list_my_notifications(session, many_notifications, query | {"limit": 50})
        )

    assert index in plan
    assert "Sort" not in plan


def plan_of(session: Session, act: Callable[[], object]) -> str:
    """Return the plan of the one statement that `act` runs."""
    ran: list[tuple[str, object]] = []
    connection = session.connection()

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        ran.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    act()
    event.remove(connection, "before_cursor_execute", note)
    [(statement, parameters)] = ran
    return "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())  # type: ignore[arg-type]


def test_retry_of_ten_thousand_needs_a_constant_number_of_statements(session: Session, admin: Actor):
    many(session, admin, "failed", 10_000)
    ran: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *given: ran.append(given[2]))

    done = retry.retry_many(session, admin, {}, spread=timedelta(hours=1))

    assert (done.retried, done.left) == (10_000, 0)
    assert len(ran) == 6  # select, update, rename old steps, load stop events, plan, count the rest
    assert session.scalar(select(func.count()).where(Step.kind == Kind.DELIVER_TO_USER)) == 10_000
