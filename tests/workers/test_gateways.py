"""Messages and webhooks through a misbehaving gateway: outcomes and number of calls."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
import yaml

from app.core.database.row_security import restrict_to_clinic
from app.core.db import transaction
from app.engine import failed_steps as steps
from app.engine.models import Kind, Reason
from app.identity.models import Role
from app.messaging.delivery import retry
from app.messaging.delivery.delivery_state import MAX_ATTEMPTS
from app.messaging.delivery.retry import Resolution
from app.messaging.gateways.service import create_gateway
from app.messaging.outages.report import clinic_outages
from app.ops.embedded import Valkey
from tests.support.gateway import Gateway
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch, at, no_answer, sql
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer
from workers.sweeps.run import sweep

PHONE = "+12125550143"
RULES: dict[str, Any] = {
    "name": "through-gateways",
    "rules": [
        {
            "name": "welcome",
            "on": "lead.created",
            "do": [{"send_message": {"channel": "http", "template": "hello"}}],
            "stop_on": ["lead.replied", "lead.opted_out"],
        },
        {
            "name": "portrait",
            "on": "lead.stage_changed",
            "do": [
                {
                    "send_message": {
                        "channel": "http",
                        "template": "hello",
                        "type": "image",
                        "media_url": "https://8.8.8.8/smile.png",
                        "gateway": "social",
                    }
                }
            ],
        },
        {"name": "hook", "on": "lead.contacted", "do": [{"call_webhook": {"gateway": "crm"}}]},
        {
            "name": "after-message",
            "on": ["message.sent", "message.failed"],
            "when": [{"field": "event.channel", "equals": "http"}],
            "do": [{"create_task": {"type": "CALL", "title": "See what they say"}}],
        },
    ],
    "templates": {"hello": {"subject": "Hello", "body": "Hello {{ lead.first_name }}, shall we talk?"}},
}


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=10, retry_base_seconds=10)
        yield server


@pytest.fixture
def practice(open_practice: Callable[..., Practice], server: Gateway) -> Practice:
    return open_practice(playbook=yaml.safe_dump(RULES))


def connect(practice: Practice, server: Gateway, name: str = "social", **more: Any) -> str:
    """Create the gateway and return its secret."""
    given = {"name": name, "purpose": "messages", "url": server.url, "idempotent": True, "is_active": True, **more}
    with transaction() as session:
        secret: str = create_gateway(session, practice.clinic_id, given).secret
    return secret


def write(practice: Practice, **lead: Any) -> Any:
    """Create a lead with a message that is about to be delivered, and return the lead's id."""
    lead_id = practice.capture(phone=PHONE, **lead)
    practice.run(Kind.SEND_MESSAGE)
    return lead_id


def note(practice: Practice) -> Any:
    return practice.row("notifications", channel="http")


def step(practice: Practice, kind: str = "deliver") -> Any:
    return practice.step(kind=kind)


def outcomes(practice: Practice) -> list[str]:
    return [row.outcome for row in practice.rows("deliveries")]


def try_again(practice: Practice, watch: Watch, kind: str = Kind.DELIVER) -> None:
    watch.set(max(step.due_at for step in practice.steps(kind=kind)))
    practice.run(kind)


def test_message_is_sent_once_complete_and_signed(practice: Practice, server: Gateway, watch: Watch):
    secret = connect(practice, server)
    lead = write(practice, social_platform="INSTAGRAM", social_handle="mia")
    for _ in range(3):
        practice.run(Kind.DELIVER)

    [call] = server.calls
    assert call.is_signed_with(secret)
    assert call.said == {
        "id": str(note(practice).id),
        "type": "text",
        "text": "Hello Mia, shall we talk?",
        "media_url": None,
        "to": {"phone": PHONE, "social": {"platform": "INSTAGRAM", "handle": "mia"}},
        "lead_id": str(lead),
        "clinic": {"id": str(practice.clinic_id), "name": "Bright Smiles"},
    }
    assert call.id == str(note(practice).id)
    assert (note(practice).state, note(practice).sent_at, note(practice).attempts) == ("sent", TUESDAY, 1)
    assert (step(practice).state, step(practice).outcome) == ("done", {"response": "200"})


def test_address_of_the_lead_is_encrypted(practice: Practice, server: Gateway):
    connect(practice, server)
    write(practice)
    [row] = sql("SELECT to_jsonb(n)::text AS whole FROM notifications n WHERE channel = 'http'")
    assert PHONE not in row.whole
    assert json.loads(note(practice).address) == {"phone": PHONE, "social": None}


def test_messages_steps_and_logs_contain_no_personal_data(
    practice: Practice, server: Gateway, valkey: Valkey, capfd: pytest.CaptureFixture[str]
):
    connect(practice, server)
    connect(practice, server, "crm", purpose="webhook")
    lead = write(practice, first_name="Canaria", social_platform="INSTAGRAM", social_handle="canary.bird")
    practice.speak_with(lead)
    server.answer(503, body=f"{PHONE} canary.bird")
    for kind in (Kind.DELIVER, Kind.CALL_WEBHOOK):
        practice.run(kind)
    sent = messages(valkey)
    assert {message.task for message in sent} >= {"steps.send_message", "steps.deliver", "steps.call_webhook"}
    rows = [row.whole for row in sql("SELECT to_jsonb(s)::text AS whole FROM steps s")]
    for said in (*(message.raw for message in sent), *rows, *capfd.readouterr()):
        assert not [secret for secret in ("Canaria", "canary", PHONE, server.url) if secret in said]


def test_media_are_sent_as_a_url(practice: Practice, server: Gateway):
    connect(practice, server)
    connect(practice, server, "another")  # the rule names the one that it means
    lead = practice.capture(phone=PHONE)
    sql("UPDATE steps SET state = 'cancelled' WHERE name = 'welcome'")
    practice.move(lead, "contacted")
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    [call] = server.calls
    assert (call.said["type"], call.said["media_url"]) == ("image", "https://8.8.8.8/smile.png")


def test_media_url_in_a_private_network_is_refused(practice: Practice, server: Gateway):
    connect(practice, server)
    write(practice)
    sql("UPDATE notifications SET media_url = 'https://127.0.0.1/x', message_type = 'image'")
    practice.run(Kind.DELIVER)
    assert server.calls == []
    assert note(practice).state == "failed"
    assert note(practice).error.startswith("the media URL leads into a private network")


@pytest.mark.parametrize("answer", [408, 425, 429, 500, 503, 599])
def test_temporary_refusal_is_retried(practice: Practice, server: Gateway, watch: Watch, answer: int):
    connect(practice, server)
    write(practice)
    server.answer(answer, body="busy")
    practice.run(Kind.DELIVER)
    assert (note(practice).state, note(practice).error) == ("pending", f"{answer} busy")
    soon = timedelta(seconds=5) if answer == 503 else None  # the gateway takes no messages, and may be back at once
    assert (soon or timedelta(seconds=7.5)) <= step(practice).due_at - TUESDAY <= (soon or timedelta(seconds=12.5))
    server.answer(202)
    try_again(practice, watch)
    assert (note(practice).state, outcomes(practice)) == ("sent", ["transient", "sent"])
    assert len({call.id for call in server.calls}) == 1


@pytest.mark.parametrize("answer", [301, 302, 307, 400, 401, 403, 404, 410, 422])
def test_permanent_refusal_fails(practice: Practice, server: Gateway, watch: Watch, answer: int):
    connect(practice, server)
    write(practice)
    server.answer(answer, {"Location": server.url}, "no")
    practice.run(Kind.DELIVER)
    try_again(practice, watch)
    assert (note(practice).state, note(practice).error) == ("failed", f"{answer} no")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("120", timedelta(minutes=2)),
        ("Tue, 10 Mar 2026 15:05:00 GMT", timedelta(minutes=5)),
        ("999999999999999", timedelta(hours=1)),  # no longer than this
    ],
)
def test_retry_after_header_is_respected(practice: Practice, server: Gateway, asked: str, waits: timedelta):
    connect(practice, server)
    write(practice)
    server.answer(429, {"Retry-After": asked})
    practice.run(Kind.DELIVER)
    assert step(practice).due_at - TUESDAY == waits


@pytest.mark.parametrize("asked", ["0", "-5", "soon", "Tue, 10 Mar 2020 15:05:00 GMT", "", "١٢"])
def test_invalid_retry_after_header_uses_the_default_delay(practice: Practice, server: Gateway, asked: str):
    connect(practice, server)
    write(practice)
    server.answer(503, {"Retry-After": asked.encode().decode("latin-1")})
    practice.run(Kind.DELIVER)
    assert step(practice).due_at - TUESDAY == timedelta(seconds=5)


def test_message_that_breaks_the_gateway_is_tried_eight_times(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    write(practice)
    server.answer(500)
    for _ in range(MAX_ATTEMPTS + 2):
        try_again(practice, watch)
    assert outcomes(practice) == ["transient"] * MAX_ATTEMPTS
    assert (note(practice).state, step(practice).state) == ("failed", "failed")
    assert practice.row("gateways").failures == MAX_ATTEMPTS


@pytest.mark.parametrize("away", ["refuses", "hangs", "unavailable"])
def test_messages_wait_for_a_gateway_that_is_down(practice: Practice, server: Gateway, watch: Watch, away: str):
    connect(practice, server)
    write(practice)
    go_away = {"refuses": server.stop, "unavailable": lambda: server.answer(503)}
    with no_answer(server) if away == "hangs" else nullcontext(go_away[away]()):
        for _ in range(MAX_ATTEMPTS + 2):
            sweep("watch_channels")
            watch.advance(minutes=2)
            practice.run(Kind.DELIVER)
    assert (note(practice).state, step(practice).reason) == ("pending", "channel_down")
    assert step(practice).attempts < MAX_ATTEMPTS
    notices = practice.rows("notifications", template="channel-down")
    assert [row.subject for row in notices] == ["The gateway social is down"] * 2
    assert {row.channel for row in notices} == {"in_app", "email"}


@pytest.mark.parametrize("kind", [Kind.DELIVER, Kind.CALL_WEBHOOK])
def test_gateway_that_is_back_gets_the_waiting_messages(practice: Practice, server: Gateway, watch: Watch, kind: str):
    connect(practice, server)
    connect(practice, server, "crm", purpose="webhook")
    leads = [write(practice) for _ in range(4)]
    for lead in leads:
        practice.speak_with(lead)
    server.answer(503)
    practice.run(kind)
    server.answer(200)
    before = len(server.calls)
    for _ in range(4):
        watch.advance(minutes=1)
        sweep("watch_channels")
        watch.advance(seconds=1)
        practice.run(kind)
    assert {one.state for one in practice.steps(kind=kind)} == {"done"}
    sent = [call for call in server.calls[before:] if call.body]
    assert len(sent) == len({call.id for call in sent}) == 4


@pytest.mark.parametrize("kind", [Kind.DELIVER, Kind.CALL_WEBHOOK])
def test_late_messages_are_skipped_when_the_gateway_is_back(
    practice: Practice, server: Gateway, watch: Watch, kind: str
):
    connect(practice, server)
    connect(practice, server, "crm", purpose="webhook")
    leads = [write(practice) for _ in range(4)]
    for lead in leads:
        practice.speak_with(lead)
    sql("UPDATE steps SET lateness = 1800 WHERE kind = :kind", kind=kind)
    server.answer(503)
    practice.run(kind)
    for _ in range(20):
        watch.advance(minutes=2)
        sweep("watch_channels")
        practice.run(kind)
    server.answer(200)
    before = len(server.calls)
    for _ in range(3):
        watch.advance(minutes=1)
        sweep("watch_channels")
        watch.advance(seconds=1)
        practice.run(kind)
    assert {one.reason for one in practice.steps(kind=kind)} == {Reason.TOO_LATE}
    assert [call for call in server.calls[before:] if call.body] == []


def test_other_gateway_is_not_affected(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    for _ in range(3):
        write(practice)
    server.answer(503)
    practice.run(Kind.DELIVER)
    server.answer(200)
    connect(practice, server, "crm", purpose="webhook")
    practice.speak_with(practice.capture(phone=PHONE))
    practice.run(Kind.CALL_WEBHOOK)
    assert step(practice, "call_webhook").state == "done"


def test_open_outage_shows_how_many_messages_wait(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    for _ in range(5):
        write(practice)
    server.answer(503)
    practice.run(Kind.DELIVER)
    with transaction() as session:
        restrict_to_clinic(session, practice.clinic_id)
        [outage] = clinic_outages(session, practice.clinic_id)
    waiting = [one for one in practice.steps(kind=Kind.DELIVER) if one.reason == Reason.CHANNEL_DOWN]
    assert (outage.gateway, outage.reason, outage.since) == ("social", "503", TUESDAY)
    assert outage.next_probe_at == TUESDAY + timedelta(seconds=4)
    assert outage.waiting_messages == len(waiting) >= 3


def test_outage_of_a_deleted_gateway_is_forgotten(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    for _ in range(3):
        write(practice)
    server.answer(503)
    practice.run(Kind.DELIVER)
    sql("DELETE FROM gateways")
    sweep("watch_channels")
    assert sql("SELECT * FROM channel_outages") == []


def test_success_resets_the_count_of_failures(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    write(practice)
    server.answer(503)
    practice.run(Kind.DELIVER)
    assert practice.row("gateways").failures == 1
    server.answer(200)
    try_again(practice, watch)
    assert practice.row("gateways").failures == 0


def test_idempotent_gateway_is_called_again_after_a_timeout(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    write(practice)
    with no_answer(server):
        practice.run(Kind.DELIVER)
    assert (note(practice).state, outcomes(practice)) == ("pending", ["transient"])
    try_again(practice, watch)
    assert note(practice).state == "sent"
    assert [call.id for call in server.calls] == [str(note(practice).id)] * 2


def test_other_gateway_is_not_called_again_after_a_timeout(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server, idempotent=False)
    write(practice)
    with no_answer(server):
        practice.run(Kind.DELIVER)
    assert (note(practice).state, step(practice).state, outcomes(practice)) == ("unknown", "unknown", ["unknown"])
    for _ in range(3):
        watch.advance(minutes=10)
        for name in ("rescue_expired_leases", "publish_due_steps"):
            sweep(name)
        practice.run(Kind.DELIVER)
    assert len(server.calls) == 1
    with transaction() as session:
        retry.resolve(session, practice.actor(), note(practice).id, as_=Resolution.RETRY)
    practice.run(Kind.DELIVER)
    assert (note(practice).state, len(server.calls)) == ("sent", 2)


def test_large_answer_is_accepted(practice: Practice, server: Gateway):
    connect(practice, server)
    write(practice)
    server.answer(400, body=b"x" * 10_000_000)
    practice.run(Kind.DELIVER)
    assert note(practice).state == "failed"
    assert len(note(practice).error) < 200


def test_gateway_url_that_became_private_is_not_called(
    practice: Practice, server: Gateway, configure: Callable[..., None]
):
    connect(practice, server)
    write(practice)
    configure(outgoing_allow="")
    practice.run(Kind.DELIVER)
    assert server.calls == []
    assert note(practice).state == "failed"


def test_answer_is_stored_without_personal_data(practice: Practice, server: Gateway):
    connect(practice, server)
    write(practice, social_platform="INSTAGRAM", social_handle="mia.keller")
    server.answer(400, body=f"no mia.keller, {PHONE}, (212) 555-0143, mia@lead.example: Hello Mia, shall we talk?")
    practice.run(Kind.DELIVER)
    kept = f"{note(practice).error} {step(practice).error} {practice.row('deliveries').response}"
    assert not [word for word in ("mia", "Mia", "555", "Hello") if word in kept]
    assert "400 no …" in kept


@pytest.mark.parametrize("stop", [Practice.opt_out, Practice.hear_from, Practice.lose])
def test_message_cancelled_before_the_call_is_not_sent(practice: Practice, server: Gateway, stop: Callable[..., None]):
    connect(practice, server)
    stop(practice, write(practice))
    practice.run(Kind.DELIVER)
    assert (server.calls, note(practice).state) == ([], "suppressed")


def test_suppressed_number_gets_nothing_for_any_lead(practice: Practice, server: Gateway):
    connect(practice, server)
    practice.opt_out(practice.capture(phone=PHONE))
    write(practice, email="another@lead.example")  # a new lead with the number of an opted-out lead
    practice.run(Kind.DELIVER)
    assert server.calls == []
    assert practice.rows("notifications", channel="http") == []


def test_lead_without_number_and_handle_cannot_be_reached(practice: Practice, server: Gateway):
    connect(practice, server)
    practice.capture(phone=None)
    practice.run(Kind.SEND_MESSAGE)
    assert practice.step(name="welcome").reason == Reason.NO_ADDRESS


@pytest.mark.parametrize("gateways", [[], ["social", "another"]])
def test_message_without_a_gateway_waits_and_notifies_admins_once(
    practice: Practice, server: Gateway, watch: Watch, gateways: list[str]
):
    for name in gateways:
        connect(practice, server, name)
    practice.capture(phone=PHONE)
    practice.capture(phone="+12125550144")
    for _ in range(3):
        practice.run(Kind.SEND_MESSAGE)
        watch.advance(minutes=15)
    waiting = practice.steps(name="welcome")
    assert {(one.state, one.reason, one.attempts, one.error) for one in waiting} == {
        ("planned", Reason.NO_GATEWAY, 0, None)
    }
    told = practice.rows("notifications", template="gateway-missing", channel="in_app")
    assert [one.user_id for one in told] == [practice.people[Role.CLINIC_ADMIN]]
    connect(practice, server, "main", is_default=True)
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    assert (len(server.calls), {one.state for one in practice.steps(name="welcome")}) == (2, {"done"})


def test_inactive_default_gateway_leaves_the_only_active_one(practice: Practice, server: Gateway):
    connect(practice, server, "old", is_default=True)
    connect(practice, server, "new")
    sql("UPDATE gateways SET is_active = false WHERE name = 'old'")
    write(practice)
    [new] = practice.rows("gateways", name="new")
    assert note(practice).gateway_id == new.id


def test_message_that_waits_too_long_for_a_gateway_is_skipped(practice: Practice, watch: Watch):
    practice.capture(phone=PHONE)
    sql("UPDATE steps SET lateness = 1000 WHERE name = 'welcome'")
    for _ in range(3):
        practice.run(Kind.SEND_MESSAGE)
        watch.advance(minutes=15)
    assert practice.step(name="welcome").reason == Reason.TOO_LATE


def write_portrait(practice: Practice) -> None:
    """Write a message whose rule names the gateway `social`."""
    lead = practice.capture(phone=PHONE)
    sql("DELETE FROM steps WHERE name = 'welcome'")
    practice.move(lead, "contacted")
    practice.run(Kind.SEND_MESSAGE)


REMOVALS = ["UPDATE gateways SET is_active = false", "DELETE FROM gateways"]


@pytest.mark.parametrize("removal", REMOVALS)
def test_written_message_waits_for_a_new_gateway(practice: Practice, server: Gateway, watch: Watch, removal: str):
    connect(practice, server)
    write(practice)
    sql(removal)
    for _ in range(MAX_ATTEMPTS + 1):
        try_again(practice, watch)
    waiting = step(practice)
    assert (waiting.state, waiting.reason, waiting.attempts) == ("planned", Reason.NO_GATEWAY, 0)
    assert (note(practice).state, note(practice).attempts, server.calls) == ("pending", 0, [])
    assert [told.subject for told in practice.rows("notifications", template="gateway-missing", channel="in_app")] == [
        "welcome waits for a gateway"
    ]
    secret = connect(practice, server, "new")
    try_again(practice, watch)
    [new] = practice.rows("gateways", name="new")
    [call] = server.calls
    assert call.is_signed_with(secret)
    assert (note(practice).state, note(practice).gateway_id) == ("sent", new.id)


def test_written_message_of_a_named_gateway_waits_for_that_name(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    write_portrait(practice)
    sql("DELETE FROM gateways")
    connect(practice, server, "other", is_default=True)
    try_again(practice, watch)
    assert (step(practice).reason, server.calls) == (Reason.NO_GATEWAY, [])
    connect(practice, server, "social")
    try_again(practice, watch)
    assert (note(practice).state, len(server.calls)) == ("sent", 1)


def test_retried_message_uses_the_gateway_that_its_rule_names(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    write_portrait(practice)
    server.answer(400)
    practice.run(Kind.DELIVER)
    with transaction() as session:
        retry.retry(session, practice.actor(), note(practice).id)
    sql("UPDATE gateways SET is_active = false")
    connect(practice, server, "third", is_default=True)
    practice.run(Kind.DELIVER)
    assert practice.steps(kind=Kind.DELIVER)[-1].reason == Reason.NO_GATEWAY


def test_written_message_that_waits_too_long_for_a_gateway_is_skipped(
    practice: Practice, server: Gateway, watch: Watch
):
    connect(practice, server)
    practice.capture(phone=PHONE)
    sql("UPDATE steps SET lateness = 1000 WHERE name = 'welcome'")
    practice.run(Kind.SEND_MESSAGE)
    sql("DELETE FROM gateways")
    for _ in range(3):
        try_again(practice, watch)
    assert step(practice).reason == Reason.TOO_LATE
    assert (note(practice).state, note(practice).reason) == ("suppressed", Reason.TOO_LATE)


def test_reply_cancels_a_written_message_that_waits_for_a_gateway(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    lead = write(practice)
    sql("DELETE FROM gateways")
    try_again(practice, watch)
    practice.hear_from(lead)
    assert (step(practice).state, note(practice).state) == ("cancelled", "suppressed")


def test_message_that_may_have_arrived_is_not_sent_through_another_gateway(
    practice: Practice, server: Gateway, watch: Watch
):
    connect(practice, server)
    write(practice)
    with no_answer(server):
        practice.run(Kind.DELIVER)
    sql("DELETE FROM gateways")
    connect(practice, server, "new")
    try_again(practice, watch)
    assert (len(server.calls), step(practice).state, note(practice).state) == (1, "unknown", "unknown")


def test_no_transaction_is_open_during_the_call(practice: Practice, server: Gateway, configure: Callable[..., None]):
    configure(outgoing_timeout=20)
    connect(practice, server)
    lead = write(practice)
    server.hang()
    sending = threading.Thread(target=practice.run, args=[Kind.DELIVER])
    sending.start()
    wait_until(lambda: bool(server.calls), 60, "the gateway to be called")
    assert (note(practice).state, step(practice).state) == ("sending", "running")
    practice.opt_out(lead)  # too late for this message, and not blocked by the call
    sql("UPDATE gateways SET per_hour = 7")
    server.hang_up()
    sending.join()
    assert note(practice).state == "sent"


def test_result_of_a_message_is_an_event_for_rules(practice: Practice, server: Gateway):
    connect(practice, server)
    lead = write(practice)
    practice.run(Kind.DELIVER)
    practice.run(Kind.CREATE_TASK)
    assert len(practice.rows("lead_tasks", lead_id=lead, title="See what they say")) == 1
    assert practice.step(lead, name="after-message").cause["event"] == "message.sent"


def test_result_of_an_email_is_an_event_for_rules(open_practice: Callable[..., Practice], smtp: SmtpServer):
    """Results are events for every channel."""
    mail = {"send_message": {"channel": "email", "template": "hello", "transactional": True}}
    rules = [{"name": "welcome", "on": "lead.created", "do": [mail]}, {**RULES["rules"][3], "when": []}]
    practice = open_practice(playbook=yaml.safe_dump({**RULES, "rules": rules}))
    lead = practice.capture()
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    assert len(smtp.accepted) == 1
    assert practice.step(lead, name="after-message").cause["event"] == "message.sent"


def test_failed_message_is_an_event_for_rules(practice: Practice, server: Gateway):
    connect(practice, server)
    lead = write(practice)
    server.answer(400)
    practice.run(Kind.DELIVER)
    assert practice.step(lead, name="after-message").cause["event"] == "message.failed"


def test_webhook_gets_an_event_with_ids_and_codes(practice: Practice, server: Gateway):
    secret = connect(practice, server, "crm", purpose="webhook")
    lead = practice.capture(phone=PHONE)
    practice.speak_with(lead)
    for _ in range(2):
        practice.run(Kind.CALL_WEBHOOK)
    [call] = server.calls
    hook = step(practice, "call_webhook")
    assert call.is_signed_with(secret)
    assert call.id == str(hook.id)
    assert call.said == {
        "type": "lead.contacted",
        "timestamp": hook.cause["occurred_at"],
        "data": {
            "clinic_id": str(practice.clinic_id),
            "lead_id": str(lead),
            "status": "ACTIVE",
            "stage": "contacted",
            "subject_id": hook.cause["subject_id"],
            "rule": "hook",
            "step_id": str(hook.id),
        },
    }
    assert (hook.state, hook.outcome) == ("done", {"status": 200})


@pytest.mark.parametrize(
    ("answer", "idempotent", "state"), [(503, True, "published"), (404, True, "failed"), (None, False, "unknown")]
)
def test_refused_webhook_is_retried_or_fails(
    practice: Practice, server: Gateway, answer: int | None, idempotent: bool, state: str
):
    connect(practice, server, "crm", purpose="webhook", idempotent=idempotent)
    practice.speak_with(practice.capture(phone=PHONE))
    with nullcontext(server.answer(answer)) if answer else no_answer(server):
        practice.run(Kind.CALL_WEBHOOK)
    assert step(practice, "call_webhook").state == state


def test_webhook_in_doubt_can_be_called_again_by_a_user(practice: Practice, server: Gateway):
    connect(practice, server, "crm", purpose="webhook", idempotent=False)
    practice.speak_with(practice.capture(phone=PHONE))
    with no_answer(server):
        practice.run(Kind.CALL_WEBHOOK)
    with transaction() as session:
        steps.retry(session, practice.clinic_id, step(practice, "call_webhook").id)
    practice.run(Kind.CALL_WEBHOOK)
    assert (step(practice, "call_webhook").state, len(server.calls)) == ("done", 2)


@pytest.mark.parametrize("is_there", [False, True])
def test_webhook_without_an_active_gateway_waits(practice: Practice, server: Gateway, watch: Watch, is_there: bool):
    if is_there:
        connect(practice, server, "crm", purpose="webhook", is_active=False)
    practice.speak_with(practice.capture(phone=PHONE))
    practice.run(Kind.CALL_WEBHOOK)
    hook = step(practice, "call_webhook")
    assert (hook.state, hook.reason, hook.attempts) == ("planned", Reason.NO_GATEWAY, 0)
    assert practice.rows("notifications", template="gateway-missing") != []
    sql("DELETE FROM gateways")
    connect(practice, server, "crm", purpose="webhook")
    watch.advance(minutes=15)
    practice.run(Kind.CALL_WEBHOOK)
    assert (step(practice, "call_webhook").state, len(server.calls)) == ("done", 1)


def test_messages_above_the_rate_limit_wait_for_the_next_free_minute(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server, per_hour=2)
    for number in range(5):
        practice.capture(phone=f"+1212555014{number}")
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    assert len(server.calls) == 2
    waiting = [step for step in practice.steps(kind="deliver") if step.reason == Reason.THROTTLED]
    minutes = sorted(step.due_at.replace(second=0, microsecond=0) for step in waiting)
    first, second = at("2026-03-10 12:01"), at("2026-03-10 13:02")
    assert minutes == [first, first, second]  # two find room in an hour and a minute, the third after those
    assert len({step.due_at for step in waiting}) == 3  # not all at the same instant
    assert {step.attempts for step in waiting} == {0}
    for now in (first, second):
        watch.set(now + timedelta(seconds=59, milliseconds=999))
        practice.run(Kind.DELIVER)
    assert len(server.calls) == 5


def test_message_that_the_rate_limit_makes_too_late_is_skipped(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server, per_hour=1)
    for number in range(2):
        practice.capture(phone=f"+1212555014{number}")
    sql("UPDATE steps SET lateness = 1800 WHERE name = 'welcome'")
    practice.run(Kind.SEND_MESSAGE)
    practice.run(Kind.DELIVER)
    watch.advance(hours=1, minutes=2)
    practice.run(Kind.DELIVER)
    assert {(row.state, row.reason) for row in practice.rows("notifications", channel="http")} == {
        ("sent", None),
        ("suppressed", Reason.TOO_LATE),
    }


def test_concurrent_workers_share_the_rate_limit(practice: Practice, server: Gateway):
    connect(practice, server, per_hour=3)
    for number in range(12):
        practice.capture(phone=f"+121255501{number:02}")
    practice.run(Kind.SEND_MESSAGE)
    with ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(practice.run, Kind.DELIVER) for _ in range(8)]:
            running.result(60)
    assert len(server.calls) == 3
    assert sum(row.sent for row in sql("SELECT sent FROM gateway_minutes")) == 3
    waiting = [step.due_at.replace(second=0, microsecond=0) for step in practice.steps(reason=Reason.THROTTLED)]
    assert sorted(Counter(waiting).values()) == [3, 3, 3]


def test_old_counts_and_calls_are_deleted(practice: Practice, server: Gateway, watch: Watch):
    connect(practice, server)
    write(practice)
    practice.run(Kind.DELIVER)
    sql("INSERT INTO gateway_receipts SELECT id, 'x', CAST(:now AS timestamptz) FROM gateways", now=TUESDAY)
    sweep("forget_old_gateway_calls")
    assert [len(sql(f"SELECT 1 FROM {table}")) for table in ("gateway_minutes", "gateway_receipts")] == [1, 1]
    watch.advance(days=8)
    sweep("forget_old_gateway_calls")
    assert [len(sql(f"SELECT 1 FROM {table}")) for table in ("gateway_minutes", "gateway_receipts")] == [0, 0]


@pytest.mark.parametrize(("idempotent", "state"), [(True, "planned"), (False, "unknown")])
def test_interrupted_worker_leaves_idempotent_calls_to_be_repeated(
    practice: Practice, server: Gateway, watch: Watch, idempotent: bool, state: str
):
    connect(practice, server, idempotent=idempotent)
    write(practice)
    sql("UPDATE steps SET state = 'running', lease_until = :now WHERE kind = 'deliver'", now=TUESDAY)
    sql("UPDATE notifications SET state = 'sending'")
    watch.advance(minutes=5)
    sweep("rescue_expired_leases")
    assert step(practice).state == state
    practice.run(Kind.DELIVER)
    assert (note(practice).state, len(server.calls)) == (("sent", 1) if idempotent else ("unknown", 0))
