"""Alarms of operators: failed, unknown and waiting messages, channels, broker, access and workers."""

import re
from collections.abc import Callable
from typing import Final

import pytest

from app.api.operations.metrics import render
from app.core.db import transaction
from app.engine.broker import QUEUES
from app.engine.steps import holds
from app.ops.doctor.check import Check
from app.ops.doctor.database_checks import check_database
from app.ops.doctor.message_checks import check_mail_server
from app.ops.embedded import Postgres
from tests.support.mail import SEND
from tests.support.practice import Practice, Watch, sql
from tests.support.smtp import DROP, HANG, SmtpServer
from workers.sweeps.run import sweep

SOCIAL: Final = """
name: social
rules:
  - {name: hi, on: lead.created, do: [{send_message: {channel: http, template: hello}}]}
templates:
  hello: {subject: Hello, body: "Hello {{ lead.first_name }}"}
"""


def write_messages(practice: Practice, number: int) -> None:
    for _ in range(number):
        practice.fail_to_reach(practice.capture())
    practice.run("send_message")
    practice.run(SEND)


def doctor(name: str) -> Check:
    [found] = [check for check in check_database() if check.name == name]
    return found


def metric(sample: str) -> float:
    with transaction() as session:
        text = render(session).decode()
    [value] = re.findall(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(value)


def test_healthy_installation_passes_the_checks_of_messages(practice: Practice, smtp: SmtpServer, watch: Watch):
    write_messages(practice, 2)

    for name in ("failed", "unknown", "messages", "channels", "gateways"):
        assert doctor(name).is_fine
    [mail] = check_mail_server()
    assert mail == Check("e-mail", "the mail server answers")


def test_failed_messages_are_reported(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("rcpt", "550 5.1.1 No such user")
    write_messages(practice, 2)

    assert doctor("failed").found == "2 steps, 2 of them in the last 24 hours"
    assert "relance notifications retry --failed" in doctor("failed").advice
    sweep("take_census")
    assert metric('relance_steps_present{kind="deliver",state="failed"}') == 2
    watch.advance(days=2)
    assert doctor("failed") == Check("failed", "2 steps, 0 of them in the last 24 hours")


def test_messages_in_doubt_are_reported(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("dot", DROP)
    write_messages(practice, 2)

    assert doctor("unknown").found == "2 calls may have arrived"
    assert "relance notifications resolve" in doctor("unknown").advice
    sweep("take_census")
    assert metric('relance_steps_present{kind="deliver",state="unknown"}') == 2


def test_messages_in_retry_are_reported(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.on("rcpt", "450 4.2.2 Mailbox full")
    write_messages(practice, 2)

    assert doctor("messages").is_fine  # a retry alone is no alarm
    watch.advance(minutes=61)
    assert doctor("messages").found == "2 in retry, 0 wait for a channel, the oldest for 61 minutes"
    assert not doctor("messages").is_fine
    sweep("take_census")
    assert metric('relance_messages_late{because="retrying"}') == 2
    assert metric("relance_oldest_late_message_seconds") == 61 * 60


def test_channel_that_is_down_is_reported(practice: Practice, smtp: SmtpServer, watch: Watch):
    smtp.stop()
    write_messages(practice, 3)
    write_messages(practice, 2)

    assert doctor("channels").found.startswith("email since 2026-03-10 15:00Z (")
    assert "SMTP_URL" in doctor("channels").advice
    [mail] = check_mail_server()
    assert "refused" in mail.found
    assert metric('relance_channel_down{channel="email"}') == 1
    sweep("take_census")
    assert metric('relance_messages_late{because="waiting"}') == 3


def test_mute_mail_server_costs_one_time_out(practice: Practice, smtp: SmtpServer):
    smtp.on("greeting", HANG)

    [mail] = check_mail_server()

    assert "timed out" in mail.found
    assert smtp.connections == 1


def test_missing_grants_are_a_metric(practice: Practice, postgres: Postgres):
    assert metric("relance_access_problems") == 0
    with postgres.connect("relance") as owner:
        owner.execute("REVOKE SELECT ON leads FROM relance_clinic")
    try:
        assert metric("relance_access_problems") == 1
    finally:
        with postgres.connect("relance") as owner:
            owner.execute("GRANT SELECT ON leads TO relance_clinic")


def test_broker_is_a_metric(practice: Practice, monkeypatch: pytest.MonkeyPatch):
    assert metric("relance_broker_up") == 1
    monkeypatch.setattr("app.api.operations.metrics.broker_takes_writes", lambda: False)
    assert metric("relance_broker_up") == 0


def test_queues_without_an_answering_worker_are_a_metric(practice: Practice):
    sweep("take_census")

    for queue in QUEUES:
        assert metric(f'relance_workers{{queue="{queue}"}}') == 0


def test_steps_that_wait_for_a_gateway_are_reported(open_practice: Callable[..., Practice], watch: Watch):
    practice = open_practice(playbook=SOCIAL)
    assert doctor("gateways") == Check("gateways", "no step waits for one")
    practice.capture(phone="+12125550143")
    practice.run("send_message")

    [slug] = [row.slug for row in sql("SELECT slug FROM clinics WHERE id = :id", id=practice.clinic_id)]
    found = doctor("gateways")
    assert found.found == f"waiting steps by clinic: {slug} 1"
    assert "POST /api/gateways" in found.advice


def test_late_steps_of_a_held_system_need_no_workers(practice: Practice, smtp: SmtpServer, watch: Watch):
    practice.capture()
    watch.advance(hours=2)
    assert "start more workers" in doctor("overdue").advice
    with transaction() as session:
        holds.hold(session, "restored")

    assert doctor("overdue").is_fine
    assert doctor("overdue").found.endswith("; the system is held")
    assert "relance resume" in doctor("hold").advice


def test_clinics_without_a_postal_address_are_named(practice: Practice):
    [slug] = [row.slug for row in sql("SELECT slug FROM clinics")]
    assert (doctor("postal address").is_fine, slug in doctor("postal address").found) == (True, True)

    sql("UPDATE clinics SET postal_address = '1 Main Street'")
    assert doctor("postal address").found == "none is missing"
    sql("UPDATE clinics SET postal_address = NULL")
    sql("UPDATE rules SET active = false")
    sql("UPDATE sequences SET active = false")
    assert doctor("postal address").found == "none is missing"
