"""Webhooks: calls, retries, pauses, order, replay, and the end of an endpoint that fails."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from standardwebhooks import WebhookVerificationError

from app.api.operations.metrics import render
from app.core.db import transaction
from app.engine.models import Kind
from app.leads.privacy import service as privacy
from app.messaging.webhooks.deliveries import ReplayState
from app.messaging.webhooks.models import WebhookDelivery
from app.messaging.webhooks.retries import MAX_ATTEMPTS, PAUSE_AFTER, WAITS
from app.ops.doctor.database_checks import check_database
from tests.support.gateway import Gateway
from tests.support.practice import TUESDAY, Practice, Watch, no_answer, set_settings, sql
from tests.support.webhooks import Hook, connect, verify
from workers.sweeps.run import sweep

NO_RULES = yaml.safe_dump({"name": "nothing", "rules": [], "templates": {}})


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=10)
        yield server


@pytest.fixture
def practice(open_practice: Callable[..., Practice], server: Gateway) -> Practice:
    return open_practice(playbook=NO_RULES)


@pytest.fixture
def hook(practice: Practice, server: Gateway) -> Hook:
    return connect(practice, server)


def test_event_is_posted_with_ids_and_a_valid_signature(practice: Practice, hook: Hook, server: Gateway):
    lead = practice.capture()
    hook.run()
    [call] = server.calls
    [delivery] = hook.log
    [event] = practice.rows("events", name="lead.created")
    assert verify(call, hook.secret) == {
        "type": "lead.created",
        "timestamp": TUESDAY.isoformat(),
        "data": {
            "clinic_id": str(practice.clinic_id),
            "endpoint_id": str(hook.id),
            "event_id": str(event.id),
            "lead_id": str(lead),
            "changed": [],
        },
    }
    assert call.id == str(delivery.id)
    assert (delivery.state, delivery.attempts, delivery.response_status) == ("delivered", 1, 200)
    assert practice.steps(kind=Kind.POST_WEBHOOKS)[0].state == "done"


def test_filter_selects_events_also_of_tasks_and_custom_names(practice: Practice, server: Gateway):
    hook = connect(practice, server, events=["task.created", "lead.stage_changed"])
    lead = practice.capture()
    practice.plan(lead, TUESDAY + timedelta(days=1))
    practice.move(lead, "contacted")
    hook.run()
    assert sorted(hook.types) == ["lead.stage_changed", "task.created"]
    task = practice.row("lead_tasks")
    assert [call.said["data"]["task_id"] for call in server.calls if "task" in call.said["type"]] == [str(task.id)]


def test_events_of_steps_are_delivered_although_no_rule_listens(
    open_practice: Callable[..., Practice], server: Gateway
):
    practice = open_practice()
    hook = connect(practice, server, events=["task.created"])
    lead = practice.capture()
    practice.run(Kind.CREATE_TASK)
    hook.run()
    assert [call.said["data"]["lead_id"] for call in server.calls] == [str(lead)]


def test_mute_endpoint_does_not_stop_others(practice: Practice, hook: Hook, server: Gateway):
    with Gateway() as mute:
        set_settings(outgoing_allow=f"{server.place},{mute.place}", outgoing_timeout=2)
        other = connect(practice, mute)
        mute.hang()
        for _ in range(30):
            practice.capture()
        hook.run()
        assert set(hook.states) == {"delivered"}
        assert len(mute.calls) < 30  # it was left alone after some failures
        assert other.row.paused_until is not None


def test_metrics_and_doctor_show_waiting_events_and_failing_endpoints(practice: Practice, hook: Hook, server: Gateway):
    server.answer(500)
    practice.capture()
    hook.run()
    sweep("take_census")
    with transaction() as session:
        shown = render(session).decode()
    assert 'relance_webhooks_waiting{state="pending"} 1.0' in shown
    assert 'relance_webhook_endpoints{state="failing"} 1.0' in shown
    assert 'relance_webhook_calls_total{outcome="retried"} 1.0' in shown
    [found] = [check for check in check_database() if check.name == "webhooks"]
    assert (found.is_fine, found.found.startswith("1 failing, 0 disabled, 1 events wait")) == (False, True)


def test_clinic_without_endpoints_has_no_deliveries(practice: Practice, hook: Hook, open_practice: Any):
    other = open_practice(playbook=NO_RULES)
    other.capture()
    assert other.rows("webhook_deliveries") == []
    assert other.steps(kind=Kind.POST_WEBHOOKS) == []


def test_snapshot_of_the_lead_has_no_health_data(practice: Practice, server: Gateway):
    hook = connect(practice, server, include_lead=True)
    lead = practice.capture(email="mia@lead.example", notes="Diabetes", insurance_carrier="Acme")
    hook.run()
    [call] = server.calls
    shown = call.said["data"]["lead"]
    assert (shown["id"], shown["email"], shown["first_name"]) == (str(lead), "mia@lead.example", "Mia")
    assert not {"notes", "insurance_carrier", "insurance_member_id", "patient_dob", "sealed"} & shown.keys()
    assert "Diabetes" not in call.body.decode()


def test_several_events_of_one_transaction_cost_two_statements(practice: Practice, hook: Hook):
    leads = [practice.capture() for _ in range(3)]
    steps = practice.steps(kind=Kind.POST_WEBHOOKS)
    assert len(steps) == len(leads)  # one per transaction
    hook.run()
    assert hook.states == ["delivered"] * 3
    assert [step.outcome["calls"] for step in practice.steps(kind=Kind.POST_WEBHOOKS)] == [3, 0, 0]


@pytest.mark.parametrize("status", [500, 301, 404, 429])
def test_failed_call_is_repeated_with_the_same_id(
    practice: Practice, hook: Hook, server: Gateway, watch: Watch, status: int
):
    server.answer(status, {"Location": server.url}, b"no")
    practice.capture()
    hook.run()
    [delivery] = hook.log
    assert (delivery.state, delivery.attempts, delivery.response_status) == ("pending", 1, status)
    assert TUESDAY + WAITS[0] * 0.9 <= delivery.next_attempt_at <= TUESDAY + WAITS[0] * 1.1
    server.answer(204)
    hook.run_at_next_attempt(watch)
    assert hook.states == ["delivered"]
    assert len(server.calls) == 2  # the redirect was not followed
    assert len({call.id for call in server.calls}) == 1


def test_timeout_and_refused_connection_are_failures(practice: Practice, hook: Hook, server: Gateway, watch: Watch):
    practice.capture()
    with no_answer(server):
        hook.run()
    assert [row.error.partition(":")[0] for row in hook.log] == ["no answer"]
    server.stop()
    hook.run_at_next_attempt(watch)
    assert [(row.error.partition(":")[0], row.attempts) for row in hook.log] == [("no connection", 2)]


def test_retry_after_is_honored(practice: Practice, hook: Hook, server: Gateway, watch: Watch):
    server.answer(429, {"Retry-After": "600"})
    practice.capture()
    hook.run()
    assert hook.log[0].next_attempt_at == TUESDAY + timedelta(minutes=10)
    practice.capture()
    server.answer(200)
    hook.run()
    assert len(server.calls) == 1  # the second event waits too
    watch.advance(minutes=10)
    hook.run()
    assert hook.states == ["delivered", "delivered"]


def test_delivery_fails_after_the_last_attempt(practice: Practice, hook: Hook, server: Gateway, watch: Watch):
    server.answer(500)
    practice.capture()
    hook.run()
    for _ in range(MAX_ATTEMPTS - 1):
        hook.run_at_next_attempt(watch)
    assert [(row.state, row.attempts) for row in hook.log] == [("failed", MAX_ATTEMPTS)]
    assert timedelta(days=2, hours=18) < hook.log[0].attempted_at - TUESDAY < timedelta(days=3, hours=18)


def test_gone_disables_the_endpoint_and_notifies_the_admins(practice: Practice, hook: Hook, server: Gateway):
    server.answer(410)
    practice.capture()
    hook.run()
    assert (hook.row.is_active, hook.row.disabled_because, hook.states) == (False, "gone", ["failed"])
    notes = practice.rows("notifications", template="webhook-endpoint-disabled")
    assert sorted(note.channel for note in notes) == ["email", "in_app"]
    practice.capture()
    assert len(hook.log) == 1  # a disabled endpoint gets no further events


def test_failing_endpoint_is_paused_and_then_gets_one_call_at_a_time(
    practice: Practice, hook: Hook, server: Gateway, watch: Watch
):
    server.answer(503)
    for _ in range(40):
        practice.capture()
    hook.run()
    tried = len(server.calls)
    assert PAUSE_AFTER <= tried < 40  # the other calls of the batch are not made
    assert hook.row.paused_until == TUESDAY + timedelta(seconds=30)
    hook.run()
    assert len(server.calls) == tried
    watch.set(hook.row.paused_until)
    hook.run()
    assert len(server.calls) == tried + 1
    assert hook.row.paused_until == TUESDAY + timedelta(seconds=30 + 60)


def test_backlog_is_sent_in_order_after_a_recovery(practice: Practice, server: Gateway, watch: Watch):
    hook = connect(practice, server, ordered=True)
    server.answer(503)
    leads = [practice.capture() for _ in range(8)]
    hook.run()
    for lead in leads:
        watch.advance(seconds=1)
        practice.move(lead, "contacted")
    server.answer(200)
    first = len(server.calls)
    watch.advance(minutes=1)
    hook.run()
    assert set(hook.states) == {"delivered"}
    for lead in leads:
        own = [call.said["type"] for call in server.calls[first:] if call.said["data"]["lead_id"] == str(lead)]
        assert own[0] == "lead.created"
    assert (hook.row.failures, hook.row.failing_since, hook.row.paused_until) == (0, None, None)


def test_later_event_of_a_lead_waits_for_the_earlier_one(practice: Practice, server: Gateway, watch: Watch):
    hook = connect(practice, server, ordered=True, events=["lead.created", "lead.stage_changed"])
    refused = practice.capture()
    server.answer_by(lambda call: 500 if call.said["data"]["lead_id"] == str(refused) else 200)
    other = practice.capture()
    for lead in (refused, other):
        practice.move(lead, "contacted")
    hook.run()
    assert [row.state for row in hook.log if row.lead_id == other] == ["delivered"] * 2
    assert [row.attempts for row in hook.log if row.lead_id == refused] == [1, 0]
    server.answer_by(lambda _: 200)
    hook.run_at_next_attempt(watch)
    assert set(hook.states) == {"delivered"}
    own = [call.said["type"] for call in server.calls if call.said["data"]["lead_id"] == str(refused)]
    assert own == ["lead.created", "lead.created", "lead.stage_changed"]


def test_endpoint_that_fails_for_days_is_disabled_after_a_warning(
    practice: Practice, hook: Hook, server: Gateway, watch: Watch, configure: Callable[..., None]
):
    configure(webhook_disable_after_days=2)
    server.answer(500)
    practice.capture()
    hook.run()
    watch.advance(days=1)
    hook.run()
    assert len(practice.rows("notifications", template="webhook-endpoint-failing")) == 2
    watch.advance(hours=20)
    practice.capture()
    hook.run()
    assert len(practice.rows("notifications", template="webhook-endpoint-failing")) == 2  # once
    assert hook.row.is_active
    watch.advance(hours=4)
    hook.run()
    assert (hook.row.is_active, hook.row.disabled_because) == (False, "failing")
    assert len(practice.rows("notifications", template="webhook-endpoint-disabled")) == 2
    server.answer(200)
    hook.run()
    assert set(hook.states) == {"pending"}
    hook.activate()
    hook.run()
    assert set(hook.states) == {"delivered"}
    assert hook.row.disabled_at is None


def test_both_secrets_sign_for_a_day_after_a_rotation(practice: Practice, hook: Hook, server: Gateway, watch: Watch):
    new = hook.rotate()
    practice.capture()
    hook.run()
    verify(server.calls[-1], hook.secret)
    verify(server.calls[-1], new)
    watch.advance(days=1)
    practice.capture()
    hook.run()
    verify(server.calls[-1], new)
    with pytest.raises(WebhookVerificationError):
        verify(server.calls[-1], hook.secret)


def test_replay_sends_a_range_again_with_the_same_ids(practice: Practice, hook: Hook, server: Gateway, watch: Watch):
    practice.capture()
    hook.run()
    watch.advance(hours=2)
    practice.capture()
    hook.run()
    ids = [call.id for call in server.calls]
    since = TUESDAY + timedelta(hours=1)
    assert hook.replay(since=since, dry_run=True) == (1, 0, True)
    assert hook.replay(since=since, state=ReplayState.FAILED) == (0, 0, False)
    assert hook.replay(since=TUESDAY, until=since)[:2] == (1, 0)
    hook.run()
    assert [call.id for call in server.calls] == [*ids, ids[0]]
    assert hook.replay(since=TUESDAY, until=since + timedelta(days=1))[:2] == (2, 0)
    hook.run()
    assert sorted(call.id for call in server.calls[3:]) == sorted(ids)


def test_replay_sends_events_that_occurred_while_the_endpoint_was_inactive(
    practice: Practice, hook: Hook, server: Gateway, watch: Watch
):
    practice.capture()
    hook.run()
    hook.set(is_active=False)
    missed = practice.capture()
    hook.activate()
    watch.advance(minutes=1)
    assert hook.replay(since=TUESDAY, state=ReplayState.MISSING)[:2] == (1, 0)
    hook.run()
    assert server.calls[-1].said["data"]["lead_id"] == str(missed)
    assert len(server.calls) == 2


def test_test_event_is_sent_like_others(practice: Practice, hook: Hook, server: Gateway):
    delivery = hook.test()
    hook.run()
    [call] = server.calls
    assert (call.id, verify(call, hook.secret)["type"]) == (str(delivery), "webhook.test")


def test_private_address_is_refused_at_each_call(
    practice: Practice, hook: Hook, server: Gateway, configure: Callable[..., None]
):
    practice.capture()
    hook.run()
    configure(outgoing_allow="")
    practice.capture()
    hook.run()
    assert len(server.calls) == 1
    assert "must begin with https://" in hook.log[-1].error


def test_answer_is_stored_encrypted_and_cut(practice: Practice, hook: Hook, server: Gateway):
    server.answer(200, {}, "mia@lead.example " * 100)
    practice.capture()
    hook.run()
    [row] = sql("SELECT to_jsonb(d)::text AS whole FROM webhook_deliveries d")
    assert "mia@" not in row.whole
    with transaction() as session:
        found = session.get_one(WebhookDelivery, hook.log[0].id)
        assert found.response == ("mia@lead.example " * 100)[:500]


def test_deliveries_of_an_erased_lead_are_deleted(practice: Practice, server: Gateway):
    hook = connect(practice, server, include_lead=True)
    lead, other = practice.capture(), practice.capture()
    with transaction() as session:
        privacy.erase_lead(session, practice.actor(), lead, reason="They asked")
    hook.run()
    assert {row.lead_id for row in hook.log} == {other}
    assert {call.said["data"]["lead_id"] for call in server.calls} == {str(other)}


def test_old_deliveries_are_deleted(practice: Practice, hook: Hook, watch: Watch):
    practice.capture()
    hook.run()
    [row] = hook.log
    watch.set(row.created_at + timedelta(days=365 * 2))  # ids have the real time
    sweep("forget_old_webhooks")
    assert hook.log == []


def test_interrupted_calls_are_made_again_after_their_lease(
    practice: Practice, hook: Hook, server: Gateway, watch: Watch
):
    practice.capture()
    sql("UPDATE webhook_deliveries SET state = 'sending', next_attempt_at = :at", at=TUESDAY + timedelta(seconds=90))
    sql("UPDATE steps SET state = 'running', lease_until = :at WHERE kind = 'post_webhooks'", at=TUESDAY)
    hook.run()
    assert server.calls == []
    watch.advance(seconds=91)
    sweep("rescue_expired_leases")
    hook.run()
    assert hook.states == ["delivered"]
    assert {step.state for step in practice.steps(kind=Kind.POST_WEBHOOKS)} == {"done"}
