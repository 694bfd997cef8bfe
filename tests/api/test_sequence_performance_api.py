"""Performance report of a sequence: enrollments, messages and comparison of variants."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from app.automation.sequences.performance.comparison import LEAST
from app.core.db import transaction
from app.engine.models import Kind
from app.identity.models import Role
from app.messaging.gateways.models import ReceiptStatus
from app.messaging.gateways.service import create_gateway
from app.messaging.gateways.status_events import find_gateway, process_events
from tests.support.desk import Answer, Caller, Desk, the_app
from tests.support.enrolling import call, mail, playbook, put, sequence
from tests.support.gateway import Gateway
from tests.support.practice import TUESDAY, Practice, Watch
from tests.support.smtp import SmtpServer
from tests.support.tracking import APPLE_PROXY, image, open_message, track
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice", "tests.support.desk"]

OpenWith = Callable[..., Practice]
VARIANTS = {"channel": "email", "variants": [{"name": "a", "template": "one"}, {"name": "b", "template": "two"}]}


@pytest.fixture
def open_with(open_practice: Callable[..., Practice], smtp: SmtpServer) -> OpenWith:
    return lambda *sequences, **parts: open_practice(playbook=playbook(*sequences, **parts))


@pytest.fixture
def server(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as server:
        configure(outgoing_allow=server.place, outgoing_timeout=10)
        yield server


def desk_of(practice: Practice) -> Desk:
    return Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))


def report_of(practice: Practice, by: Caller | None = None, **query: Any) -> Answer:
    [found] = practice.rows("sequences")
    return (by or desk_of(practice).admin).get(f"/api/sequences/{found.id}/performance", **query)


def shown(practice: Practice, by: Caller | None = None, **query: Any) -> Any:
    answer = report_of(practice, by, until="2026-06-01T00:00:00Z", since="2026-01-01T00:00:00Z", **query)
    assert answer.status == 200, answer.body
    return answer.body


def write_to(practice: Practice, *leads: UUID, into: str = "welcome") -> None:
    """Enroll the leads and run all due steps, including deliveries."""
    put(practice, *leads, into=into)
    practice.run_due()
    while practice.run(Kind.DELIVER):
        pass


def counted(rate: dict[str, Any]) -> tuple[int, int]:
    return rate["count"], rate["of"]


def test_report_counts_enrollments_and_messages_per_step(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(mail("hello"), call("speak", "2 days")))
    replied, converted, away, silent, unreached = (
        practice.capture(**more) for more in ({}, {}, {}, {}, {"email": None})
    )
    write_to(practice, replied, converted, away, silent, unreached)
    watch.advance(hours=1)
    practice.hear_from(replied)
    practice.log(away, "EMAIL", direction="INBOUND", is_auto_reply=True)
    practice.convert(converted)
    watch.advance(days=2)
    practice.run_due()

    told = shown(practice)
    states = ("enrolled", "active", "paused", "completed", "exited")
    assert [told[name] for name in states] == [5, 0, 0, 2, 3]
    assert {one["reason"]: one["count"] for one in told["exit_reasons"]} == {
        "replied": 1,
        "converted": 1,
        "no_address": 1,
    }
    assert (counted(told["replied"]), counted(told["converted"])) == ((1, 5), (1, 5))
    # Wilson: 1 of 5 lies from 3.6 to 62.4 per cent.
    assert (round(told["replied"]["low"], 3), round(told["replied"]["high"], 3)) == (0.036, 0.624)
    hello, speak = told["steps"]
    assert [hello[name] for name in ("step", "kind", "came", "done", "skipped")] == ["hello", "send_message", 5, 4, 1]
    assert hello["skip_reasons"] == [{"reason": "no_address", "count": 1}]
    assert hello["exit_reasons"] == [{"reason": "no_address", "count": 1}]
    assert hello["messages"]["sent"] == told["messages"]["sent"] == 4
    assert (counted(hello["messages"]["replied"]), counted(hello["messages"]["converted"])) == ((1, 4), (1, 4))
    assert (speak["came"], speak["messages"]["replied"]["rate"]) == (2, None)
    assert {one["reason"] for one in speak["exit_reasons"]} == {"replied", "converted"}


def test_opens_are_counted_for_gateways_and_unknown_for_email(open_with: OpenWith, server: Gateway, watch: Watch):
    text = {"name": "text", "send_message": {"channel": "http", "template": "one"}}
    practice = open_with(sequence(mail("hello"), text))
    given = {"name": "social", "purpose": "messages", "url": server.url, "idempotent": True, "is_active": True}
    with transaction() as session:
        gateway_id = create_gateway(session, practice.clinic_id, given).id
    lead = practice.capture()
    write_to(practice, lead)
    watch.advance(days=1)
    write_to(practice)
    message = practice.row("notifications", channel="http")
    events = [
        {"message_id": message.id, "status": told, "at": message.sent_at}
        for told in (ReceiptStatus.OPENED, ReceiptStatus.CLICKED)
    ]
    with transaction() as session:
        process_events(session, find_gateway(session, gateway_id), "a call", events)

    hello, text = (step["messages"] for step in shown(practice)["steps"])
    assert (hello["sent"], counted(hello["opened"]), hello["opened"]["rate"]) == (1, (0, 0), None)
    assert (text["sent"], counted(text["opened"]), counted(text["clicked"])) == (1, (1, 1), (1, 1))
    assert counted(text["delivered"]) == (0, 1)


def test_opens_of_tracked_emails_by_persons_and_machines_are_counted(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(mail("hello")))
    track(practice, opens=True)
    write_to(practice, *(practice.capture() for _ in range(3)))
    first, second, _ = practice.rows("notifications", channel="email")
    watch.advance(minutes=5)
    open_message(first.id)
    open_message(second.id, headers=image(APPLE_PROXY))
    watch.advance(seconds=31)
    sweep("settle_tracking_hits")

    [step] = shown(practice)["steps"]
    hello = step["messages"]
    assert (hello["sent"], counted(hello["opened"]), counted(hello["clicked"])) == (3, (1, 3), (0, 0))
    assert (hello["machine_opened"], hello["machine_clicked"], hello["delivered"]["rate"]) == (1, 0, None)


def test_variants_with_few_messages_have_no_winner(open_with: OpenWith):
    practice = open_with(sequence({"name": "hello", "send_message": VARIANTS}))
    write_to(practice, *(practice.capture() for _ in range(8)))
    [step] = shown(practice)["steps"]
    assert sum(one["came"] for one in step["variants"]) == 8
    assert [one["variant"] for one in step["variants"]] == ["a", "b"]
    first = step["comparisons"][0]
    assert (first["variant"], first["against"], first["measure"]) == ("b", "a", "replied")
    assert (first["verdict"], first["difference"]) == ("not_enough_data", None)
    assert first["words"].startswith("Not enough data: ")
    assert first["advice"] == "keep_going"


def test_better_variant_is_significant(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence({"name": "hello", "send_message": VARIANTS}))
    leads = [practice.capture() for _ in range(3 * LEAST)]
    write_to(practice, *leads)
    watch.advance(minutes=1)
    second = {row.lead_id for row in practice.rows("notifications", template="two")}
    for lead in second:
        practice.hear_from(lead)
    [step] = shown(practice)["steps"]
    by_measure = {one["measure"]: one for one in step["comparisons"]}
    replied, converted = by_measure["replied"], by_measure["converted"]
    assert (replied["verdict"], replied["advice"], replied["difference"]) == ("better", "wins", 1.0)
    assert replied["words"].startswith("b wins: replied: b 100.0%, a 0.0%")
    assert (step["sample_ratio"]["is_alarm"], converted["advice"]) == (False, "keep_going")
    assert 0.8 < replied["low"] < 1.0
    assert (converted["verdict"], converted["difference"]) == ("no_difference", 0.0)
    assert converted["low"] < 0 < converted["high"]
    assert by_measure["opened"]["verdict"] == "not_enough_data"  # opens of e-mails are unknown


def test_versions_are_counted_separately(open_with: OpenWith):
    practice = open_with(sequence(call("one"), call("two")))
    write_to(practice, practice.capture())
    desk, [found] = desk_of(practice), practice.rows("sequences")
    shorter = {"steps": [{"name": "one", "create_task": {"type": "CALL", "title": "Call"}}]}
    assert desk.admin.patch(f"/api/sequences/{found.id}", shorter).status == 200
    write_to(practice, practice.capture(), practice.capture())
    named = {version: shown(practice, version=version) for version in (1, 2)}
    assert [one["enrolled"] for one in named.values()] == [1, 2]
    assert [[step["step"] for step in one["steps"]] for one in named.values()] == [["one", "two"], ["one"]]
    both = shown(practice)
    assert [(step["step"], step["came"], step["is_in_text"]) for step in both["steps"]] == [
        ("one", 3, True),
        ("two", 1, False),
    ]
    assert report_of(practice, version=3).status == 404


def test_report_respects_scope_and_period(open_with: OpenWith, watch: Watch):
    practice = open_with(sequence(call("one")))
    write_to(practice, practice.capture())
    assert shown(practice, by=desk_of(practice).caller(Role.MANAGER))["enrolled"] == 0  # no lead of their team
    until = (TUESDAY).isoformat()
    assert report_of(practice, until=until).body["enrolled"] == 0
    assert report_of(practice, since=until, until="2026-04-01T00:00:00Z").body["enrolled"] == 1


def test_report_without_a_published_version_is_empty(desk: Desk):
    text = {"name": "x", "steps": [{"name": "a", "after": "1 day", "wait": {}}], "is_draft": True}
    draft = desk.admin.post("/api/sequences", text).body
    told = desk.admin.get(f"/api/sequences/{draft['id']}/performance").body
    assert (told["enrolled"], told["steps"], told["replied"]["rate"]) == (0, [], None)


@pytest.mark.parametrize(("query", "pointer"), [({"since": "2026-02-01"}, "/since"), ({"version": "0"}, "/version")])
def test_invalid_query_is_refused_with_its_path(desk: Desk, query: dict[str, str], pointer: str):
    text = {"name": "x", "steps": [{"name": "a", "after": "1 day", "wait": {}}]}
    made = desk.admin.post("/api/sequences", text).body
    assert desk.admin.get(f"/api/sequences/{made['id']}/performance", **query).pointers == [pointer]
