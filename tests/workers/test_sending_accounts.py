"""E-mail through the clinics' own mail servers: the server, the sender, limits, and servers that are down."""

import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from sqlalchemy import Engine, event

from app.core.db import transaction
from app.engine.models import Kind, Reason
from app.identity.models import Role
from app.messaging.channels import email
from app.messaging.outages.breaker import THRESHOLD
from app.messaging.sending_accounts import service
from app.ops.embedded.ports import LOOPBACK, free_port
from tests.support.mail import SEND, deliveries, note
from tests.support.practice import TUESDAY, Practice, Watch, at, sql
from tests.support.sending import connect
from tests.support.smtp import AUTHORITY, DROP, SmtpServer
from tests.support.smtp_conversation import TLS
from workers.sweeps.run import sweep


@pytest.fixture
def office(configure: Callable[..., None]) -> Iterator[SmtpServer]:
    """Return the mail server of a clinic."""
    with SmtpServer() as server:
        yield server


def write(practice: Practice, number: int = 1) -> None:
    """Plan e-mails to leads, one each."""
    for _ in range(number):
        practice.fail_to_reach(practice.capture())
    practice.run(Kind.SEND_MESSAGE)


def change(practice: Practice, account_id: UUID, **data: Any) -> None:
    with transaction() as session:
        service.change_account(session, practice.actor(), account_id, data)


def states(practice: Practice) -> Counter[str]:
    return Counter(row.state for row in practice.rows("notifications", channel="email") if row.user_id is None)


def waiting(practice: Practice) -> list[Any]:
    return [step for step in practice.steps(kind=SEND) if step.state in {"planned", "published"}]


def test_each_clinic_sends_through_its_own_server(
    practice: Practice, open_practice: Callable[..., Practice], smtp: SmtpServer, office: SmtpServer
) -> None:
    second, third = open_practice(), open_practice()
    with SmtpServer(login=("user", "secret words")) as theirs:
        account = connect(practice, office)
        connect(second, theirs, settings={"sender_address": "us@second.example", "sender_name": None})
        for one in (practice, second, third):
            write(one)
            one.run(SEND)
        [mine], [other], [shared] = office.accepted, theirs.accepted, smtp.accepted

    assert mine.message["From"] == "Bright Smiles <hello@clinic.example>"
    assert mine.sender == "hello@clinic.example"
    assert other.message["From"].endswith("<us@second.example>")
    assert shared.sender == "no-reply@relance.invalid"
    assert (note(practice).account_id, note(third).account_id) == (account, None)
    assert mine.message["Reply-To"] is not None
    assert "List-Unsubscribe" in mine.message


def test_named_account_is_used_and_a_missing_one_waits(
    practice: Practice, smtp: SmtpServer, office: SmtpServer, watch: Watch
) -> None:
    with SmtpServer() as bulk:
        connect(practice, office)
        account = connect(practice, bulk, "newsletter")
        write_naming(practice, "newsletter")
        practice.run(SEND)
        assert (len(bulk.accepted), len(office.accepted)) == (1, 0)

        change(practice, account, is_active=False)
        write_naming(practice, "newsletter")
        step = practice.step(kind=Kind.SEND_MESSAGE, state="planned")
        assert (step.reason, step.attempts) == (Reason.NO_ACCOUNT, 0)
        notices = practice.rows("notifications", template="sending-account-missing")
        assert {row.subject.partition(" ")[2] for row in notices} == {"waits for a sending account"}

        change(practice, account, is_active=True)
        watch.advance(minutes=15)
        practice.run(Kind.SEND_MESSAGE)
        practice.run(SEND)
        assert (len(bulk.accepted), len(office.accepted), len(smtp.accepted)) == (2, 0, 0)


def write_naming(practice: Practice, account: str) -> None:
    """Plan an e-mail to a lead whose rule names an account."""
    practice.fail_to_reach(practice.capture())
    named = "params || jsonb_build_object('account', CAST(:name AS text))"
    sql(f"UPDATE steps SET params = {named} WHERE kind = 'send_message'", name=account)
    practice.run(Kind.SEND_MESSAGE)


def test_account_that_is_down_stops_no_other(
    practice: Practice, open_practice: Callable[..., Practice], smtp: SmtpServer, office: SmtpServer, watch: Watch
) -> None:
    second, third = open_practice(), open_practice()
    with SmtpServer() as theirs:
        account = connect(practice, office)
        connect(second, theirs)
        for one in (practice, second, third):
            write(one, THRESHOLD + 2)
        office.stop()
        for one in (practice, second, third):
            one.run(SEND)

        assert states(practice) == {"pending": THRESHOLD + 2}
        assert states(second) == states(third) == {"sent": THRESHOLD + 2}
        assert {step.reason for step in waiting(practice)} == {Reason.CHANNEL_DOWN, None}  # None: the first failures
        assert sum(step.attempts for step in waiting(practice)) < THRESHOLD
        [outage] = sql("SELECT * FROM channel_outages")
        assert (outage.target, outage.account_id, outage.gateway_id) == (str(account), account, None)

        office.start()
        for _ in range(6):
            watch.advance(minutes=2)
            sweep("watch_channels")
            watch.advance(seconds=1)
            practice.run(SEND)
    assert states(practice) == {"sent": THRESHOLD + 2}
    assert len({mail.recipient for mail in office.accepted}) == len(office.accepted) == THRESHOLD + 2


def test_admins_of_the_clinic_are_notified_of_its_outage(
    practice: Practice, open_practice: Callable[..., Practice], office: SmtpServer, watch: Watch
) -> None:
    second = open_practice()
    connect(practice, office)
    office.on("greeting", DROP)
    write(practice, THRESHOLD)
    practice.run(SEND)
    watch.advance(minutes=5)
    sweep("watch_channels")

    assert {row.subject for row in practice.rows("notifications", template="channel-down")} == {
        "The sending account office is down"
    }
    assert second.rows("notifications", template="channel-down") == []


def test_outage_of_a_deleted_account_is_forgotten(practice: Practice, smtp: SmtpServer, office: SmtpServer) -> None:
    account = connect(practice, office)
    office.stop()
    write(practice, THRESHOLD)
    practice.run(SEND)
    with transaction() as session:
        service.delete_account(session, practice.clinic_id, account)
    sweep("watch_channels")

    assert sql("SELECT * FROM channel_outages") == []


def test_messages_above_the_limits_wait_without_a_try(practice: Practice, office: SmtpServer, watch: Watch) -> None:
    connect(practice, office, per_hour=2, per_day=3)
    write(practice, 5)

    practice.run(SEND)

    assert states(practice) == {"sent": 2, "pending": 3}
    assert {(step.reason, step.attempts) for step in waiting(practice)} == {(Reason.THROTTLED, 0)}
    minutes = sorted(step.due_at.replace(second=0, microsecond=0) for step in waiting(practice))
    assert minutes == [at("2026-03-10 12:01")] * 2 + [at("2026-03-10 13:02")]
    assert waiting(practice)[0].moves[-1]["by"] == Reason.THROTTLED

    sent = []
    for moment in ("2026-03-10 12:02", "2026-03-10 13:03", "2026-03-11 12:00"):
        watch.set(at(moment))
        practice.run(SEND)
        sent.append(len(office.accepted))
    assert sent == [3, 3, 5]  # the third is the last one of the day
    assert len({mail.recipient for mail in office.accepted}) == 5
    assert [row.attempts for row in practice.rows("notifications", channel="email") if not row.user_id] == [1] * 5


def test_new_sender_warms_up(practice: Practice, office: SmtpServer, watch: Watch) -> None:
    connect(practice, office, warm_up_per_day=1, warm_up_growth=100)
    write(practice, 7)

    sent = []
    for days in range(3):
        watch.set(TUESDAY + timedelta(days))
        practice.run(SEND)
        sent.append(len(office.accepted))
    assert sent == [1, 3, 7]  # 1 + 2 + 4


def test_limit_holds_across_workers(practice: Practice, office: SmtpServer) -> None:
    connect(practice, office, per_day=3)
    write(practice, 8)
    steps = practice.steps(kind=SEND)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda step: practice.run(SEND, step), steps))

    assert len(office.accepted) == 3
    assert sum(row.sent for row in sql("SELECT sent FROM sending_account_counts WHERE period = 'day'")) == 3
    assert states(practice) == {"sent": 3, "pending": 5}


def test_clinic_without_accounts_costs_no_query(practice: Practice, smtp: SmtpServer) -> None:
    write(practice, 2)  # caches the clinic's settings
    statements: list[str] = []

    def note_statement(*given: Any) -> None:
        statements.append(given[2])

    event.listen(Engine, "before_cursor_execute", note_statement)
    try:
        practice.run(SEND)
    finally:
        event.remove(Engine, "before_cursor_execute", note_statement)

    assert len(smtp.accepted) == 2
    assert [text for text in statements if "sending_account" in text] == []


def test_account_signs_in_over_starttls(
    practice: Practice, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(TLS / "server.pem")
    signed_in: list[tuple[bytes, bytes]] = []

    def authenticate(*given: Any) -> AuthResult:
        signed_in.append((given[4].login, given[4].password))
        return AuthResult(success=True)

    arrived = Arrived()
    options = {"tls_context": tls, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
    server = Controller(arrived, hostname=LOOPBACK, port=free_port(), **options)
    server.start()
    try:
        configure(outgoing_allow=f"localhost:{server.port}")
        place = {"host": "localhost", "port": server.port}
        settings = {**place, "username": "hello", "sender_address": "hello@clinic.example"}
        data = {"name": "office", "kind": "smtp", "settings": settings, "credentials": {"password": "umbrellas"}}
        with transaction() as session:
            service.create_account(session, practice.actor(), {**data, "is_active": True})
        write(practice)
        practice.run(SEND)
    finally:
        email.reset_connection()
        server.stop()

    assert signed_in == [(b"hello", b"umbrellas")]
    assert states(practice) == {"sent": 1}
    assert [envelope.mail_from for envelope in arrived.envelopes] == ["hello@clinic.example"]


class Arrived:
    """Handler of aiosmtpd that keeps what arrives."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"


def test_author_of_an_answer_is_its_sender(practice: Practice, office: SmtpServer) -> None:
    connect(practice, office, settings={"send_as_coordinator": True})
    author = practice.people[Role.FRONT_DESK]
    sql("UPDATE users SET email = 'ben@clinic.example', name = 'Ben Frey' WHERE id = :id", id=author)
    write(practice)
    sql("UPDATE notifications SET written_by = :id WHERE user_id IS NULL", id=author)

    practice.run(SEND)

    assert [mail.message["From"] for mail in office.accepted] == ["Ben Frey <ben@clinic.example>"]


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("noor@clinic.example", "Noor Ali <noor@clinic.example>"),
        ("noor@CLINIC.example", "Noor Ali <noor@clinic.example>"),
        ("noor@mail.clinic.example", "Bright Smiles <hello@clinic.example>"),
        ("noor@elsewhere.example", "Bright Smiles <hello@clinic.example>"),
    ],
)
def test_coordinator_is_the_sender_only_in_the_account_domain(
    practice: Practice, office: SmtpServer, address: str, sender: str
) -> None:
    connect(practice, office, settings={"send_as_coordinator": True})
    coordinator = practice.people[Role.TREATMENT_COORDINATOR]
    sql("UPDATE users SET email = :email, name = 'Noor Ali' WHERE id = :id", email=address, id=coordinator)

    write(practice)
    practice.run(SEND)

    [mail] = office.accepted
    assert mail.message["From"] == sender
    assert mail.sender == "hello@clinic.example"  # bounces come back to the account
    assert mail.message["Reply-To"].lower() == address.lower()


def test_clinic_server_must_be_allowed_at_each_connection(
    practice: Practice, office: SmtpServer, configure: Callable[..., None]
) -> None:
    connect(practice, office)
    configure(outgoing_allow="")
    write(practice)

    practice.run(SEND)

    assert office.connections == 0
    assert deliveries(practice)[0][1] == "transient"


def test_password_is_in_no_log_and_no_row(
    practice: Practice, office: SmtpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    office.login = ("user", "seven green umbrellas")
    connect(practice, office)
    office.login = ("user", "another")
    write(practice)

    practice.run(SEND)

    [attempt] = deliveries(practice)
    assert attempt[1] == "transient"
    tables = ("sending_accounts", "notifications", "deliveries", "steps", "channel_outages")
    rows = [row.every for table in tables for row in sql(f"SELECT CAST(t AS text) AS every FROM {table} t")]
    assert "umbrellas" not in "".join([*rows, *capsys.readouterr()])


def test_messages_to_users_go_through_the_installation(
    practice: Practice, smtp: SmtpServer, office: SmtpServer
) -> None:
    connect(practice, office)
    write(practice)
    for kind in (Kind.DELIVER, Kind.DELIVER_TO_USER):
        practice.run(kind)

    to_users = [row for row in practice.rows("notifications", channel="email") if row.user_id]
    assert {row.account_id for row in to_users} <= {None}
    assert len(office.accepted) == 1
